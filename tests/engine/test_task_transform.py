"""Tasks dealt out to workers: on one machine, and as on a cluster."""

import os
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import apache_beam as beam
import pytest
from apache_beam.pvalue import AsDict
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from apache_beam.typehints import TypeCheckError

from mlukit.engine.heartbeat import LAUNCHER, Heartbeat
from mlukit.engine.launch.pipeline_process import PipelineProcess
from mlukit.engine.launch.progress import Progress
from mlukit.engine.launch.run_pipeline import run_pipeline
from mlukit.engine.launch.workers import Workers
from mlukit.engine.step_results import Results
from mlukit.engine.steps import Step
from mlukit.engine.storage import Storage
from mlukit.engine.task import Task
from mlukit.engine.task_transform import TaskTransform, take_number
from mlukit.engine.workplace import Workplace
from mlukit.schemas.manifest import TaskResult
from tests.workplaces import on_cluster


@dataclass(frozen=True)
class Nap(Task):
    """As many hundredths of a second as it costs."""

    step: ClassVar[str] = "nap"


@dataclass(eq=False, repr=False)
class TakeNaps(TaskTransform[Nap]):
    """Says who napped."""

    task = Nap

    def run(self, task: Nap, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        process, begun = os.getpid(), time.time_ns()
        time.sleep(task.cost / 100)
        return TaskResult(task.name, counts={"process": process, "begun": begun})


@dataclass(frozen=True)
class Look(Task):
    """A look at earlier naps."""

    step: ClassVar[str] = "look"
    naps: tuple[str, ...] = ()


@dataclass(eq=False, repr=False)
class LookBack(TaskTransform[Look]):
    """Says how many naps there were in the task's language."""

    task = Look
    more: int

    def complete(self, task: Look, earlier: Results) -> Look:
        return replace(task, naps=tuple(earlier[task.language].tasks))

    def run(self, task: Look, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        return TaskResult(task.name, counts={"naps": len(task.naps) + self.more})


@dataclass(frozen=True)
class Naps:
    """A graph of one step."""

    tasks: tuple[Task, ...]

    def plan(self) -> list[Task]:
        return list(self.tasks)

    def __call__(self, pipeline: beam.Pipeline, workplace: Workplace) -> list[beam.PCollection]:
        return [pipeline | Step("a stage", "nap", self.plan, [TakeNaps(workplace)])]


@dataclass(frozen=True)
class NapsAndLooks(Naps):
    """Two steps, of which the second does tasks of two kinds."""

    def __call__(self, pipeline: beam.Pipeline, workplace: Workplace) -> list[beam.PCollection]:
        (naps,) = super().__call__(pipeline, workplace)
        both = [LookBack(workplace, 10).after(naps), TakeNaps(workplace)]
        return [pipeline | "look" >> Step("a stage", "look", self.look, both, [AsDict(naps)])]

    def look(self, naps: Results) -> list[Task]:
        return [*(Look(language, 0, len(naps[language].tasks)) for language in naps), Nap("ja", 7, 1)]


@pytest.fixture
def process() -> Iterator[PipelineProcess]:
    with closing(PipelineProcess()) as process:
        yield process


def counts(root: Path, task: Task) -> dict[str, int]:
    return dict(TaskResult.from_json(Storage(str(root)).read_json(task.result_path)).counts)


def do(process: PipelineProcess, graph: Naps, root: Path, workers: int) -> list[dict[str, int]]:
    """What each task's result says."""
    where = Workers("DirectRunner", workers)
    run_pipeline(process, "naps", graph, str(root), where, (), Progress(str(where)))
    return [counts(root, task) for task in graph.tasks]


def test_a_number_is_taken_once(tmp_path: Path) -> None:
    assert [take_number(tmp_path / "queue") for _ in range(3)] == [0, 1, 2]


@pytest.mark.timeout(120)
def test_who_has_nothing_to_do_takes_the_next_task(process: PipelineProcess, tmp_path: Path) -> None:
    tasks = (Nap("en", 0, 500), *(Nap("en", number, 10) for number in range(1, 9)))
    found = do(process, Naps(tasks), tmp_path, workers=2)
    busy = found[0]["process"]
    others = [one["process"] for one in found[1:]]
    assert busy not in others and len(set(others)) == 1  # dealt out beforehand, four would have waited for the long one


@pytest.mark.timeout(120)
@pytest.mark.parametrize("workers", [0, 1])
def test_the_costly_ones_come_first(process: PipelineProcess, tmp_path: Path, workers: int) -> None:
    tasks = [Nap("en", number, cost) for number, cost in ((2, 1), (3, 8), (4, 4), (5, 8))]
    found = do(process, Naps(tuple(tasks)), tmp_path, workers)
    begun = {one["begun"]: task.number for task, one in zip(tasks, found, strict=True)}
    assert [begun[at] for at in sorted(begun)] == [3, 5, 4, 2]


def test_tasks_of_several_kinds_side_by_side_and_what_earlier_steps_left(
    process: PipelineProcess, tmp_path: Path
) -> None:
    naps = tuple(Nap(language, number, 1) for language, number in (("de", 0), ("de", 1), ("en", 0)))
    do(process, NapsAndLooks(naps), tmp_path, workers=0)
    assert [counts(tmp_path, Look(language, 0, 0)) for language in ("de", "en")] == [{"naps": 12}, {"naps": 11}]
    assert counts(tmp_path, Nap("ja", 7, 1)).keys() == {"process", "begun"}


def test_a_task_that_is_done_is_not_done_again(process: PipelineProcess, tmp_path: Path) -> None:
    graph = Naps((Nap("en", 0, 1), Nap("en", 1, 1)))
    before = do(process, graph, tmp_path, workers=0)
    (tmp_path / graph.tasks[1].result_path).unlink()
    after = do(process, graph, tmp_path, workers=0)
    assert after[0] == before[0] and after[1]["begun"] > before[1]["begun"]


def run_as_on_a_cluster(graph: Naps, workplace: Workplace) -> None:
    pipeline = beam.Pipeline(runner=FnApiRunner())
    graph(pipeline, workplace)
    pipeline.run().wait_until_finish()


def test_as_on_a_cluster_the_runner_deals(tmp_path: Path) -> None:
    workplace = on_cluster(tmp_path)
    naps = tuple(Nap("en", number, 1) for number in range(3))
    run_as_on_a_cluster(NapsAndLooks(naps), workplace)
    assert counts(tmp_path, Look("en", 0, 0)) == {"naps": 13}
    assert sorted(workplace.notes.sizes("reports")) == ["reports/look.json", "reports/nap.json"]


def test_a_job_that_nobody_waits_for_does_nothing_and_ends_well(tmp_path: Path) -> None:
    workplace = on_cluster(tmp_path)
    workplace.notes.delete(LAUNCHER)
    run_as_on_a_cluster(NapsAndLooks((Nap("en", 0, 1),)), workplace)
    assert Storage(str(tmp_path)).sizes() == {}


def test_tasks_of_another_kind_are_refused_while_the_graph_is_built(tmp_path: Path) -> None:
    pipeline = beam.Pipeline(runner=FnApiRunner())
    with pytest.raises(TypeCheckError, match="Nap"):
        pipeline | beam.Create([Look("en", 0, 1)]) | TakeNaps(on_cluster(tmp_path))


def test_beam_counts_what_tasks_did(tmp_path: Path) -> None:
    workplace = on_cluster(tmp_path)
    pipeline = beam.Pipeline(runner=FnApiRunner())
    Naps((Nap("en", 0, 1), Nap("en", 1, 2)))(pipeline, workplace)
    metrics = pipeline.run().metrics().query()
    found = {counter.key.metric.name: counter.committed for counter in metrics["counters"]}
    assert found == {"bytes read": 3}
    (naps,) = metrics["distributions"]
    assert (naps.key.metric.name, naps.committed.count) == ("milliseconds of a task: nap", 2)
