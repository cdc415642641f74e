"""The errors that end a run, and how a command reports them to its user."""

from collections.abc import Callable
from typing import TypeAlias

from mlukit.engine.logs import complain

Errors: TypeAlias = tuple[type[Exception], ...]


class RunError(Exception):
    """The run failed; the message tells the reason, and how to continue."""


class RefusedError(ValueError):
    """The request cannot be fulfilled; the message has the offending value and the accepted values."""


def report_errors(command: str, work: Callable[[], int], *, refused: Errors, failed: Errors, after_stop: str) -> int:
    """Does the work of a command, and reports every error to the user in one line.

    Args:
        work: does the work, and returns the exit status if there is no error.
        refused: classes of errors in the request; checked before `failed`.
        failed: classes of errors of a run with a correct request.
        after_stop: what to tell the user after Ctrl-C.

    Returns:
        The exit status: 2 after an error in `refused`, 1 after an error in `failed`, 130 after Ctrl-C.

    Raises:
        BrokenPipeError: the reader of the output has ended, which is not an error of the command.
    """
    try:
        return work()
    except BrokenPipeError:
        raise
    except (*refused, *failed) as error:
        reason = _reason(error)
        complain(f"mlukit {command}: {reason}")
        return 2 if isinstance(error, refused) or isinstance(reason, RefusedError) else 1
    except KeyboardInterrupt:
        complain(f"\nmlukit {command}: stopped. {after_stop}".rstrip())
        return 130


def _reason(error: Exception) -> Exception | str:
    """What to tell of an error: of a BeamIOError, which has errors by path, the first path and its error."""
    details = getattr(error, "exception_details", None) or {}
    for path, inner in details.items():
        reason = _reason(inner)
        return reason if isinstance(reason, RefusedError) else f"{path}: {reason}"
    return error
