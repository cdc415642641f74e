"""`mlukit examples`: makes training examples from articles and the entity vocabulary."""

from collections.abc import Sequence

from mlukit.engine.command_parser import CommandParser
from mlukit.pipelines.command import run_command
from mlukit.pipelines.graphs import examples
from mlukit.pipelines.settings import command_parser


def main(arguments: Sequence[str]) -> int:
    """Runs the command, and returns the exit status."""
    return run_command(parser(), lambda _: [examples.STAGE], arguments, examples.check)


def parser() -> CommandParser:
    """The parser of the command's flags."""
    return command_parser(
        "examples",
        "Makes training examples from OUT/articles and OUT/vocabulary.",
        "  mlukit examples --output OUT --sentencepiece-model sentencepiece.bpe.model\n"
        "  mlukit examples --output OUT --train-sentencepiece 32000 --format parquet",
    )
