"""Temporary folders of a run, for messages between its processes and for Beam's files.

A launcher that is killed cannot remove its folder. But the launcher held a lock on a file in the folder, and the system
released this lock. So the next launcher sees that the folder is not in use and removes it, and workers of the killed
launcher see that the launcher is dead.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mlukit.engine.heartbeat import LAUNCHER

_PREFIX = "mlukit-run-"
_LOG_PREFIX = "mlukit-log-"
_LOGS_KEPT = 7 * 24 * 3600.0  # seconds


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder for the duration of the block; folders of this user's dead launchers are removed."""
    _remove_dead(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    with (folder / LAUNCHER).open("w") as lock:
        with suppress(OSError):  # the filesystem cannot lock: a killed process leaves its folder behind
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def keep_log(log: Path, name: str) -> Path | None:
    """Copies a log to a file that is kept for a week, and returns its path; None if the log is empty."""
    for old in Path(tempfile.gettempdir()).glob(f"{_LOG_PREFIX}*"):
        with suppress(OSError):  # the file belongs to another user, or another launcher has removed it
            if old.stat().st_uid == os.getuid() and old.stat().st_mtime < time.time() - _LOGS_KEPT:
                old.unlink()
    if not log.exists() or not log.stat().st_size:
        return None
    descriptor, kept = tempfile.mkstemp(prefix=f"{_LOG_PREFIX}{name}-", suffix=".txt")
    os.close(descriptor)
    return Path(shutil.copyfile(log, kept))


def _remove_dead(temporary: Path) -> None:
    """Removes folders whose launcher has ended: its lock is free, and the file shows that the lock was once held."""
    for folder in temporary.glob(f"{_PREFIX}*"):
        try:
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            with (folder / LAUNCHER).open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if lock.read():
                    shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue  # the lock is held, or the folder was just made or removed
