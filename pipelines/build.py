"""`mlukit build`: all stages, from dumps to training examples."""

from collections.abc import Sequence

from mlukit.pipelines.command import run_command
from mlukit.pipelines.graphs import examples, vocabulary
from mlukit.pipelines.graphs.stages import STAGES
from mlukit.pipelines.settings import Settings
from mlukit.pipelines.sources import chosen_languages


def main(arguments: Sequence[str]) -> int:
    """The command."""
    return run_command(
        "build",
        "Articles, entity vocabulary and training examples, from dumps of Wikipedia.",
        "  mlukit build --dumps DIR --output OUT --languages en,de,ja --sentencepiece-model sentencepiece.bpe.model\n"
        "  mlukit build --dumps DIR --output OUT --config wikipedia24 --train-sentencepiece 250000",
        STAGES,
        arguments,
        check,
    )


def check(settings: Settings) -> None:
    """Refuses before the work on dumps what later stages would refuse after it."""
    examples.check(settings)
    vocabulary.check(settings, chosen_languages(settings))
