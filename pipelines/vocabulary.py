"""`mlukit vocabulary`: makes one entity vocabulary for all languages, and a mention dictionary for each language."""

from collections.abc import Sequence

from mlukit.engine.command_parser import CommandParser
from mlukit.pipelines.command import run_command
from mlukit.pipelines.graphs import vocabulary
from mlukit.pipelines.settings import command_parser


def main(arguments: Sequence[str]) -> int:
    """Runs the command, and returns the exit status."""
    return run_command(parser(), lambda _: [vocabulary.STAGE], arguments)


def parser() -> CommandParser:
    """The parser of the command's flags."""
    return command_parser(
        "vocabulary",
        "Makes one entity vocabulary for all languages, and a mention dictionary for each language, from OUT/articles.",
        "  mlukit vocabulary --output OUT\n  mlukit vocabulary --output OUT --vocabulary-size 500000 --min-count 5",
    )
