"""`mlukit mentions`: counts how often each anchor of the mention dictionaries is a link where it stands."""

from collections.abc import Sequence

from mlukit.engine.command_parser import CommandParser
from mlukit.pipelines.command import run_command
from mlukit.pipelines.graphs import mentions
from mlukit.pipelines.settings import OUTPUT, command_parser


def main(arguments: Sequence[str]) -> int:
    """Runs the command, and returns the exit status."""
    return run_command(parser(), lambda _: [mentions.STAGE], arguments)


def parser() -> CommandParser:
    """The parser of the command's flags."""
    made = command_parser(
        "mentions",
        "Counts in OUT/articles how often each anchor of OUT/mentions is a link where it stands: the link probability. "
        "Writes the figures to OUT/mentions.",
        "  mlukit mentions OUT\n  mlukit mentions OUT --workers 4",
    )
    text = "Output folder of mlukit vocabulary. Required, unless --output names the folder."
    made.group(OUTPUT).add_argument("output", nargs="?", metavar="OUT", help=text)
    return made
