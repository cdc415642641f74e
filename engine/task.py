"""Task of work: a worker takes one, does it whole, publishes what it made, and leaves a result.

Everything heavy in mlukit is such a task, planned before the run: its bytes do not depend on the runner or on the
number of workers, a re-run does only those without a result, and no article crosses a shuffle.
"""

import gc
import traceback
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import apache_beam as beam

from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.measures import measuring, write_measure
from mlukit.engine.storage import Storage
from mlukit.schemas import layout
from mlukit.schemas.manifest import TaskResult

# Task make many small objects and hardly any cycles: to look for them each 700 objects took a tenth of the time.
RARELY = (100_000, 20, 100)


@dataclass(frozen=True)
class Task(ABC):
    """A piece of work. Subclasses are frozen dataclasses of what it takes to do it, and must pickle."""

    step: ClassVar[str]
    language: str  # `layout.ALL_LANGUAGES` for a task that concerns every language
    number: int
    cost: int  # input bytes, or something in proportion: orders the plan and feeds the progress line

    @property
    def name(self) -> str:
        """Names the task within the output: "parse/en/00003"."""
        return f"{self.step}/{self.language}/{self.number:05}"

    @property
    def result_path(self) -> str:
        """Where its result is written."""
        return layout.task_result(self.name)

    @abstractmethod
    def run(self, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """Does the work; may be repeated, at once or later, with the same result."""


def run_task(task: Task, storage: Storage, folder: str | None) -> TaskResult:
    """Does one task and leaves its result, and beside it what the task took.

    Args:
        folder: where the launcher listens; None on a cluster.

    Raises:
        ValueError: something entered the task and is not accounted for, which is a defect of the task.
    """
    gc.set_threshold(*RARELY)
    heartbeat = Heartbeat(folder, task.name)
    try:
        with measuring() as measure:
            result = task.run(storage, heartbeat)
        for name, flow in result.flows.items():
            if flow.unaccounted:
                raise ValueError(f"{task.name}: {flow.unaccounted} {name} neither came out nor have a reason: {flow}")
        heartbeat.check()
        write_measure(storage, task.name, measure)
        storage.write_json(task.result_path, result.to_json())
    except Exception as error:
        heartbeat.fail(error, traceback.format_exc())
        raise
    heartbeat.finish()
    return result


def is_done(task: Task, storage: Storage) -> bool:
    """Whether a task's result is there, and so is what it names."""
    if not storage.exists(task.result_path):
        return False
    result = TaskResult.from_json(storage.read_json(task.result_path))
    return all(storage.size(shard.path) == shard.bytes for shard in result.shards)


class _RunTask(beam.DoFn):
    """Does a task that is not done: after a fault a runner repeats all that a lost worker was given."""

    def __init__(self, root: str, stopped: str) -> None:
        self._root, self._stopped = root, stopped

    def process(self, task: Task) -> Iterator[str]:
        storage = Storage(self._root)
        if storage.exists(self._stopped):
            return  # nobody waits for this job any more: the next one does what is left
        if not is_done(task, storage):
            run_task(task, storage, None)
        yield task.name


class RunTasks(beam.PTransform):
    """Does the tasks on a cluster, the costly ones first; gives their names.

    Args:
        root: the output folder.
        stopped: a file of the output folder; once it is there, tasks that are not begun are left.
    """

    def __init__(self, tasks: Sequence[Task], root: str, stopped: str) -> None:
        super().__init__()
        self._tasks = tasks
        self._do = _RunTask(root, stopped)

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        """Reshuffles, or a runner would fuse all tasks into one bundle."""
        return (
            pipeline
            | "Plan" >> beam.Create(costly_first(self._tasks), reshuffle=False)
            | "Spread" >> beam.Reshuffle()
            | "Do" >> beam.ParDo(self._do)
        )


def costly_first(tasks: Sequence[Task]) -> list[Task]:
    """The order in which tasks are done: what takes long is not left for the end, when others have nothing to do."""
    return sorted(tasks, key=lambda task: (-task.cost, task.name))
