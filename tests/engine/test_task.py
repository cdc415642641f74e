"""Task of work: what they leave behind when they succeed, fail, lose something, or are stopped."""

import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import apache_beam as beam
import pytest
from apache_beam.runners.direct import direct_runner

from mlukit.engine.heartbeat import ABORT, AbortedError, Heartbeat, TaskError, read_errors, read_reports
from mlukit.engine.storage import Storage
from mlukit.engine.task import RunTasks, Task, run_task
from mlukit.schemas.manifest import Flow, TaskResult
from mlukit.schemas.summaries import Checksum


@dataclass(frozen=True)
class Count(Task):
    """Counts to its number; does to that what `spoil` names."""

    step: ClassVar[str] = "count"
    spoil: str = ""

    def run(self, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        heartbeat.advance(7, pages=2)
        if self.spoil == "error":
            raise KeyError("no such thing")
        lost = 1 if self.spoil == "lose" else 0
        flow = Flow(self.number, self.number - 2, Counter(broken=1), Counter(empty=1 - lost))
        return TaskResult(self.name, flows={"things": flow}, counts={"things": self.number}, summary=Checksum("ab"))


def result_of(storage: Storage, task: Task) -> object:
    return json.loads(Path(storage.path(task.result_path)).read_bytes())


def test_names_sort_as_numbers() -> None:
    task = Count("zh-yue", 12, 5)
    assert (task.name, task.result_path) == ("count/zh-yue/00012", "_work/results/count/zh-yue/00012.json")


def test_a_task_leaves_its_result(tmp_path: Path) -> None:
    storage, task = Storage(str(tmp_path / "out")), Count("en", 3, 5)
    result = run_task(task, storage, None)
    assert result_of(storage, task) == {
        "task": "count/en/00003",
        "shards": [],
        "flows": {"things": {"in": 3, "out": 1, "failed": {"broken": 1}, "skipped": {"empty": 1}}},
        "counts": {"things": 3},
        "summary": {"checksum": {"sha256": "ab"}},
    }
    assert TaskResult.from_json(result_of(storage, task)) == result  # type: ignore[arg-type]
    assert sorted(storage.sizes()) == ["_work/measures/count/en/00003.json", "_work/results/count/en/00003.json"]


def test_a_task_that_loses_something_is_an_error(tmp_path: Path) -> None:
    storage, task = Storage(str(tmp_path / "out")), Count("en", 3, 5, "lose")
    with pytest.raises(ValueError, match="count/en/00003: 1 things neither came out nor have a reason"):
        run_task(task, storage, None)
    assert not storage.exists(task.result_path)


def test_a_task_that_fails_tells_the_launcher_and_stops_the_others(tmp_path: Path) -> None:
    storage, folder = Storage(str(tmp_path / "out")), tmp_path / "reports"
    folder.mkdir()
    with pytest.raises(KeyError):
        run_task(Count("en", 3, 5, "error"), storage, str(folder))
    (error,) = read_errors(folder)
    assert (error.task, error.kind, error.message) == ("count/en/00003", "KeyError", "'no such thing'")
    assert error.trace.startswith("Traceback (most recent call last):") and "no such thing" in error.trace
    assert (folder / ABORT).exists()
    with pytest.raises(AbortedError, match="count/en/00004: stopped, the run is ending"):
        run_task(Count("en", 4, 5), storage, str(folder))
    assert [one.task for one in read_errors(folder)] == ["count/en/00003"]  # to be stopped is no failure
    assert storage.sizes() == {}


def test_a_busy_worker_reports_and_an_idle_one_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("mlukit.engine.heartbeat.time.monotonic", lambda: now[0])
    heartbeat = Heartbeat(str(tmp_path), "count/en/00001")
    reports: Callable[[], list[tuple[int, str, int, int]]] = lambda: [  # noqa: E731
        (report.pid, report.task, report.bytes, report.pages) for report in read_reports(tmp_path)
    ]
    assert reports() == [(os.getpid(), "count/en/00001", 0, 0)]
    heartbeat.advance(10, pages=1)  # too soon for another report
    heartbeat.advance(pages=1)
    assert reports()[0][2:] == (0, 0)
    now[0] += 0.6
    heartbeat.advance(20, pages=1)
    assert reports()[0][2:] == (20, 3)
    heartbeat.finish()
    heartbeat.finish()
    assert reports() == []


def test_reports_of_several_workers_are_read(tmp_path: Path) -> None:
    (tmp_path / "worker-12.json").write_text('{"task": "a", "bytes": 1, "pages": 2}')
    (tmp_path / "worker-7.json").write_text('{"task": "b", "bytes": 3, "pages": 4}')
    (tmp_path / "worker-9.tmp").write_text("{")
    (tmp_path / "error-7.json").write_text('{"task": "b", "kind": "E", "message": "m", "trace": "t"}')
    assert {(report.pid, report.task) for report in read_reports(tmp_path)} == {(12, "a"), (7, "b")}
    assert read_errors(tmp_path) == [TaskError("b", "E", "m", "t")]


def test_all_units_are_done_the_costly_ones_first(tmp_path: Path) -> None:
    tasks = [Count("en", number, cost) for number, cost in ((2, 1), (3, 100), (4, 10), (5, 100))]
    transform = RunTasks(tasks, str(tmp_path), "_work/stopped")
    pipeline = beam.Pipeline(runner=direct_runner.BundleBasedDirectRunner())
    created: list[Task] = []
    pipeline | transform
    pipeline.visit(_Creates(created))
    assert [task.number for task in created] == [3, 5, 4, 2]
    pipeline.run().wait_until_finish()
    assert all(Storage(str(tmp_path)).exists(task.result_path) for task in tasks)


class _Creates(beam.pipeline.PipelineVisitor):
    def __init__(self, found: list[Task]) -> None:
        self._found = found

    def visit_transform(self, node: beam.pipeline.AppliedPTransform) -> None:
        if isinstance(node.transform, beam.Create):
            self._found += node.transform.values

    enter_composite_transform = visit_transform
