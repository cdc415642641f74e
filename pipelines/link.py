"""`mlukit link`: dumps become articles, text with its links and the Wikidata items that they denote."""

from collections.abc import Sequence

from mlukit.pipelines.command import run_command
from mlukit.pipelines.graphs import link


def main(arguments: Sequence[str]) -> int:
    """The command."""
    return run_command(
        "link",
        "Articles with their links and items, from dumps of Wikipedia.",
        "  mlukit link --dumps DIR --output OUT --languages en,de,ja\n"
        "  mlukit link --dump en=enwiki.xml.bz2 --output OUT --allow-unresolved",
        [link.STAGE],
        arguments,
    )
