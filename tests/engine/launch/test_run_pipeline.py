"""Pipelines on real worker processes that work, fail and are killed: what the user reads, how soon, what is left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.timeout(180)
GOES_ON = "Finished work is kept: run the same command again to continue.\n"

NAPS = '''
"""Tasks that nap, fail, or kill a process."""

import os, signal, time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from mlukit.engine.errors import RefusedError
from mlukit.engine.steps import Once, Step
from mlukit.engine.task import Task
from mlukit.engine.task_transform import TaskTransform
from mlukit.schemas.manifest import TaskResult


@dataclass(frozen=True)
class Nap(Task):
    step: ClassVar[str] = "nap"
    what: str


@dataclass(eq=False, repr=False)
class TakeNaps(TaskTransform[Nap]):
    task = Nap

    def run(self, task, storage, heartbeat):
        Path(self.workplace.root).mkdir(exist_ok=True)
        Path(self.workplace.root, f"begun-{task.number}").write_text(str(os.getpid()))
        for step in range(4):
            time.sleep(0.05)
            heartbeat.advance(step)
        if task.what == "fail":
            raise ValueError("the value was 7")
        while task.what == "sleep":
            time.sleep(0.05)
            heartbeat.advance(1)
        return TaskResult(task.name, counts={"done": 1})


@dataclass(frozen=True)
class Graph:
    whats: tuple[str, ...]

    def plan(self):
        if "refuse" in self.whats:
            raise RefusedError("--naps is 7: 6 is possible")
        return [Nap("en", number, 1, what) for number, what in enumerate(self.whats)]

    def __call__(self, pipeline, workplace):
        return [pipeline | Step("a stage", "nap", self.plan, [TakeNaps(workplace)])]
'''

MAIN = """
import sys
from contextlib import closing
from naps import Graph
from mlukit.engine.errors import RefusedError, RunError, report_errors
from mlukit.engine.launch.run_pipeline import run_pipeline
from mlukit.engine.launch.pipeline_process import PipelineProcess
from mlukit.engine.launch.progress import Progress
from mlukit.engine.launch.stop_signals import catch_stop_signals
from mlukit.engine.launch.workers import Workers
from mlukit.engine.logs import set_up_logs

root, workers, whats = sys.argv[1], int(sys.argv[2]), tuple(sys.argv[3:])

def work():
    with closing(PipelineProcess()) as process:
        run_pipeline(process, "naps", Graph(whats), root, Workers("DirectRunner", workers), (), Progress("here"))
    return 0

catch_stop_signals()
set_up_logs()
sys.exit(report_errors("nap", work, refused=(RefusedError,), failed=(RunError,), after_stop=""))
"""

DIES_AT_ONCE = """
import os, sys
if "apache_beam.runners.worker.sdk_worker_main" in sys.orig_argv:
    os._exit(1)
"""

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a launcher; whatever the test did, it leaves no process and, after success, no file."""
    (tmp_path / "naps.py").write_text(NAPS)
    (tmp_path / "main.py").write_text(MAIN)
    (tmp_path / "temporary").mkdir()
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)]),
        "TMPDIR": str(tmp_path / "temporary"),
    }

    def start(workers: int, *whats: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(tmp_path / "main.py"), str(tmp_path / "out"), str(workers), *whats]
        return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)

    yield start
    assert_none_is_left(tmp_path, 0.0)


def processes_of(tmp_path: Path) -> list[psutil.Process]:
    """Launcher, pipeline and workers: those whose path for modules has this test's folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(tmp_path) in process.environ().get("PYTHONPATH", ""):
                found.append(process)
        except psutil.Error:
            continue
    return found


def assert_none_is_left(tmp_path: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while processes_of(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_of(tmp_path) == []


def wait_for_naps(tmp_path: Path, *numbers: int) -> list[psutil.Process]:
    """The worker processes that have begun tasks."""
    deadline = time.monotonic() + 90
    files = [tmp_path / f"out/begun-{number}" for number in numbers]
    while not all(file.exists() and file.read_text() for file in files):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return [psutil.Process(int(file.read_text())) for file in files]


def in_time(seconds: float) -> float:
    """As much more as the machine has more to do than it has cores."""
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def ends_within(process: subprocess.Popen[str], seconds: float) -> str:
    """What it said; it ends in time."""
    began = time.monotonic()
    _, said = process.communicate(timeout=60)
    assert time.monotonic() - began < in_time(seconds)
    return said


def without_log(said: str) -> str:
    """A line without the log that it names, if Beam had printed anything; the log is there."""
    before, name, after = said.partition(" (log: ")
    log, _, rest = after.partition(")")
    assert not name or Path(log).stat().st_size
    return before + rest


def done(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "out/_work/results/nap/en").glob("*.json"))


@pytest.mark.parametrize("workers", [0, 2])
def test_all_tasks_are_done(start: Start, tmp_path: Path, workers: int) -> None:
    process = start(workers, "", "", "")
    _, said = process.communicate(timeout=90)
    assert process.returncode == 0, said
    assert said.startswith("nap: 3 of 3 shards in ") and said.count("\n") == 1
    assert done(tmp_path) == ["00000.json", "00001.json", "00002.json"]
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize("workers", [0, 2])
def test_a_task_that_fails_ends_the_run_with_its_reason(start: Start, tmp_path: Path, workers: int) -> None:
    process = start(workers, "", "fail", *["sleep"] * workers)
    wait_for_naps(tmp_path, 1)
    said = ends_within(process, 4)
    assert process.returncode == 1 and " (log: " in said
    assert without_log(said) == f"mlukit nap: nap/en/00001 failed: ValueError: the value was 7. {GOES_ON}"


def test_what_a_step_refuses_is_said_as_before_the_work(start: Start, tmp_path: Path) -> None:
    process = start(0, "refuse")
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (2, "mlukit nap: --naps is 7: 6 is possible\n")
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_busy_worker_that_dies_is_named_with_its_work(start: Start, tmp_path: Path) -> None:
    process = start(2, "sleep", "sleep")
    _, worker = wait_for_naps(tmp_path, 0, 1)
    time.sleep(0.6)
    worker.kill()
    said = ends_within(process, 3)
    assert process.returncode == 1
    said = without_log(said)  # on a busy machine the other worker may have been ended before the look
    assert said.startswith("mlukit nap: a worker process died while it worked on ")
    assert f"nap/en/00001 (process {worker.pid}, 0.0 MB done)" in said
    assert said.endswith(f". Out of memory, or killed by hand? {GOES_ON}")


def test_an_idle_worker_that_dies_ends_the_run(start: Start, tmp_path: Path) -> None:
    process = start(2, "sleep", "")
    _, worker = wait_for_naps(tmp_path, 0, 1)
    while done(tmp_path) != ["00001.json"]:
        time.sleep(0.02)
    time.sleep(0.2)
    worker.kill()
    said = ends_within(process, 3)
    assert process.returncode == 1
    assert without_log(said) == (
        f"mlukit nap: a worker process died while it had nothing to do (process {worker.pid}). "
        f"Out of memory, or killed by hand? {GOES_ON}"
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_a_pipeline_that_is_killed_ends_the_run(start: Start, tmp_path: Path, workers: int) -> None:
    process = start(workers, "sleep")
    wait_for_naps(tmp_path, 0)
    (pipeline,) = psutil.Process(process.pid).children()
    pipeline.kill()
    said = ends_within(process, 3)
    assert process.returncode == 1
    assert without_log(said) == (
        f"mlukit nap: the process {pipeline.pid} of the pipeline was ended by signal SIGKILL. "
        f"Out of memory, or killed by hand? {GOES_ON}"
    )


@pytest.mark.parametrize(("workers", "number"), [(0, signal.SIGTERM), (2, signal.SIGINT)])
def test_ctrl_c_leaves_no_worker_behind(start: Start, tmp_path: Path, workers: int, number: signal.Signals) -> None:
    process = start(workers, "sleep", "sleep")
    wait_for_naps(tmp_path, *range(max(workers, 1)))
    process.send_signal(number)
    said = ends_within(process, 3)
    assert (process.returncode, said) == (130, "\nmlukit nap: stopped.\n")
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize("workers", [0, 2])
def test_a_launcher_that_is_killed_leaves_no_process_behind(start: Start, tmp_path: Path, workers: int) -> None:
    process = start(workers, "sleep", "sleep")
    wait_for_naps(tmp_path, *range(max(workers, 1)))
    process.kill()
    process.communicate()
    assert_none_is_left(tmp_path, in_time(3))


def test_workers_that_die_before_they_were_seen_end_the_run(start: Start, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(DIES_AT_ONCE)
    began = time.monotonic()
    process = start(2, "sleep", "sleep")
    said = ends_within(process, 40)  # 15 from the pipeline's begin on, and Python's own start
    assert process.returncode == 1 and time.monotonic() - began > 1
    assert without_log(said) == f"mlukit nap: 2 of 2 worker processes died before they had begun. {GOES_ON}"
