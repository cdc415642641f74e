"""One run at a time over an output folder: two would take each other's files away."""

import fcntl
import os
from contextlib import suppress

from mlukit.engine.lease import InUseError, Lease
from mlukit.engine.storage import Storage, is_local


class FolderLock:
    """Held by the process that works on an output folder.

    That of a local folder the system releases when the process ends, however it ends; that of an object store expires.
    Other filesystems (HDFS) have neither: there, it is for the user not to start a job twice.
    """

    def __init__(self) -> None:
        self._descriptor: int | None = None
        self._lease: Lease | None = None

    def take(self, storage: Storage) -> bool:
        """Makes the folder, which exists, this process's own from now on; False where it was already.

        Raises:
            InUseError: it is another run's.
        """
        if self._descriptor is not None or self._lease is not None:
            return False
        if is_local(storage.root):
            self._lock(storage.root)
        elif storage.is_object_store:
            lease = Lease(storage)
            lease.take()
            self._lease = lease
        return True

    def _lock(self, folder: str) -> None:
        self._descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.release()
            raise InUseError from error
        except OSError:  # a network filesystem that cannot lock
            self.release()

    def check(self) -> None:
        """Raises RunError where the folder is this process's no more."""
        if self._lease is not None:
            self._lease.check()

    def release(self) -> None:
        """Lets others work on the folder."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None
        if self._lease is not None:
            self._lease.release()
            self._lease = None
