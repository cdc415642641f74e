"""`mlukit build`: all stages, from dumps to training examples."""

from collections.abc import Sequence

from mlukit.engine.command_parser import CommandParser
from mlukit.pipelines.command import run_command
from mlukit.pipelines.graphs import examples, mentions, vocabulary
from mlukit.pipelines.graphs.stages import STAGES
from mlukit.pipelines.settings import Settings, command_parser
from mlukit.pipelines.sources import chosen_languages
from mlukit.pipelines.stage import Stage


def main(arguments: Sequence[str]) -> int:
    """Runs the command, and returns the exit status."""
    return run_command(parser(), stages_of, arguments, check)


def parser() -> CommandParser:
    """The parser of the command's flags."""
    return command_parser(
        "build",
        "Makes articles, the entity vocabulary and training examples from dumps of Wikipedia: all stages.",
        "  mlukit build --dumps DIR --output OUT --languages en,de,ja --sentencepiece-model sentencepiece.bpe.model\n"
        "  mlukit build --dumps DIR --output OUT --config wikipedia24 --train-sentencepiece 250000\n"
        "  mlukit build --dumps DIR --output OUT --train-sentencepiece 32000 --dry-run",
    )


def stages_of(settings: Settings) -> list[Stage]:
    """The stages of the command: all, but mentions only with --link-probability."""
    return [stage for stage in STAGES if stage is not mentions.STAGE or settings.link_probability]


def check(settings: Settings) -> None:
    """Refuses settings before any work if a later stage would refuse them."""
    examples.check(settings)
    vocabulary.check(settings, chosen_languages(settings))
