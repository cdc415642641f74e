"""Tasks: a worker takes one, does it whole, publishes what it made, and leaves a result.

Everything heavy in mlukit is such a task, planned before it begins: its bytes do not depend on the runner or on the
number of workers, a re-run does only those without a result, and no article crosses a shuffle. What is the same for all
tasks of a kind are the fields of the transform that does them (`engine.task_transform`); a task is a small value.
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
    """A piece of work. Subclasses are frozen dataclasses of what differs between the tasks of a step."""

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


def found_result(task: Task, storage: Storage) -> StepResults | None:
    """The result of a task that is done: it is there, and so is what it names; else None."""
    try:
        result = TaskResult.from_json(storage.read_json(task.result_path))
    except FileNotFoundError:
        return None
    if any(storage.size(shard.path) != shard.bytes for shard in result.shards):
        return None
    return StepResults.of_task(result, Measures(tasks_found_done=1))


def costly_first(tasks: Sequence[Task]) -> list[Task]:
    """The order in which tasks are done: what takes long is not left for the end, when others have nothing to do."""
    return sorted(tasks, key=lambda task: (-task.cost, task.name))
