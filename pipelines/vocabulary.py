"""`mlukit vocabulary`: one entity vocabulary over all languages, and a mention dictionary for each."""

from collections.abc import Sequence

from mlukit.pipelines.command import run_command
from mlukit.pipelines.graphs import vocabulary


def main(arguments: Sequence[str]) -> int:
    """The command."""
    return run_command(
        "vocabulary",
        "One entity vocabulary over all languages, and a mention dictionary for each, from OUT/articles.",
        "  mlukit vocabulary --output OUT\n  mlukit vocabulary --output OUT --vocabulary-size 500000 --min-count 5",
        [vocabulary.STAGE],
        arguments,
    )
