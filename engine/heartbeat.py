"""Small files in a folder by which workers of this machine report progress, and the launcher makes them stop.

On a cluster there is no such folder: workers report nothing, and the runner shows progress in its own way.
"""

import fcntl
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

ABORT = "abort"
LAUNCHER = "launcher"  # the launcher holds a lock on this file until the launcher ends
_INTERVAL = 0.5  # seconds between two reports


class AbortedError(Exception):
    """Another worker failed, the user pressed Ctrl-C, or the launcher was killed."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a worker process is doing."""

    pid: int
    task: str
    bytes: int
    pages: int


class Heartbeat:
    """Reports the progress of one task. `advance` is cheap, and should be called often."""

    def __init__(self, folder: str | None, task: str) -> None:
        self._folder = Path(folder) if folder else None
        self._task = task
        self._bytes = self._pages = 0
        self._next = 0.0
        self.advance()

    def advance(self, bytes_done: int | None = None, pages: int = 0) -> None:
        """Reports progress, at most twice a second.

        Args:
            bytes_done: how many input bytes of the task are done; None for the number of the call before.
            pages: how many pages were done since the call before.

        Raises:
            AbortedError: the run is ending.
        """
        self._pages += pages
        if bytes_done is not None:
            self._bytes = bytes_done
        if self._folder is None or (now := time.monotonic()) < self._next:
            return
        self._next = now + _INTERVAL
        self.check()
        self._write()

    def check(self) -> None:
        """Checks that the run continues; call it before publishing a file that later steps extend.

        Otherwise a worker that outlives its launcher could overwrite what the next run has added.

        Raises:
            AbortedError: the run is ending, or has ended.
        """
        if self._folder is not None and ((self._folder / ABORT).exists() or not _launcher_lives(self._folder)):
            raise AbortedError(f"{self._task} stopped because the run is ending")

    def finish(self) -> None:
        """Reports that the task is done and the worker is idle."""
        if self._folder is not None:
            (self._folder / f"worker-{os.getpid()}.json").unlink(missing_ok=True)

    def _write(self) -> None:
        assert self._folder is not None
        final = self._folder / f"worker-{os.getpid()}.json"
        temporary = final.with_suffix(".tmp")
        report = {"task": self._task, "bytes": self._bytes, "pages": self._pages}
        temporary.write_text(json.dumps(report), encoding="utf-8")
        temporary.replace(final)


def stop_workers(folder: str) -> None:
    """Makes all workers that report to a folder stop."""
    (Path(folder) / ABORT).touch()


def _launcher_lives(folder: Path) -> bool:
    """Whether the launcher still runs, as far as its lock shows; True if the filesystem cannot lock."""
    try:
        with (folder / LAUNCHER).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return not lock.read()  # the launcher writes to the file only after it has got the lock
    except FileNotFoundError:
        return folder.exists()
    except OSError:
        return True  # the launcher holds the lock, or the filesystem cannot lock


def read_reports(folder: Path) -> list[Report]:
    """Reads the reports of all busy workers."""
    reports = []
    for path in sorted(folder.glob("worker-*.json")):
        try:
            reports.append(Report(int(path.stem.rpartition("-")[2]), **json.loads(path.read_text(encoding="utf-8"))))
        except FileNotFoundError:
            continue  # the worker has just finished
    return reports
