"""What a command tells its user beside its results: through Python's logging, by the logger "mlukit".

Standard error shows the lines, bare. A log file, where the user names one, gets every line with time and level.
"""

import logging
import sys

LOGGER = logging.getLogger("mlukit")
_FILE_FORMAT = "%(asctime)s %(levelname)s %(message)s"


class _StandardError(logging.Handler):
    """Writes to what is standard error at the time of the line."""

    def emit(self, record: logging.LogRecord) -> None:
        """Called by logging."""
        print(self.format(record), file=sys.stderr, flush=True)


def set_up_logs(level: int = logging.INFO, log_file: str = "") -> None:
    """Has the lines of a command shown.

    Args:
        level: of the lines that standard error shows; the log file gets all lines.
        log_file: its path; "" for none. Lines are added to a file that exists.

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
    """Tells the user how the work goes; `--quiet` leaves such lines out."""
    LOGGER.info(line)


def warn(line: str) -> None:
    """Tells the user of something that may be wrong."""
    LOGGER.warning(line)


def complain(line: str) -> None:
    """Tells the user what failed, or was refused."""
    LOGGER.error(line)


def explain(line: str) -> None:
    """Tells the user what only `--verbose` shows."""
    LOGGER.debug(line)
