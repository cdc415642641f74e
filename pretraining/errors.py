"""The errors that a user can correct, and how a command reports them: one line on stderr and an exit status."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TypeAlias

from mlukit.engine.errors import RefusedError, report_errors
from mlukit.engine.logs import complain as log_error
from mlukit.engine.logs import say as log_info
from mlukit.engine.logs import warn as log_warning

Main: TypeAlias = Callable[[Sequence[str]], int]


class PretrainingError(ValueError):
    """A setting or a file cannot be used; the text shows what was found, and what would be accepted."""


REPORTED = (
    PretrainingError,
    RefusedError,
    OSError,
)  # what ends a command with one line; anything else is a fault of the program


def say(command: str, text: str) -> None:
    """Prints a line to stderr, with the name of the command before it; `--quiet` leaves the line out."""
    log_info(f"mlukit {command}: {text}")


def warn(command: str, text: str) -> None:
    """Prints a line of something that may be wrong."""
    log_warning(f"mlukit {command}: {text}")


def complain(command: str, text: str) -> None:
    """Prints a line of what failed, or was refused."""
    log_error(f"mlukit {command}: {text}")


def reports_errors(command: str) -> Callable[[Main], Main]:
    """Decorates the main function of a command, so that a reported error becomes one line and the exit status 2."""

    def decorate(main: Main) -> Main:
        @wraps(main)
        def reporting_main(arguments: Sequence[str]) -> int:
            return report_errors(command, lambda: main(arguments), refused=REPORTED, failed=(), after_stop="")

        return reporting_main

    return decorate
