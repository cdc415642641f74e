"""`mlukit fill`: asks a model which entities the mentions in a text denote."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from mlukit.engine.command_parser import CommandParser, at_least, with_default
from mlukit.pretraining.config import DataConfig
from mlukit.pretraining.errors import reports_errors, warn
from mlukit.pretraining.local_folder import local_folder
from mlukit.pretraining.prediction.cloze import beyond_training, read_cloze
from mlukit.pretraining.training.run_folder import (
    examples_of,
    is_run,
    read_model_config,
    read_run_config,
    weights_file,
)

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
    _fill(options.run, options.text, options.examples, options.number, options.language)
    return 0


def _fill(run: Path, texts: Sequence[str], examples: Path | None, number: int, language: str) -> None:
    """Prints the likeliest entities of each mention of each text."""
    from mlukit.pretraining.prediction.guess_entities import EntityGuesser  # imports torch, which takes seconds
    from mlukit.pretraining.training.fingerprints import check_vocabularies

    examples = examples_of(run, examples)
    config = read_model_config(run)
    check_vocabularies(run, examples)
    guesser = EntityGuesser.load(config, weights_file(run, say=partial(warn, "fill")), examples)
    clozes = [read_cloze(text, guesser.tokenizer, config) for text in texts]
    limits = read_run_config(run).data if is_run(run) else DataConfig()
    for cloze in clozes:
        for text in beyond_training(cloze, limits):
            warn("fill", f"{cloze.text!r}: {text}")
    for cloze in clozes:
        print(cloze.text)
        for mention, guesses in zip(cloze.mentions, guesser.guess(cloze, number, language), strict=True):
            for rank, guess in enumerate(guesses):
                shown = f"[{mention}]" if rank == 0 else ""
                print(f"  {shown:<24} {guess.probability:6.1%}  {guess.label} ({guess.name})")


def parser() -> CommandParser:
    """Of the command's flags."""
    description = "Guesses the entities of mentions in a text."
    made = CommandParser("fill", "RUN --text TEXT [FLAGS]", description, _EXAMPLES, [_NOTE])
    add = made.group("input").add_argument
    add("run", type=local_folder, metavar="RUN", help="Folder of mlukit train, or INIT of mlukit import. Required.")
    text = "A text with mentions in brackets. The flag may be given again. Required."
    add("--text", action="append", required=True, metavar="TEXT", help=text)
    text = with_default("Output folder of mlukit build.", "the folder where RUN found its examples")
    add("--examples", type=local_folder, metavar="OUT", help=text)
    add = made.group("output").add_argument
    add("--number", type=at_least(1), default=5, metavar="N", help="Guesses to show for each mention.")
    add("--language", default="en", metavar="CODE", help="Language of the labels of entities.")
    return made
