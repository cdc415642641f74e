"""Handles Ctrl-C and SIGTERM: both end a command by KeyboardInterrupt.

Python drops an exception that is raised while a finalizer runs (weakref, "Exceptions raised by the callback"), and a
signal may arrive at such a moment. So signals are also recorded, and code that waits for a long time checks the record.
"""

import signal
from types import FrameType

_came: list[int] = []


def catch_stop_signals() -> None:
    """Makes SIGTERM, by which schedulers stop a job, act like Ctrl-C, and records both signals."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)


def _stop(number: int, _: FrameType | None) -> None:
    _came.append(number)
    raise KeyboardInterrupt


def check_stop() -> None:
    """Raises KeyboardInterrupt if a signal came and Python dropped its exception."""
    if _came:
        _came.clear()
        raise KeyboardInterrupt
