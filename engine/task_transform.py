"""Transforms that do tasks, and how tasks are dealt out to workers.

Beam's in-process runner deals elements out beforehand, the same number to each worker process, however long each takes
(idle time about 10% with tasks of unlike cost): so on one machine it deals out workers' places, and who has nothing to
do draws the next task from one queue (1%). On a cluster the runner deals tasks out itself.
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

Done: TypeAlias = tuple[str, StepResults]  # a language, and what a task of it left
# Tasks make many small objects and hardly any cycles: to look for them each 700 objects took a tenth of the time.
RARELY = (100_000, 20, 100)
_MUCH = 4 << 20  # input bytes that leave something in memory worth a tenth of a second

if sys.platform == "linux":
    _trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc; musl has none
else:
    _trim = None

T = TypeVar("T", bound=Task)


@dataclass(eq=False, repr=False)
class TaskTransform(beam.PTransform, ABC, Generic[T]):
    """Does tasks: PCollection of `task` -> PCollection of (language, StepResults), whose parts are to be added up.

    Subclasses are dataclasses of what is the same for all of their tasks; they pickle by their fields.
    """

    task: ClassVar[type[Task]]
    workplace: Workplace

    def __post_init__(self) -> None:
        super().__init__()
        self.earlier: beam.PCollection | None = None

    def __reduce__(self) -> tuple[type[Self], tuple[Any, ...]]:
        """Without what Beam notes on a transform while it builds a graph."""
        return type(self), tuple(getattr(self, field.name) for field in fields(self))

    def default_type_hints(self) -> IOTypeHints:
        """Beam refuses tasks of another kind while a graph is built."""
        return IOTypeHints.empty().with_input_types(self.task)

    def after(self, earlier: beam.PCollection) -> Self:
        """Gives `complete` the results of an earlier step, (language, StepResults) with each language once."""
        self.earlier = earlier
        return self

    def expand(self, tasks: beam.PCollection) -> beam.PCollection:
        """Beam's."""
        return tasks | Deal([self])

    def complete(self, task: T, earlier: Results) -> T:
        """Adds to a task, on the worker, what is too long to be dealt out with each task of a step."""
        return task

    @abstractmethod
    def run(self, task: T, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """Does the work; may be repeated, at once or later, with the same result."""


class Deal(beam.PTransform):
    """Does tasks of several transforms side by side, the costly ones first.

    PCollection of Task -> PCollection of (language, StepResults), a value for each task.
    """

    def __init__(self, transforms: Sequence[TaskTransform[Any]]) -> None:
        super().__init__()
        self._transforms = transforms

    def expand(self, tasks: beam.PCollection) -> beam.PCollection:
        """Reshuffles, or a runner would fuse all tasks into one bundle."""
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
    """Does those tasks that have no result; at the end of a bundle, gives back what they took of memory."""

    def __init__(self, transforms: Sequence[TaskTransform[Any]]) -> None:
        self._transforms = {transform.task.step: transform for transform in transforms}
        self._later = [transform.task.step for transform in transforms if transform.earlier is not None]
        self._workplace = transforms[0].workplace
        self._bytes = 0  # that this worker read in its bundle

    def do(self, task: Task, *earlier: Results) -> Done:
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
        """A worker lives through all steps; without this it held half as much again (review of 30 Nov 2026)."""
        if self._bytes < _MUCH:
            return
        self._bytes = 0
        gc.collect()
        pa.default_memory_pool().release_unused()
        if _trim is not None:
            _trim(0)


class _DoTask(_DoTasks):
    """On a cluster; after a fault a runner repeats all that a lost worker was given."""

    def process(self, task: Task, *earlier: Any) -> Iterator[Done]:
        if not self._workplace.is_deserted:
            yield self.do(task, *earlier)


class _DrawTasks(_DoTasks):
    """On one machine; an element is a place at the queue."""

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
    """A number that no one else gets: bytes are appended one after the other, whoever writes them (POSIX, write)."""
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, b".")
        return os.lseek(descriptor, 0, os.SEEK_CUR) - 1
    finally:
        os.close(descriptor)


def _count(step: str, done: StepResults) -> None:
    """Adds a task to Beam's counters."""
    for name, flow in done.flows.items():
        count_flow(name, flow)
    count("bytes read", done.measures.bytes_read)
    count("bytes written", done.measures.bytes_written)
    observe(f"milliseconds of a task: {step}", round(done.measures.wall_seconds * 1000))


@cache
def _settle() -> None:
    """Once a process: what is imported by now stays, so nobody need look for garbage in it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*RARELY)


def run_task(transform: TaskTransform[Any], task: Task) -> StepResults:
    """Does one task and leaves its result.

    Raises:
        ValueError: something entered the task and is not accounted for, which is a defect of the transform.
    """
    _settle()
    workplace = transform.workplace
    storage, heartbeat = workplace.storage, workplace.heartbeat(task.name)
    with measuring() as measure:
        result = transform.run(task, storage, heartbeat)
    for name, flow in result.flows.items():
        if flow.unaccounted:
            raise ValueError(f"{task.name}: {flow.unaccounted} {name} neither came out nor have a reason: {flow}")
    heartbeat.check()
    storage.write_json(task.result_path, result.to_json())
    heartbeat.finish()
    written = sum(shard.bytes for shard in result.shards)
    measures = Measures(1, 0, measure.wall_seconds, measure.cpu_seconds, task.cost, written, measure.peak_bytes)
    return StepResults.of_task(result, measures)
