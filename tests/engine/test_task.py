"""Tasks: what they leave behind when they succeed, fail, lose something, or are stopped."""

import json
import os
import pickle
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from mlukit.engine.errors import RefusedError
from mlukit.engine.heartbeat import ABORT, AbortedError, Heartbeat, read_reports
from mlukit.engine.measures import Measures
from mlukit.engine.step_results import StepResults
from mlukit.engine.storage import Storage
from mlukit.engine.task import Task, found_result
from mlukit.engine.task_transform import TaskTransform, run_task
from mlukit.engine.workplace import Workplace
from mlukit.schemas.manifest import Flow, TaskResult
from mlukit.schemas.summaries import Checksum
from tests.workplaces import on_cluster, workplace


@dataclass(frozen=True)
class Number(Task):
    """Something to count to."""

    step: ClassVar[str] = "count"


@dataclass(eq=False, repr=False)
class Count(TaskTransform[Number]):
    """Counts to a task's number; does to that what `spoil` names."""

    task = Number
    spoil: str = ""

    def run(self, task: Number, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        heartbeat.advance(7, pages=2)
        if self.spoil == "error":
            raise KeyError("no such thing")
        lost = 1 if self.spoil == "lose" else 0
        flow = Flow(task.number, task.number - 2, Counter(broken=1), Counter(empty=1 - lost))
        with storage.write("numbers") as stream:
            stream.write(b"123")
        shards = (storage.shard("numbers", stream),)
        return TaskResult(task.name, shards, {"things": flow}, {"things": task.number}, Checksum("ab"))


def test_names_sort_as_numbers() -> None:
    task = Number("zh-yue", 12, 5)
    assert (task.name, task.result_path) == ("count/zh-yue/00012", "_work/results/count/zh-yue/00012.json")


def test_a_transform_pickles_by_its_fields(tmp_path: Path) -> None:
    transform = Count(on_cluster(tmp_path), "lose")
    transform.label = "of a graph"
    again = pickle.loads(pickle.dumps(transform))
    assert (type(again), again.workplace, again.spoil) == (Count, transform.workplace, "lose")


def test_a_task_leaves_its_result(tmp_path: Path) -> None:
    place, task = on_cluster(tmp_path), Number("en", 3, 5)
    assert found_result(task, place.storage) is None
    done = run_task(Count(place), task)
    written = json.loads((tmp_path / task.result_path).read_bytes())
    assert written == {
        "task": "count/en/00003",
        "shards": [
            {
                "path": "numbers",
                "rows": 0,
                "bytes": 3,
                "sha256": "a665a45920422f9d417e4867efdc4fb8a04a1f3fff1fa07e998e86f7f7a27ae3",
            }
        ],
        "flows": {"things": {"in": 3, "out": 1, "failed": {"broken": 1}, "skipped": {"empty": 1}}},
        "counts": {"things": 3},
        "summary": {"checksum": {"sha256": "ab"}},
    }
    measures = done.measures
    assert (measures.tasks_done, measures.bytes_read, measures.bytes_written) == (1, 5, 3)
    assert done == StepResults.of_task(TaskResult.from_json(written), measures)
    found = found_result(task, place.storage)
    assert found == StepResults.of_task(TaskResult.from_json(written), Measures(tasks_found_done=1))
    (tmp_path / "numbers").write_bytes(b"12")
    assert found_result(task, place.storage) is None  # what it names has changed


def test_a_task_that_loses_something_is_an_error(tmp_path: Path) -> None:
    place, task = on_cluster(tmp_path), Number("en", 3, 5)
    with pytest.raises(ValueError, match="count/en/00003: 1 things did not come out, and no reason counts them"):
        run_task(Count(place, "lose"), task)
    assert not place.storage.exists(task.result_path)


def test_a_task_that_fails_tells_the_launcher_and_stops_the_others(tmp_path: Path) -> None:
    place, task = workplace(tmp_path / "out", tmp_path / "board"), Number("en", 3, 5)
    with pytest.raises(KeyError), place.reporting(task.name):
        run_task(Count(place, "error"), task)
    (path,) = place.notes.sizes("errors")
    fault = place.notes.read_json(path)
    assert fault.pop("trace").startswith("Traceback (most recent call last):") and fault.pop("at") > 1e9
    assert fault == {"task": "count/en/00003", "kind": "KeyError", "message": "'no such thing'", "refused": False}
    assert (tmp_path / "board" / ABORT).exists()
    with (
        pytest.raises(AbortedError, match="count/en/00004 stopped because the run is ending"),
        place.reporting("another"),
    ):
        run_task(Count(place), Number("en", 4, 5))
    assert list(place.notes.sizes("errors")) == [path]  # to be stopped is no failure
    assert place.storage.sizes() == {}


def test_what_is_refused_is_told_apart_also_on_a_cluster(tmp_path: Path) -> None:
    place = on_cluster(tmp_path)
    with pytest.raises(RefusedError), place.reporting("begin vocabulary"):
        raise RefusedError("--number is 0")
    fault = place.notes.read_json("errors/begin vocabulary.json")
    assert (fault["refused"], fault["message"]) == (True, "--number is 0")


def test_a_workplace_is_deserted_on_a_cluster_alone(tmp_path: Path) -> None:
    assert not on_cluster(tmp_path).is_deserted
    assert Workplace(str(tmp_path), str(tmp_path / "elsewhere"), 0).is_deserted
    assert not Workplace(str(tmp_path), str(tmp_path / "elsewhere"), 1).is_deserted


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
    assert {(report.pid, report.task) for report in read_reports(tmp_path)} == {(12, "a"), (7, "b")}
