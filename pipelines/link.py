"""`mlukit link`: makes articles from dumps: text, links, and the Wikidata items of the links."""

from collections.abc import Sequence

from mlukit.engine.command_parser import CommandParser
from mlukit.pipelines.command import run_command
from mlukit.pipelines.graphs import link
from mlukit.pipelines.settings import command_parser


def main(arguments: Sequence[str]) -> int:
    """Runs the command, and returns the exit status."""
    return run_command(parser(), lambda _: [link.STAGE], arguments)


def parser() -> CommandParser:
    """The parser of the command's flags."""
    return command_parser(
        "link",
        "Makes articles, with their links and the items of the links, from dumps of Wikipedia.",
        "  mlukit link --dumps DIR --output OUT --languages en,de,ja\n"
        "  mlukit link --dump en=enwiki.xml.bz2 --output OUT --allow-unresolved",
    )
