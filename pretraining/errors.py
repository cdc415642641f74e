"""The errors that a user can correct, and how a command reports them: one line on stderr and an exit status."""

import sys
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TypeAlias

Main: TypeAlias = Callable[[Sequence[str]], int]


class PretrainingError(ValueError):
    """A setting or a file cannot be used; the text shows what was found, and what would be accepted."""


REPORTED = (PretrainingError, OSError)  # what ends a command with one line; anything else is a fault of the program


def say(command: str, text: str) -> None:
    """Prints a line to stderr, with the name of the command before it."""
    print(f"mlukit {command}: {text}", file=sys.stderr, flush=True)


def reports_errors(command: str) -> Callable[[Main], Main]:
    """Decorates the main function of a command, so that a reported error becomes one line and the exit status 2."""

    def decorate(main: Main) -> Main:
        @wraps(main)
        def reporting_main(arguments: Sequence[str]) -> int:
            try:
                return main(arguments)
            except BrokenPipeError:  # no error of the command: the reader of its output has gone
                raise
            except REPORTED as error:
                say(command, str(error))
                return 2

        return reporting_main

    return decorate
