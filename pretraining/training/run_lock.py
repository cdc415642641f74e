"""Allows one process at a time to write to a run's folder: two would write each step twice and delete checkpoints."""

import fcntl
import os
import platform
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from mlukit.pretraining.training.run_folder import LOCK, RunFolderError


class RunLock:
    """A lock on the folder of a run, for the first rank. The system releases the lock when the process ends.

    A network filesystem may have no locks: then the user must not start a run twice.
    """

    def __init__(self) -> None:
        self._descriptor: int | None = None

    def take(self, run: Path) -> None:
        """Locks the folder, which must exist, and writes who holds the lock into its file `lock`.

        Raises:
            RunFolderError: another process has the lock; the text names the process.
            OSError: the file cannot be written.
        """
        file = run / LOCK
        try:
            self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        except IsADirectoryError:
            raise RunFolderError(
                f"{file} is a folder; a file is needed, which mlukit writes: remove the folder"
            ) from None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            holder = file.read_text(encoding="utf-8", errors="replace").strip() or "another process"
            raise RunFolderError(
                f"{run} is in use by {holder}: wait until that process ends, or stop it, which saves a checkpoint"
            ) from None
        except OSError:  # a filesystem without locks
            self.release()
            return
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, f"{_this_process()}\n".encode())

    def release(self) -> None:
        """Unlocks the folder for other processes."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()


def _this_process() -> str:
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return f"process {os.getpid()} on {platform.node()}, since {since}"
