"""Transforms that do tasks, and the distribution of tasks to workers.

Beam's in-process runner assigns the same number of elements to each worker process before the work begins. With tasks
of different cost, workers are idle for about 10% of the time. So on one machine, each worker gets one element, its
place, and then draws tasks from a shared queue (1% idle). On a cluster, the runner distributes the tasks itself.
"""

import ctypes
import gc
import os
import sys
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeAlias, TypeVar

import apache_beam as beam
import pyarrow as pa
from apache_beam.pvalue import AsDict, AsList
from apache_beam.typehints.decorators import IOTypeHints

from mlukit.engine.counters import count, count_flow, observe
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.measures import Measures, measuring
from mlukit.engine.step_results import Results, StepResults
from mlukit.engine.storage import Storage
from mlukit.engine.task import Task, costly_first, found_result
from mlukit.engine.workplace import Workplace
from mlukit.schemas.manifest import TaskResult

Done: TypeAlias = tuple[str, StepResults]  # a language, and the results of a task of this language
# Thresholds of the garbage collector. Tasks make many small objects but hardly any reference cycles: looking for cycles
# after every 700 objects, Python's default, took a tenth of the time.
RARELY = (100_000, 20, 100)
_MUCH = 4 << 20  # input bytes after which releasing memory is worth a tenth of a second

if sys.platform == "linux":
    _trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has the function, musl does not
else:
    _trim = None

T = TypeVar("T", bound=Task)


@dataclass(eq=False, repr=False)
class TaskTransform(beam.PTransform, ABC, Generic[T]):
    """Does tasks: PCollection of `task` -> PCollection of (language, StepResults), to be added up by language.

    Subclasses are dataclasses with the values that all of their tasks share, and pickle only these fields.
    """

    task: ClassVar[type[Task]]
    workplace: Workplace

    def __post_init__(self) -> None:
        super().__init__()
        self.earlier: beam.PCollection | None = None

    def __reduce__(self) -> tuple[type[Self], tuple[Any, ...]]:
        """Pickles the fields only, without the attributes that Beam adds while it builds a graph."""
        return type(self), tuple(getattr(self, field.name) for field in fields(self))

    def default_type_hints(self) -> IOTypeHints:
        """Makes Beam refuse tasks of another class while a graph is built."""
        return IOTypeHints.empty().with_input_types(self.task)

    def after(self, earlier: beam.PCollection) -> Self:
        """Passes the results of an earlier step to `complete`: (language, StepResults), once per language."""
        self.earlier = earlier
        return self

    def expand(self, tasks: beam.PCollection) -> beam.PCollection:
        """Distributes the tasks to workers."""
        return tasks | Deal([self])

    def complete(self, task: T, earlier: Results) -> T:
        """Adds values to a task on the worker; these values are too large to be sent with each task of a step."""
        return task

    @abstractmethod
    def run(self, task: T, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """Does the work of a task. The call may be repeated, even concurrently, and must give the same result."""


class Deal(beam.PTransform):
    """Does the tasks of several transforms at the same time, expensive tasks first.

    PCollection of Task -> PCollection of (language, StepResults), one element per task.
    """

    def __init__(self, transforms: Sequence[TaskTransform[Any]]) -> None:
        super().__init__()
        self._transforms = transforms

    def expand(self, tasks: beam.PCollection) -> beam.PCollection:
        """Reshuffles the tasks, because a runner would otherwise fuse all of them into one bundle."""
        workplace = self._transforms[0].workplace
        earlier = [AsDict(transform.earlier) for transform in self._transforms if transform.earlier is not None]
        if not workplace.is_local:
            return (
                tasks
                | "Spread" >> beam.Reshuffle()
                | "Do" >> beam.ParDo(_DoTask(self._transforms), *earlier).with_output_types(Done)
            )
        draw = _DrawTasks(self._transforms, f"{workplace.board}/queue-{uuid.uuid4().hex}")
        return (
            tasks.pipeline
            | "Start" >> beam.Impulse()
            | "Places" >> beam.FlatMap(_places, workplace.workers).with_output_types(int)
            | "Spread" >> beam.Reshuffle()
            | "Do" >> beam.ParDo(draw, AsList(tasks), *earlier).with_output_types(Done)
        )


class _DoTasks(beam.DoFn):
    """Does the tasks that have no result yet, and releases memory at the end of a bundle."""

    def __init__(self, transforms: Sequence[TaskTransform[Any]]) -> None:
        self._transforms = {transform.task.step: transform for transform in transforms}
        self._later = [transform.task.step for transform in transforms if transform.earlier is not None]
        self._workplace = transforms[0].workplace
        self._bytes = 0  # bytes that this worker has read in the present bundle

    def do(self, task: Task, *earlier: Results) -> Done:
        """Does a task, unless its result exists; reports an error to the launcher."""
        with self._workplace.reporting(task.name):
            done = found_result(task, self._workplace.storage)
            if done is None:
                transform = self._transforms[task.step]
                if task.step in self._later:
                    task = transform.complete(task, earlier[self._later.index(task.step)])
                done = run_task(transform, task)
                _count(task.step, done)
                self._bytes += task.cost
            return task.language, done

    def finish_bundle(self) -> None:
        """Releases memory: a worker lives through all steps, and held 50% more memory without this."""
        if self._bytes < _MUCH:
            return
        self._bytes = 0
        gc.collect()
        pa.default_memory_pool().release_unused()
        if _trim is not None:
            _trim(0)


class _DoTask(_DoTasks):
    """Does tasks on a cluster. After a fault, a runner repeats all tasks of a lost worker."""

    def process(self, task: Task, *earlier: Any) -> Iterator[Done]:
        if not self._workplace.is_deserted:
            yield self.do(task, *earlier)


class _DrawTasks(_DoTasks):
    """Does tasks on one machine. Each element is a place of a worker, which draws tasks from the shared queue."""

    def __init__(self, transforms: Sequence[TaskTransform[Any]], queue: str) -> None:
        super().__init__(transforms)
        self._queue = Path(queue)

    def process(self, place: int, tasks: Any, *earlier: Any) -> Iterator[Done]:
        ordered = costly_first(tasks)
        while (number := self._draw()) < len(ordered):
            yield self.do(ordered[number], *earlier)

    def _draw(self) -> int:
        with self._workplace.reporting("the queue"):
            return take_number(self._queue)


def _places(_: bytes, workers: int) -> Iterable[int]:
    return range(workers)


def take_number(file: Path) -> int:
    """Returns the next number of a shared counter, which no other process gets.

    The counter is the size of a file: each call appends one byte, which is atomic among processes (POSIX, write).
    """
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, b".")
        return os.lseek(descriptor, 0, os.SEEK_CUR) - 1
    finally:
        os.close(descriptor)


def _count(step: str, done: StepResults) -> None:
    """Adds the results of a task to Beam's counters."""
    for name, flow in done.flows.items():
        count_flow(name, flow)
    count("bytes read", done.measures.bytes_read)
    count("bytes written", done.measures.bytes_written)
    observe(f"milliseconds of a task: {step}", round(done.measures.wall_seconds * 1000))


@cache
def _settle() -> None:
    """Excludes all objects that exist by now from garbage collection, once per process: modules are never freed."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*RARELY)


def run_task(transform: TaskTransform[Any], task: Task) -> StepResults:
    """Does one task and writes its result.

    Raises:
        ValueError: the counts of the task do not add up, which is a defect of the transform.
    """
    _settle()
    workplace = transform.workplace
    storage, heartbeat = workplace.storage, workplace.heartbeat(task.name)
    with measuring() as measure:
        result = transform.run(task, storage, heartbeat)
    for name, flow in result.flows.items():
        if flow.unaccounted:
            raise ValueError(
                f"{task.name}: {flow.unaccounted} {name} did not come out, and no reason counts them: {flow}"
            )
    heartbeat.check()
    storage.write_json(task.result_path, result.to_json())
    heartbeat.finish()
    written = sum(shard.bytes for shard in result.shards)
    measures = Measures(1, 0, measure.wall_seconds, measure.cpu_seconds, task.cost, written, measure.peak_bytes)
    return StepResults.of_task(result, measures)
