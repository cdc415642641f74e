"""How a run ends that could not go on, and how every command tells its user."""

from collections.abc import Callable
from typing import TypeAlias

from mlukit.engine.logs import complain

Errors: TypeAlias = tuple[type[Exception], ...]


class RunError(Exception):
    """The run could not go on; its text says why, and how to go on."""


class RefusedError(ValueError):
    """What was asked for cannot be done; its text shows the value and what would be accepted."""


def report_errors(command: str, work: Callable[[], int], *, refused: Errors, failed: Errors, after_stop: str) -> int:
    """Does the work of a command; whatever goes wrong, the user reads one line.

    Args:
        work: returns the exit status where nothing goes wrong.
        refused: errors in what was asked for; looked for before `failed`.
        failed: errors of a run that was rightly asked for.
        after_stop: what to tell the user after Ctrl-C.

    Returns:
        The exit status: 2 for what was refused, 1 for what failed, 130 after Ctrl-C.

    Raises:
        BrokenPipeError: the reader of our output has gone, which is no fault of the command.
    """
    try:
        return work()
    except BrokenPipeError:
        raise
    except refused as error:
        complain(f"mlukit {command}: {error}")
        return 2
    except failed as error:
        complain(f"mlukit {command}: {error}")
        return 1
    except KeyboardInterrupt:
        complain(f"\nmlukit {command}: stopped. {after_stop}".rstrip())
        return 130
