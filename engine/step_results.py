"""The results of a step's tasks, added up by language: the data that steps of a pipeline exchange."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias, TypeVar

from mlukit.engine.measures import Measures, add_up
from mlukit.schemas import layout
from mlukit.schemas.damage import FileAccount
from mlukit.schemas.manifest import Flow, Shard, TaskResult
from mlukit.schemas.summaries import Summary, SummaryOfNumbers

S = TypeVar("S", bound=Summary)
N = TypeVar("N", bound=SummaryOfNumbers)


@dataclass(slots=True)
class StepResults:
    """The sum of the results of tasks of one language. Only shards and non-numeric summaries are kept by task."""

    shards_of: dict[str, tuple[Shard, ...]] = field(default_factory=dict)  # by task name
    flows: dict[str, Flow] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    numbers: dict[str, SummaryOfNumbers] = field(default_factory=dict)  # summed, by summary name
    summaries: dict[str, Summary] = field(default_factory=dict)  # non-numeric, by task name
    files: dict[str, FileAccount] = field(default_factory=dict)  # files that the tasks read, by name
    measures: Measures = field(default_factory=Measures)

    @classmethod
    def of_task(cls, result: TaskResult, measures: Measures) -> Self:
        """Creates the results of one task."""
        found = cls(
            {result.task: result.shards},
            dict(result.flows),
            Counter(result.counts),
            files=dict(result.files),
            measures=measures,
        )
        if isinstance(result.summary, SummaryOfNumbers):
            found.numbers[result.summary.name] = result.summary
        elif result.summary is not None:
            found.summaries[result.task] = result.summary
        return found

    @classmethod
    def sum(cls, parts: Iterable["StepResults"]) -> Self:
        """Adds up several results, without changing them."""
        total = cls()
        for part in parts:
            total.add(part)
        return total

    def add(self, other: "StepResults") -> None:
        """Adds the results of other tasks of the same language."""
        self.shards_of |= other.shards_of
        for name, flow in other.flows.items():
            self.flows.setdefault(name, Flow()).add(flow)
        self.counts.update(other.counts)
        for name, numbers in other.numbers.items():
            self.numbers[name] = self.numbers[name] + numbers if name in self.numbers else numbers
        self.summaries |= other.summaries
        for name, account in other.files.items():
            self.files.setdefault(name, FileAccount()).add(account)
        self.measures = add_up((self.measures, other.measures), 0.0)

    @property
    def tasks(self) -> list[str]:
        """The names of the tasks, sorted by number, then by step."""
        return sorted(self.shards_of, key=_number_and_step)

    @property
    def shards(self) -> list[Shard]:
        """All shards, in the order of `tasks` and, within a task, in the order of its result."""
        return [shard for task in self.tasks for shard in self.shards_of[task]]

    def holding(self, content: str) -> list[Shard]:
        """The shards with this content by their names, such as "titles"."""
        return [shard for shard in self.shards if layout.content_of(shard.path) == content]

    def total(self, kind: type[N]) -> N:
        """The sum of the summaries of one class; all zeros if no task has such a summary."""
        found = self.numbers.get(kind.name, kind())
        assert isinstance(found, kind)
        return found

    def summary(self, task: str, kind: type[S]) -> S:
        """The summary of one task.

        Raises:
            TypeError: the task has no summary of this class, which is a defect of the task.
        """
        found = self.summaries.get(task)
        if not isinstance(found, kind):
            raise TypeError(f"{task} has the summary {found!r}, but {kind.__name__} was expected")
        return found

    def to_json(self) -> dict[str, Any]:
        """The JSON value in records and manifests: what came out, and what was left out by reason."""
        return {
            "flows": {name: flow.to_json() for name, flow in self.flows.items()},
            "counts": dict(self.counts),
            "summary": {name: numbers.to_json() for name, numbers in self.numbers.items()},
        }


Results: TypeAlias = Mapping[str, StepResults]  # by language


def _number_and_step(task: str) -> tuple[int, str]:
    step, _, number = task.split("/")
    return int(number), step


def join(*some: Results) -> dict[str, StepResults]:
    """Adds up the results of several steps, language by language."""
    languages = dict.fromkeys(language for results in some for language in results)
    return {
        language: StepResults.sum(results[language] for results in some if language in results)
        for language in languages
    }
