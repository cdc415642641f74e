"""The steps of a pipeline: each step plans tasks from the results of earlier steps, does them, and adds up results.

The results of earlier steps are side inputs, which act as barriers between steps: a step begins when all its side
inputs are complete. `AsDict` turns the output of a `Step` into `Results`; `value_of` gives the value of a `Once`.
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
    """The `tell` of steps that show no lines to the user."""
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
        """Applies the transforms to the pipeline."""
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
    """Calls a function once with the results of earlier steps, and emits its value.

    Args:
        workplace: where errors of the function are reported.
        title: the label in the graph, and the name in error messages.
        function: the function; may raise RefusedError; must be picklable.
        needs: the results of earlier steps, the arguments of the function.
    """

    def __init__(
        self, workplace: Workplace, title: str, function: Callable[..., Any], needs: Sequence[AsSideInput] = ()
    ) -> None:
        super().__init__(title)
        self._call, self._needs = _Call(workplace, title, function), needs

    def expand(self, begin: beam.pvalue.PBegin) -> beam.PCollection:
        """Applies the transforms to the pipeline."""
        return begin | "Start" >> beam.Impulse() | "Call" >> beam.ParDo(self._call, *self._needs)


def value_of(once: beam.PCollection) -> AsSingleton:
    """Returns the value of a `Once` as a side input; None if the launcher of the pipeline is gone."""
    return AsSingleton(once, None)


class _Single(beam.DoFn):
    """Calls `work` once. Reports errors to the launcher; does nothing if the launcher is gone."""

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
        """Does the work, and returns the output elements."""
        raise NotImplementedError


class _Call(_Single):
    """Calls a function with the results of earlier steps, and emits its value."""

    def __init__(self, workplace: Workplace, title: str, function: Callable[..., Any]) -> None:
        super().__init__(workplace, title)
        self._function = function

    def work(self, *earlier: Any) -> Iterable[Any]:
        return [self._function(*earlier)]


class _Plan(_Single):
    """Plans the tasks of a step, and writes the plan to the board, by which the launcher shows progress."""

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
    """Adds up the results of tasks; a runner first adds them up on each worker."""

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
    """Writes the measures of a step to the board, and passes the results on.

    The results of tasks always need a consumer: without one, FnApiRunner (2.77) hangs for ever if a worker dies.
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
    """The path of a step's plan on the board."""
    return f"{PLANS}/{title.replace(' ', '-')}.json"


def report_note(title: str) -> str:
    """The path of a step's report on the board."""
    return f"{REPORTS}/{title.replace(' ', '-')}.json"
