"""Messages of a command to its user, by the logger "mlukit" of Python's logging.

Standard error shows the bare lines. A log file, if the user names one, gets every line with time and level.
"""

import logging
import sys

LOGGER = logging.getLogger("mlukit")
_FILE_FORMAT = "%(asctime)s %(levelname)s %(message)s"


class _StandardError(logging.Handler):
    """Writes each line to the present `sys.stderr`, which tests replace."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one line; logging calls this method."""
        print(self.format(record), file=sys.stderr, flush=True)


def set_up_logs(level: int = logging.INFO, log_file: str = "") -> None:
    """Sends the lines of a command to standard error, and to a log file if one is named.

    Args:
        level: the lowest level that standard error shows; the log file gets all lines.
        log_file: the path of the log file; "" for no file. Lines are appended to an existing file.

    Raises:
        OSError: the log file cannot be written.
    """
    for handler in [*LOGGER.handlers]:
        LOGGER.removeHandler(handler)
        handler.close()
    shown = _StandardError(level)
    LOGGER.addHandler(shown)
    LOGGER.setLevel(level)
    LOGGER.propagate = False
    logging.getLogger("apache_beam.utils.retry").setLevel(logging.ERROR)  # a traceback for each attempt
    if log_file:
        kept = logging.FileHandler(log_file, encoding="utf-8")
        kept.setFormatter(logging.Formatter(_FILE_FORMAT))
        LOGGER.addHandler(kept)
        LOGGER.setLevel(logging.DEBUG)


def is_shown(level: int) -> bool:
    """Whether standard error shows lines of a level."""
    return any(isinstance(handler, _StandardError) and handler.level <= level for handler in LOGGER.handlers)


def say(line: str) -> None:
    """Tells the user about the progress of the work; `--quiet` hides such lines."""
    LOGGER.info(line)


def warn(line: str) -> None:
    """Warns the user about something that may be wrong."""
    LOGGER.warning(line)


def complain(line: str) -> None:
    """Tells the user about an error."""
    LOGGER.error(line)


def explain(line: str) -> None:
    """Tells the user details, which only `--verbose` shows."""
    LOGGER.debug(line)
