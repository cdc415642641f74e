"""`mlukit examples`: training examples out of articles and the entity vocabulary."""

from collections.abc import Sequence

from mlukit.pipelines.command import run_command
from mlukit.pipelines.graphs import examples


def main(arguments: Sequence[str]) -> int:
    """The command."""
    return run_command(
        "examples",
        "Training examples, from OUT/articles and OUT/vocabulary.",
        "  mlukit examples --output OUT --sentencepiece-model sentencepiece.bpe.model\n"
        "  mlukit examples --output OUT --train-sentencepiece 32000 --format parquet",
        [examples.STAGE],
        arguments,
        examples.check,
    )
