"""What worker processes of this machine tell their launcher while they work, and when to stop: small files in a folder.

On a cluster there is no such folder, and nothing is told; a runner shows progress in its own way there.
"""

import fcntl
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

ABORT = "abort"
LAUNCHER = "launcher"  # a file that the launcher holds a lock on, as long as it lives
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
    """Reports the progress of one task. Call `advance` now and then: it is cheap."""

    def __init__(self, folder: str | None, task: str) -> None:
        self._folder = Path(folder) if folder else None
        self._task = task
        self._bytes = self._pages = 0
        self._next = 0.0
        self.advance()

    def advance(self, bytes_done: int | None = None, pages: int = 0) -> None:
        """Says how many input bytes of the task are done, and how many pages more.

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
        """To be called before something is published that later steps add to.

        A worker that outlives its launcher would else take away what the next run has added.

        Raises:
            AbortedError: the run is ending, or has ended.
        """
        if self._folder is not None and ((self._folder / ABORT).exists() or not _launcher_lives(self._folder)):
            raise AbortedError(f"{self._task}: stopped, the run is ending")

    def finish(self) -> None:
        """The task is done, and the worker idle."""
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
    """Makes the workers that report to a folder stop."""
    (Path(folder) / ABORT).touch()


def _launcher_lives(folder: Path) -> bool:
    try:
        with (folder / LAUNCHER).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return not lock.read()  # nothing is in it where no lock could be taken
    except FileNotFoundError:
        return folder.exists()
    except OSError:
        return True  # it is held, or the filesystem cannot lock


def read_reports(folder: Path) -> list[Report]:
    """What each busy worker does."""
    reports = []
    for path in sorted(folder.glob("worker-*.json")):
        try:
            reports.append(Report(int(path.stem.rpartition("-")[2]), **json.loads(path.read_text(encoding="utf-8"))))
        except FileNotFoundError:
            continue  # its worker has just finished
    return reports
