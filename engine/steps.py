"""The steps of a pipeline: each step plans tasks from the results of earlier steps, does them, and adds up results.

The results of earlier steps are side inputs, which act as barriers between steps: a step begins when all its side
inputs are complete. `AsDict` of the output of a `Step` is `Results`; `value_of` the output of `Once` is its value.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from operator import or_
from typing import Any, TypeAlias

import apache_beam as beam
from apache_beam.pvalue import AsIter, AsSideInput, AsSingleton

from mlukit.engine.measures import add_up
from mlukit.engine.step_results import StepResults
from mlukit.engine.task import Task, costly_first
from mlukit.engine.task_transform import Deal, Done, TaskTransform
from mlukit.engine.workplace import Workplace

Tell: TypeAlias = Callable[[dict[str, StepResults]], Iterable[str]]


def say_nothing(_: dict[str, StepResults]) -> Iterable[str]:
    """For steps that have nothing to tell."""
    return ()


class Step(beam.PTransform):
    """Plans tasks, does the tasks, and gives (language, StepResults), once for each language.

    Args:
        stage: the stage of the command to which the step belongs, for run.json.
        title: the title for the user, and the label of the step in the graph.
        plan: plans the tasks, as a pure function of the values of `needs`; may raise RefusedError.
        transforms: the transforms that do the tasks, at the same time.
        needs: the results of earlier steps.
        tell: makes lines for the user from the results of the step by language.
    """

    def __init__(
        self,
        stage: str,
        title: str,
        plan: Callable[..., Sequence[Task]],
        transforms: Sequence[TaskTransform[Any]],
        needs: Sequence[AsSideInput] = (),
        tell: Tell = say_nothing,
    ) -> None:
        super().__init__(title)
        self._stage, self._title, self._plan, self._tell = stage, title, plan, tell
        self._transforms, self._needs = transforms, needs

    def expand(self, begin: beam.pvalue.PBegin) -> beam.PCollection:
        """Beam's."""
        workplace = self._transforms[0].workplace
        first, *others = self._transforms
        kinds = reduce(or_, (transform.task for transform in self._transforms))
        tasks = (
            begin
            | "Start" >> beam.Impulse()
            | "Plan" >> beam.ParDo(_Plan(workplace, self._title, self._plan), *self._needs).with_output_types(kinds)
        )
        done = tasks | "Tasks" >> (Deal(self._transforms) if others else first)
        results = done | "Add up" >> beam.CombinePerKey(_AddUp()).with_output_types(Done)
        report = _Report(workplace, self._stage, self._title, self._tell)
        return (
            begin
            | "At last" >> beam.Impulse()
            | "Report" >> beam.ParDo(report, AsIter(results)).with_output_types(Done)
        )


class Once(beam.PTransform):
    """Calls a function once with the results of earlier steps, and gives its value; may raise RefusedError."""

    def __init__(
        self, workplace: Workplace, title: str, function: Callable[..., Any], needs: Sequence[AsSideInput] = ()
    ) -> None:
        super().__init__(title)
        self._call, self._needs = _Call(workplace, title, function), needs

    def expand(self, begin: beam.pvalue.PBegin) -> beam.PCollection:
        """Beam's."""
        return begin | "Start" >> beam.Impulse() | "Call" >> beam.ParDo(self._call, *self._needs)


def value_of(once: beam.PCollection) -> AsSingleton:
    """A side input; None where nobody waits for the pipeline any more."""
    return AsSingleton(once, None)


class _Single(beam.DoFn):
    """Works once; what fails is told to the launcher, and nothing is done where nobody waits any more."""

    def __init__(self, workplace: Workplace, title: str) -> None:
        self._workplace, self._title = workplace, title

    def process(self, _: bytes, *earlier: Any) -> Iterator[Any]:
        if self._workplace.is_deserted:
            return
        with self._workplace.reporting(self._title):
            heartbeat = self._workplace.heartbeat(self._title)
            found = self.work(*earlier)
            heartbeat.finish()
        yield from found

    def work(self, *earlier: Any) -> Iterable[Any]:
        """Gives the elements that come of it."""
        raise NotImplementedError


class _Call(_Single):
    def __init__(self, workplace: Workplace, title: str, function: Callable[..., Any]) -> None:
        super().__init__(workplace, title)
        self._function = function

    def work(self, *earlier: Any) -> Iterable[Any]:
        return [self._function(*earlier)]


class _Plan(_Single):
    """The plan is on the board before its first task begins: the launcher shows progress by it."""

    def __init__(self, workplace: Workplace, title: str, plan: Callable[..., Sequence[Task]]) -> None:
        super().__init__(workplace, title)
        self._plan = plan

    def work(self, *earlier: Any) -> Iterable[Task]:
        tasks = costly_first(self._plan(*earlier))
        costs = {task.name: task.cost for task in tasks}
        plan = {"title": self._title, "costs": costs, "began": time.time()}
        self._workplace.notes.write_json(plan_note(self._title), plan)
        return tasks


class _AddUp(beam.CombineFn):
    """Adds the results of tasks up; a runner does so on the workers first."""

    def create_accumulator(self) -> StepResults:
        return StepResults()

    def add_input(self, accumulator: StepResults, result: StepResults) -> StepResults:
        accumulator.add(result)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[StepResults]) -> StepResults:
        return StepResults.sum(accumulators)

    def extract_output(self, accumulator: StepResults) -> StepResults:
        return accumulator


class _Report(_Single):
    """Leaves on the board what a step took, and hands its results on.

    So somebody consumes what the tasks give: a worker that dies hangs FnApiRunner (2.77) for ever where nobody does.
    """

    def __init__(self, workplace: Workplace, stage: str, title: str, tell: Tell) -> None:
        super().__init__(workplace, title)
        self._stage, self._tell = stage, tell

    def work(self, *earlier: Any) -> Iterable[Done]:
        (done,) = earlier
        notes, results = self._workplace.notes, dict(done)
        began = notes.read_json(plan_note(self._title))["began"]
        measures = add_up((one.measures for one in results.values()), time.time() - began)
        report = {"stage": self._stage, "title": self._title, "began": began, "measures": measures.to_json()}
        notes.write_json(report_note(self._title), {**report, "lines": list(self._tell(results))})
        return results.items()


PLANS, REPORTS = "plans", "reports"  # folders of the board


def plan_note(title: str) -> str:
    """Where a step's plan lies on the board."""
    return f"{PLANS}/{title.replace(' ', '-')}.json"


def report_note(title: str) -> str:
    """Where its report lies."""
    return f"{REPORTS}/{title.replace(' ', '-')}.json"
