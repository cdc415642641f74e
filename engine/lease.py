"""A lease on an output folder of an object store, which has no locks: held while it is renewed, free when it is not.

A run writes an object of its own and then lists those of all. It holds the output where no other is alive. A store
shows what was written to everyone who lists afterwards, so of two runs the later one sees the other, whatever the order
of their steps; where both see each other, both step back and try again. So no conditional write is needed, which Beam's
filesystems do not have. How old a lease is follows from times that the store noted itself: the clocks of machines do
not matter.
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

SECONDS = 120.0  # without renewal, and a lease has expired
_RENEWALS = 4  # in that time
_TRIES = 3
_WAIT = (0.3, 1.5)  # seconds between two tries
_PATIENCE = 10.0  # seconds for giving it back


class InUseError(Exception):
    """Another run holds the place; its text says which, in parentheses, where that is known."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lease."""

    owner: str
    host: str
    pid: int
    started: str
    place: str  # the processes among which the pid names one: a kernel's since its start, in a container or without
    born: float  # when the process began, in the kernel's count: pids come again

    @classmethod
    def this_process(cls) -> "Holder":
        """The process that asks."""
        process = psutil.Process()
        started = _utc(time.time())
        return cls(process.username(), platform.node(), process.pid, started, _place(), process.create_time())

    @property
    def is_dead(self) -> bool:
        """Whether it is known to be: of a process elsewhere nothing is known."""
        if self.place != _place():
            return False
        try:
            return psutil.Process(self.pid).create_time() != self.born
        except psutil.NoSuchProcess:
            return True


def _place() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:  # no Linux
        return f"{platform.node()} {psutil.boot_time()}"


def _utc(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _clock() -> float:
    """Seconds that go on while the machine sleeps, where it can tell."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Lease:
    """This process's lease on an output folder, from `take` to `release`."""

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
        """Takes the lease, and renews it from now on in a thread.

        Raises:
            InUseError: another run has it.
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
        """Raises RunError where the lease is lost: another run may work on the output now."""
        if not self._lost and (late := _clock() - self._renewed) > self._seconds:
            self._lost = f"could not be renewed for {late:.0f} seconds{self._trouble and ': '}{self._trouble}"
        if self._lost:
            raise RunError(
                f"the lease on {self._storage.root} {self._lost}. This run stops, since another may have begun. "
                "What was finished is kept: the same command goes on from there."
            )

    def release(self) -> None:
        """Gives it back; where the store does not answer, it expires."""
        self._released.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=_PATIENCE)

    def _write(self) -> None:
        """Writes our object; the lease counts from before the call, as the store may note the time at any moment of it.

        Written in place, not published by renaming: a store shows an object whole or not at all, and there is no other
        writer.
        """
        start = _clock()
        self._storage.put_json(self._path, {**asdict(self._holder), "renewed": _utc(time.time())})
        self._renewed = start

    def _others(self) -> tuple[dict[str, str], list[str]]:
        """The leases of others: those alive, with words on whose they are, and those that are dead or have expired."""
        found = self._storage.objects(f"{LEASES}/")
        if self._path not in found:  # somebody took ours for expired
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
        except (OSError, KeyError, TypeError):  # it was just given back, or another version wrote it
            return None

    def _hold(self) -> None:
        while not self._lost and not self._released.wait(self._seconds / _RENEWALS):
            try:
                self._renew()
            except OSError as error:
                self._trouble = str(error)
        with suppress(OSError):
            self._storage.discard(self._path)

    def _renew(self) -> None:
        before = self._renewed
        if self._path not in self._storage.objects(f"{LEASES}/"):
            self._lost = "was taken over by another run"
            return
        self._write()
        if _clock() - before > self._seconds:  # another may have taken it for expired while we wrote
            alive, _ = self._others()
            if alive:
                self._lost = f"was taken over by another run{next(iter(alive.values()))}"


def _describe(holder: Holder | None, left: float) -> str:
    who = f"{holder.owner} on {holder.host}, process {holder.pid}, since {holder.started}; " if holder else ""
    return f" ({who}if it has died, its lease ends {_utc(time.time() + left)}, {left:.0f} seconds from now)"
