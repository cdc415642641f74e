"""A lease on an output folder of an object store, which has no locks: a lease expires unless it is renewed.

A run writes an object with a unique name, then lists the objects of all runs. The run has the lease if no other object
belongs to a living run. A listing shows every object that was written before, so of two runs at least the later one
sees the other; if both see each other, both delete their objects and try again. This needs no conditional write, which
Beam's filesystems lack. The age of a lease is computed from times that the store recorded, so the clocks of the
machines do not matter.
"""

import platform
import random
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from mlukit.engine.errors import RunError
from mlukit.engine.storage import Storage
from mlukit.schemas.layout import LEASES

SECONDS = 120.0  # a lease expires if it was not renewed for so long
_RENEWALS = 4  # within SECONDS
_TRIES = 3
_WAIT = (0.3, 1.5)  # seconds between two tries
_PATIENCE = 10.0  # seconds to wait for the deletion of the lease


class InUseError(Exception):
    """Another run uses the output folder; the message describes that run in parentheses, if it is known."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a lease."""

    owner: str
    host: str
    pid: int
    started: str
    place: str  # within which the pid is unique: the boot of a machine and the namespace of a container
    born: float  # start time of the process, because pids are reused

    @classmethod
    def this_process(cls) -> "Holder":
        """The holder that stands for the calling process."""
        process = psutil.Process()
        started = _utc(time.time())
        return cls(process.username(), platform.node(), process.pid, started, _place(), process.create_time())

    @property
    def is_dead(self) -> bool:
        """Whether the process is known to have ended; False for a process of another machine or container."""
        if self.place != _place():
            return False
        try:
            return psutil.Process(self.pid).create_time() != self.born
        except psutil.NoSuchProcess:
            return True


def _place() -> str:
    """Names the set of processes in which a pid is unique."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:  # not Linux
        return f"{platform.node()} {psutil.boot_time()}"


def _utc(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _clock() -> float:
    """Seconds of a clock that also counts while the machine sleeps, if the system has such a clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Lease:
    """The lease of this process on an output folder, from `take` to `release`."""

    def __init__(self, storage: Storage, seconds: float | None = None) -> None:
        self._storage = storage
        self._seconds = SECONDS if seconds is None else seconds
        self._holder = Holder.this_process()
        self._path = f"{LEASES}/{uuid.uuid4().hex}.json"
        self._renewed = 0.0
        self._lost = ""
        self._trouble = ""
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._hold, name="lease", daemon=True)

    def take(self) -> None:
        """Takes the lease, and renews it in a thread from now on.

        Raises:
            InUseError: another run has the lease.
        """
        for left in reversed(range(_TRIES)):
            self._write()
            alive, dead = self._others()
            if not alive:
                for path in dead:
                    self._storage.discard(path)
                self._thread.start()
                return
            self._storage.discard(self._path)
            if left:
                time.sleep(random.uniform(*_WAIT))
        raise InUseError(next(iter(alive.values())))

    def check(self) -> None:
        """Checks that this process still has the lease.

        Raises:
            RunError: the lease is lost, so another run may use the output now.
        """
        if not self._lost and (late := _clock() - self._renewed) > self._seconds:
            self._lost = f"could not be renewed for {late:.0f} seconds{self._trouble and ': '}{self._trouble}"
        if self._lost:
            raise RunError(
                f"the lease on {self._storage.root} {self._lost}. This run stops, because another run may have begun. "
                "Finished work is kept: run the same command again to continue."
            )

    def release(self) -> None:
        """Deletes the lease; if the store does not answer, the lease expires."""
        self._released.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=_PATIENCE)

    def _write(self) -> None:
        """Writes the object of this run. The lease begins before the call, because the store may record that time.

        The object is written in place, without a rename: a store shows an object whole or not at all, and no other
        process writes this object.
        """
        start = _clock()
        self._storage.put_json(self._path, {**asdict(self._holder), "renewed": _utc(time.time())})
        self._renewed = start

    def _others(self) -> tuple[dict[str, str], list[str]]:
        """The leases of other runs: living ones by path, with a description, and paths of dead or expired ones."""
        found = self._storage.objects(f"{LEASES}/")
        if self._path not in found:  # another run deleted the lease as expired
            return {self._path: ""}, []
        now = found[self._path].last_updated_in_seconds
        alive, dead = {}, []
        for path, file in found.items():
            if path == self._path:
                continue
            holder, left = self._holder_of(path), self._seconds - (now - file.last_updated_in_seconds)
            if left <= 0 or (holder is not None and holder.is_dead):
                dead.append(path)
            else:
                alive[path] = _describe(holder, left)
        return alive, dead

    def _holder_of(self, path: str) -> Holder | None:
        try:
            value: Mapping[str, Any] = self._storage.read_json(path)
            return Holder(**{name: value[name] for name in Holder.__slots__})
        except (OSError, KeyError, TypeError):  # it was just deleted, or another version of mlukit wrote it
            return None

    def _hold(self) -> None:
        """Renews the lease until it is released or lost, then deletes its object; runs in a thread."""
        while not self._lost and not self._released.wait(self._seconds / _RENEWALS):
            try:
                self._renew()
            except OSError as error:
                self._trouble = str(error)
        with suppress(OSError):
            self._storage.discard(self._path)

    def _renew(self) -> None:
        """Renews the lease once, and records if another run has taken it over."""
        before = self._renewed
        if self._path not in self._storage.objects(f"{LEASES}/"):
            self._lost = "was taken over by another run"
            return
        self._write()
        if _clock() - before > self._seconds:  # another run may have deleted it as expired during the write
            alive, _ = self._others()
            if alive:
                self._lost = f"was taken over by another run{next(iter(alive.values()))}"


def _describe(holder: Holder | None, left: float) -> str:
    who = f"{holder.owner} on {holder.host}, process {holder.pid}, since {holder.started}; " if holder else ""
    return f" ({who}if that run has died, its lease ends at {_utc(time.time() + left)}, in {left:.0f} seconds)"
