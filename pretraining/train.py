"""`mlukit train`."""

from collections.abc import Sequence

from mlukit.pretraining.errors import reports_errors
from mlukit.pretraining.settings import parse, parser

__all__ = ["main", "parser"]


@reports_errors("train")
def main(arguments: Sequence[str]) -> int:
    """Runs the command, and returns its exit status."""
    settings = parse(arguments)
    from mlukit.pretraining.training.run import (
        start,  # imports torch, which takes seconds: after the flags were checked
    )

    return start(settings)
