"""`mlukit fill`: asks a model which entities the mentions in a text denote."""

from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence

from mlukit.corpus.languages.load import check_code
from mlukit.engine.command_parser import CommandParser, at_least
from mlukit.pretraining.config import DataConfig
from mlukit.pretraining.errors import reports_errors, warn
from mlukit.pretraining.local_folder import local_folder
from mlukit.pretraining.prediction.cloze import beyond_training, read_cloze
from mlukit.pretraining.prediction.model_flags import add_device, add_examples
from mlukit.pretraining.prediction.text_errors import shown
from mlukit.pretraining.training.run_folder import is_run, read_run_config

_EXAMPLES = """\
  mlukit fill RUN --text 'Berlin is the capital of [Germany].'
  mlukit fill RUN --text 'Berlin ist die Hauptstadt von [?].' --language de
"""
_NOTE = (
    "The model guesses the entity of each mention in brackets, from the words of the mention and the words around it. "
    "[?] hides the words of the mention from the model."
)


@reports_errors("fill")
def main(arguments: Sequence[str]) -> int:
    """Runs the command, and returns its exit status."""
    options = parser().parse_args(arguments)
    _fill(options)
    return 0


def _fill(options: Namespace) -> None:
    """Prints the likeliest entities of each mention of each text."""
    from mlukit.pretraining.prediction.guess_entities import guess_entities  # imports torch, which takes seconds
    from mlukit.pretraining.prediction.load_model import load_model

    loaded = load_model(options.model, options.examples, options.device)
    clozes = [read_cloze(text, loaded.tokenizer, loaded.model.config) for text in options.text]
    limits = read_run_config(options.model).data if is_run(options.model) else DataConfig()
    for cloze in clozes:
        for text in beyond_training(cloze, limits):
            warn("fill", f"{shown(cloze.text)}: {text}")
    for cloze in clozes:
        print(cloze.text)
        found = guess_entities(loaded, cloze, options.number, options.language)
        for mention, guesses in zip(cloze.mentions, found, strict=True):
            for rank, guess in enumerate(guesses):
                place = f"[{mention}]" if rank == 0 else ""
                print(f"  {place:<24} {guess.probability:6.1%}  {guess.label} ({guess.name})")


def _language(code: str) -> str:
    """Reads --language: the code of a Wikipedia."""
    try:
        check_code(code)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error
    return code


def parser() -> CommandParser:
    """Of the command's flags."""
    description = "Guesses the entities of mentions in a text."
    made = CommandParser("fill", "MODEL --text TEXT [FLAGS]", description, _EXAMPLES, [_NOTE])
    add = made.group("input").add_argument
    text = "Folder of mlukit train, import or export, or of mLUKE as transformers has it. Required."
    add("model", type=local_folder, metavar="MODEL", help=text)
    text = "A text with mentions in brackets. The flag may be given again. Required."
    add("--text", action="append", required=True, metavar="TEXT", help=text)
    add_examples(made)
    add = made.group("output").add_argument
    add("--number", type=at_least(1), default=5, metavar="N", help="Guesses to show for each mention.")
    add("--language", type=_language, default="en", metavar="CODE", help="Language of the labels of entities.")
    add_device(made)
    return made
