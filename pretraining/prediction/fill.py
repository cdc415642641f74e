"""`mlukit fill`: which entities a model thinks a text is about."""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from mlukit.pretraining.errors import reports_errors, say
from mlukit.pretraining.prediction.cloze import read_cloze
from mlukit.pretraining.training.run_folder import examples_of, read_model_config, weights_file

_EPILOG = """examples:
  mlukit fill RUN --text 'Berlin is the capital of [Germany].'
  mlukit fill RUN --text 'Berlin ist die Hauptstadt von [?].' --language de
Each mention in brackets is guessed, from its words and those around it; [?] masks its words too.
"""


@reports_errors("fill")
def main(arguments: Sequence[str]) -> int:
    """Runs the command, and returns its exit status."""
    options = _parser().parse_args(arguments)
    _fill(options.run, options.text, options.examples, options.number, options.language)
    return 0


def _fill(run: Path, texts: Sequence[str], examples: Path | None, number: int, language: str) -> None:
    """Prints the likeliest entities of each mention of each text."""
    from mlukit.pretraining.prediction.guess_entities import EntityGuesser  # imports torch, which takes seconds

    examples = examples_of(run, examples)
    config = read_model_config(run)
    guesser = EntityGuesser.load(config, weights_file(run, say=partial(say, "fill")), examples)
    clozes = [read_cloze(text, guesser.tokenizer, config) for text in texts]
    for cloze in clozes:
        print(cloze.text)
        for mention, guesses in zip(cloze.mentions, guesser.guess(cloze, number, language), strict=True):
            for rank, guess in enumerate(guesses):
                shown = f"[{mention}]" if rank == 0 else ""
                print(f"  {shown:<24} {guess.probability:6.1%}  {guess.label} ({guess.name})")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mlukit fill",
        description="Guesses the entities of mentions in a text.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of `mlukit train`; or INIT of `mlukit import`")
    parser.add_argument("--text", action="append", required=True, help="mentions in brackets; may be given again")
    parser.add_argument("--number", type=_count, default=5, metavar="N", help="guesses of each (default: 5)")
    parser.add_argument("--language", default="en", metavar="CODE", help="of the labels (default: en)")
    parser.add_argument(
        "--examples", type=Path, metavar="OUT", help="output folder of `mlukit build` (default: where RUN found it)"
    )
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)
