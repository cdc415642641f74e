"""The time, memory and bytes of tasks, measured in the worker process, added up, and written only to run.json."""

import resource
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024  # the unit of ru_maxrss


@dataclass(slots=True)
class TaskMeasure:
    """The measures of one task, known when the task has ended."""

    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0  # of the process and of its ended children
    peak_bytes: int = 0  # maximum resident memory of the process since its start


@dataclass(frozen=True, slots=True)
class Measures:
    """The measures of several tasks of one run."""

    tasks_done: int = 0
    tasks_found_done: int = 0  # done by an earlier run; not measured
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    bytes_read: int = 0  # the sum of the tasks' costs
    bytes_written: int = 0  # of shards
    peak_bytes: int = 0  # of the largest process

    def to_json(self) -> dict[str, Any]:
        """The JSON value in run.json."""
        rounded = {name: round(getattr(self, name), 3) for name in ("wall_seconds", "cpu_seconds")}
        return {**asdict(self), **rounded}


def add_up(steps: Iterable[Measures], wall_seconds: float) -> Measures:
    """The sum of the measures of consecutive steps.

    Args:
        steps: the measures of each step.
        wall_seconds: the duration of all steps, with the pauses between them.
    """
    steps = list(steps)
    return Measures(
        tasks_done=sum(step.tasks_done for step in steps),
        tasks_found_done=sum(step.tasks_found_done for step in steps),
        wall_seconds=wall_seconds,
        cpu_seconds=sum(step.cpu_seconds for step in steps),
        bytes_read=sum(step.bytes_read for step in steps),
        bytes_written=sum(step.bytes_written for step in steps),
        peak_bytes=max((step.peak_bytes for step in steps), default=0),
    )


class _ProcessorTime:
    """Assigns each CPU second of this process to exactly one task.

    On some clusters, a process does several tasks at once: the first task that ends gets the time of all until then.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tasks = 0  # number of running tasks
        self._given = 0.0  # CPU seconds from before these tasks, or already assigned to an ended task

    def begin(self) -> None:
        with self._lock:
            if not self._tasks:
                self._given = _cpu_seconds()
            self._tasks += 1

    def end(self) -> float:
        with self._lock:
            before, self._given = self._given, _cpu_seconds()
            self._tasks -= 1
            return self._given - before


_PROCESSOR_TIME = _ProcessorTime()


def _cpu_seconds() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


@contextmanager
def measuring() -> Iterator[TaskMeasure]:
    """Measures a task that runs in the block."""
    measure, begun = TaskMeasure(), time.monotonic()
    _PROCESSOR_TIME.begin()
    try:
        yield measure
    finally:
        measure.wall_seconds = time.monotonic() - begun
        measure.cpu_seconds = _PROCESSOR_TIME.end()
        measure.peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_BYTES
