"""Tasks: a worker takes a task, completes the task, publishes the output files, and writes a result.

All expensive work in mlukit is done in tasks, which are planned before they begin. So the output bytes do not depend on
the runner or on the number of workers, a second run does only the tasks without a result, and no article is shuffled
between workers. A task is a small value. Values that all tasks of a class share are fields of the transform that does
the tasks (`engine.task_transform`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from mlukit.engine.measures import Measures
from mlukit.engine.step_results import StepResults
from mlukit.engine.storage import Storage
from mlukit.schemas import layout
from mlukit.schemas.manifest import TaskResult


@dataclass(frozen=True)
class Task:
    """A unit of work. Subclasses are frozen dataclasses with the values that differ between the tasks of a step."""

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
        """The path of the result of this task."""
        return layout.task_result(self.name)


def found_result(task: Task, storage: Storage) -> StepResults | None:
    """The result of a task if the result and all files that it names exist; otherwise None."""
    try:
        result = TaskResult.from_json(storage.read_json(task.result_path))
    except FileNotFoundError:
        return None
    if any(storage.size(shard.path) != shard.bytes for shard in result.shards):
        return None
    return StepResults.of_task(result, Measures(tasks_found_done=1))


def costly_first(tasks: Sequence[Task]) -> list[Task]:
    """The order in which tasks are done: long tasks first, so that no worker is idle at the end."""
    return sorted(tasks, key=lambda task: (-task.cost, task.name))
