"""One run at a time over an output folder: two would take each other's files away."""

import fcntl
import os
from contextlib import suppress

from transforms.storage import is_local


class FolderLock:
    """Held by the process that works on a local folder; the system releases it when the process ends, however it ends.

    Other filesystems have no locks: there, it is for the user not to start a job twice.
    """

    def __init__(self) -> None:
        self._descriptor: int | None = None

    def take(self, folder: str) -> bool:
        """Whether the folder is this process's own from now on; the folder exists."""
        if self._descriptor is None and is_local(folder):
            self._descriptor = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.release()
                return False
            except OSError:  # a network filesystem that cannot lock
                self.release()
        return True

    def release(self) -> None:
        """Lets others work on the folder."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None
