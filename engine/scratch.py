"""Folders for what the processes of a run tell each other, and what Beam lays down: gone with the run or the next one.

A launcher that is killed cannot remove its folder. It held a lock on a file in it, which the system has given back: so
the next launcher knows that the folder is nobody's. Its workers know by the same that they work for nobody.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mlukit.engine.heartbeat import LAUNCHER

_PREFIX = "mlukit-run-"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder of this process's own while the block lasts; those of this user's dead launchers are removed."""
    _remove_dead(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    with (folder / LAUNCHER).open("w") as lock:
        with suppress(OSError):  # a filesystem that cannot lock: the folder stays where this process is killed
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_dead(temporary: Path) -> None:
    """Removes folders whose lock was held once and is held no more; a lock is taken, then the file written to."""
    for folder in temporary.glob(f"{_PREFIX}*"):
        try:
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            with (folder / LAUNCHER).open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if lock.read():
                    shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue  # it is held, or has just been made or removed
