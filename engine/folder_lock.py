"""Allows one run at a time in an output folder, because two runs would delete each other's files."""

import fcntl
import os
from contextlib import suppress

from mlukit.engine.lease import InUseError, Lease
from mlukit.engine.storage import Storage, is_local


class FolderLock:
    """A lock on an output folder, held by the process that works on the folder.

    The system releases the lock on a local folder when the process ends for any reason. The lock on an object store
    expires. Other filesystems (HDFS) have no lock: the user must not start a job twice.
    """

    def __init__(self) -> None:
        self._descriptor: int | None = None
        self._lease: Lease | None = None

    def take(self, storage: Storage) -> bool:
        """Locks the folder, which must exist, for this process.

        Returns:
            Whether the lock is new; False if this process already had the lock.

        Raises:
            InUseError: another run has locked the folder.
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
        """Locks a local folder; does nothing on a filesystem that cannot lock."""
        self._descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.release()
            raise InUseError from error
        except OSError:  # a network filesystem that cannot lock
            self.release()

    def check(self) -> None:
        """Checks that this process still holds the lock.

        Raises:
            RunError: the lock is lost.
        """
        if self._lease is not None:
            self._lease.check()

    def release(self) -> None:
        """Unlocks the folder for other processes."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None
        if self._lease is not None:
            self._lease.release()
            self._lease = None
