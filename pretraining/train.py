"""`mlukit train`."""

from collections.abc import Sequence

from mlukit.pretraining.settings import parse


def main(arguments: Sequence[str]) -> int:
    """Runs the command; its exit status."""
    settings = parse(arguments)
    from mlukit.pretraining.training.run import start  # torch, which takes seconds: after the flags were found right

    return start(settings)
