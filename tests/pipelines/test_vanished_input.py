"""A dump that is taken away while a run reads it: one error that names the file, and a run that goes on."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from mlukit.engine import task_transform
from mlukit.engine.step_results import StepResults
from mlukit.engine.task import Task
from mlukit.engine.task_transform import TaskTransform
from tests.small_dumps import checksums
from tests.small_wikis import build

GOES_ON = "Finished work is kept: run the same command again to continue."


@pytest.mark.parametrize("step", ["parse", "checksum"])
def test_a_dump_that_vanishes_is_named(
    dumps: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    own_dumps, output = Path(shutil.copytree(dumps, tmp_path / "dumps")), tmp_path / "OUT"
    (dump,) = own_dumps.glob("enwiki-*pages-articles*")
    away, run_task = tmp_path / "away", task_transform.run_task

    def take_away_before(transform: TaskTransform[Any], task: Task) -> StepResults:
        if task.step == step and dump.exists():
            dump.rename(away)
        return run_task(transform, task)

    with monkeypatch.context() as patched:
        patched.setattr(task_transform, "run_task", take_away_before)
        ran = build(own_dumps, output)
    assert ran.status == 1
    said = ran.err.splitlines()[-1]
    assert f"{step}/en/" in said and str(dump) in said and said.endswith(GOES_ON)
    away.rename(dump)
    assert build(own_dumps, output).status == 0
    assert checksums(output) == checksums(built)
