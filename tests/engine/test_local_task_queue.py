"""Task that the workers of one machine share."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.launch import run_tasks
from mlukit.engine.local_task_queue import _take
from mlukit.engine.storage import Storage
from mlukit.engine.task import Task
from mlukit.schemas.manifest import TaskResult


@dataclass(frozen=True)
class Work(Task):
    """Takes as many hundredths of a second as it costs; says who did it."""

    step: ClassVar[str] = "work"

    def run(self, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        process, begun = os.getpid(), time.time_ns()
        time.sleep(self.cost / 100)
        return TaskResult(self.name, counts={"process": process, "begun": begun})


def do(tasks: list[Work], root: Path, *flags: str) -> list[Mapping[str, int]]:
    """What each task's result says."""
    run_tasks(tasks, str(root), flags, lambda reports: None)
    return [TaskResult.from_json(Storage(str(root)).read_json(task.result_path)).counts for task in tasks]


def test_a_number_is_taken_once(tmp_path: Path) -> None:
    assert [_take(tmp_path) for _ in range(3)] == [0, 1, 2]


def test_who_has_nothing_to_do_takes_the_next_task(tmp_path: Path) -> None:
    tasks = [Work("en", 0, 300), *(Work("en", number, 10) for number in range(1, 9))]
    found = do(tasks, tmp_path, "--direct_running_mode=multi_processing", "--direct_num_workers=2")
    busy = found[0]["process"]
    others = [one["process"] for one in found[1:]]
    assert busy not in others and len(set(others)) == 1  # dealt out beforehand, four would have waited for the long one


@pytest.mark.parametrize("mode", ["in_memory", "multi_processing"])
def test_the_costly_ones_come_first(tmp_path: Path, mode: str) -> None:
    tasks = [Work("en", number, cost) for number, cost in ((2, 1), (3, 8), (4, 4), (5, 8))]
    found = do(tasks, tmp_path, f"--direct_running_mode={mode}", "--direct_num_workers=1")
    begun = {one["begun"]: task.number for task, one in zip(tasks, found, strict=True)}
    assert [begun[at] for at in sorted(begun)] == [3, 5, 4, 2]
