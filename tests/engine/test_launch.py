"""Task on Beam's runners: real worker processes that work, fail and die."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]

UNITS = """
import os, signal, sys, time
from dataclasses import dataclass
from typing import ClassVar
from mlukit.schemas.manifest import TaskResult
from mlukit.engine.task import Task

@dataclass(frozen=True)
class Nap(Task):
    step: ClassVar[str] = "nap"
    what: str

    def run(self, storage, heartbeat):
        for step in range(4):
            time.sleep(0.05)
            heartbeat.advance(step)
        if self.what == "fail":
            raise ValueError("the value was 7")
        if self.what == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.what == "orphan":
            os.kill(os.getppid(), signal.SIGKILL)
        while self.what in ("sleep", "orphan"):
            time.sleep(0.05)
            heartbeat.advance(1)
        return TaskResult(self.name, counts={"done": 1})
"""

MAIN = """
import sys
from mlukit.command_line import exit_with
from naps import Nap
from mlukit.engine.fork_server import SERVER
from mlukit.engine.errors import RunError
from mlukit.engine.launch import run_tasks

root, flags, whats = sys.argv[1], sys.argv[2].split(), sys.argv[3:]
if "--early" in flags:
    flags.remove("--early")
    SERVER.start()
try:
    run_tasks([Nap("en", i, 100 << 20, what) for i, what in enumerate(whats)], root, flags, lambda reports: None)
except RunError as error:
    print(error, file=sys.stderr)
    exit_with(1)
except KeyboardInterrupt:
    exit_with(130)
exit_with(0)
"""

TWO = "--direct_running_mode=multi_processing --direct_num_workers=2"
EARLY = f"{TWO} --early"  # the server is forked before anything begins, as commands do it; else Python starts it later


def start(tmp_path: Path, flags: str, *whats: str) -> subprocess.Popen[str]:
    (tmp_path / "naps.py").write_text(textwrap.dedent(UNITS))
    (tmp_path / "main.py").write_text(textwrap.dedent(MAIN))
    paths = os.pathsep.join([str(ROOT), str(tmp_path)])
    command = [sys.executable, str(tmp_path / "main.py"), str(tmp_path / "out"), flags, *whats]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": paths}, stderr=subprocess.PIPE, text=True)


def done(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "out/_work/results/nap/en").glob("*.json"))


@pytest.mark.parametrize("flags", [TWO, EARLY, "--direct_running_mode=in_memory", "--runner=DirectRunner"])
def test_all_units_are_done(tmp_path: Path, flags: str) -> None:
    run = start(tmp_path, flags, "", "", "")
    _, said = run.communicate(timeout=90)
    assert (run.returncode, said) == (0, ""), said
    assert done(tmp_path) == ["00000.json", "00001.json", "00002.json"]


def test_a_task_that_fails_ends_the_run_with_its_reason(tmp_path: Path) -> None:
    run = start(tmp_path, TWO, "", "fail", "sleep", "sleep")
    _, said = run.communicate(timeout=90)
    assert run.returncode == 1
    assert said == (
        "nap/en/00001 failed: ValueError: the value was 7. "
        "What was finished is kept: the same command goes on from there.\n"
    )


@pytest.mark.parametrize("flags", [TWO, EARLY])
def test_a_worker_that_dies_ends_the_run_and_is_named(tmp_path: Path, flags: str) -> None:
    run = start(tmp_path, flags, "sleep", "die")
    _, said = run.communicate(timeout=90)
    assert run.returncode == 1
    assert "a worker process died while it worked on nap/en/00001" in said
    assert said.count("\n") == 1
    assert_none_is_left(tmp_path)


@pytest.mark.parametrize("flags", [TWO, EARLY])
def test_a_fork_server_that_dies_ends_the_run_and_its_workers(tmp_path: Path, flags: str) -> None:
    run = start(tmp_path, flags, "sleep", "orphan")
    _, said = run.communicate(timeout=90)
    assert run.returncode == 1
    assert "a worker process died while it worked on nap/en/0000" in said
    deadline = time.monotonic() + 10
    while _processes_of(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert_none_is_left(tmp_path)


@pytest.mark.parametrize("flags", [TWO, EARLY])
def test_ctrl_c_leaves_no_worker_behind(tmp_path: Path, flags: str) -> None:
    run = start(tmp_path, flags, "sleep", "sleep")
    deadline = time.monotonic() + 60
    while len(_processes_of(tmp_path)) < 4 and time.monotonic() < deadline:  # launcher, server, two workers
        time.sleep(0.2)
    time.sleep(1)
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=30)
    assert (run.returncode, said) == (130, "")
    assert_none_is_left(tmp_path)


def assert_none_is_left(tmp_path: Path) -> None:
    deadline = time.monotonic() + 10  # the server ends when it reads that its launcher has
    while _processes_of(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _processes_of(tmp_path)


def _processes_of(tmp_path: Path) -> list[psutil.Process]:
    """Launcher, server and workers: those whose path for modules has this test's folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(tmp_path) in process.environ().get("PYTHONPATH", ""):
                found.append(process)
        except psutil.Error:
            continue
    return found
