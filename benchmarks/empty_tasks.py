"""Measures the cost of the graph itself: steps of many empty tasks, each planned from the results of the step before.

usage: python benchmarks/empty_tasks.py [--tasks 5000] [--steps 10] [--languages 24]

Prints seconds, milliseconds per task, and the maximum private memory of the launcher, of its child that runs Beam, and
of a worker process. Each task writes a result with one shard. There are two worker processes.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import apache_beam as beam
from apache_beam.pvalue import AsDict
from growth import watch

from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.launch.pipeline_process import PipelineProcess
from mlukit.engine.launch.progress import Progress
from mlukit.engine.launch.run_pipeline import run_pipeline
from mlukit.engine.launch.workers import Workers
from mlukit.engine.step_results import Results
from mlukit.engine.steps import Step
from mlukit.engine.storage import Storage
from mlukit.engine.task import Task
from mlukit.engine.task_transform import TaskTransform
from mlukit.engine.workplace import Workplace
from mlukit.schemas.manifest import TaskResult


@dataclass(frozen=True)
class Empty(Task):
    """A task without work."""

    step: ClassVar[str] = "empty"


@dataclass(eq=False, repr=False)
class DoNothing(TaskTransform[Empty]):
    """Writes a result with one shard."""

    task = Empty

    def run(self, task: Empty, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """Writes a byte."""
        path = f"empty/{task.language}/{task.number:05}.bin"
        with storage.write(path) as stream:
            stream.write(b".")
        return TaskResult(task.name, (storage.shard(path, stream),), counts={"tasks": 1})


@dataclass(frozen=True)
class EmptySteps:
    """A graph of consecutive steps."""

    steps: int
    tasks: int
    languages: int

    def plan(self, number: int, *_: Results) -> list[Empty]:
        """Plans the tasks of a step, in every language."""
        of_each = self.tasks // self.languages
        return [Empty(f"x{code}", number * of_each + i, 1) for code in range(self.languages) for i in range(of_each)]

    def __call__(self, pipeline: beam.Pipeline, workplace: Workplace) -> list[beam.PCollection]:
        """Applies its transforms."""
        done: Sequence[beam.PCollection] = ()
        for number in range(self.steps):
            plan = _Plan(self, number)
            step = Step("empty", f"step {number}", plan, [DoNothing(workplace)], [AsDict(one) for one in done])
            done = [pipeline | f"step {number}" >> step]
        return list(done)


@dataclass(frozen=True)
class _Plan:
    graph: EmptySteps
    number: int

    def __call__(self, *earlier: Results) -> list[Empty]:
        return self.graph.plan(self.number, *earlier)


def run(asked: argparse.Namespace) -> None:
    """Runs the graph, in the process of the launcher."""
    workers = Workers("DirectRunner", 2)
    graph = EmptySteps(asked.steps, asked.tasks, asked.languages)
    with closing(PipelineProcess()) as process:
        run_pipeline(process, "empty", graph, asked.output, workers, (), Progress(str(workers)))


def main() -> None:
    """Starts a launcher and measures it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=5000, help="number of tasks per step")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--languages", type=int, default=24)
    parser.add_argument("--output", default="", help=argparse.SUPPRESS)  # given if this process is the launcher
    asked = parser.parse_args()
    if asked.output:
        run(asked)
        return
    folder = Path(tempfile.mkdtemp(prefix="mlukit-empty-"))
    peaks = {"launcher": 0.0, "pipeline": 0.0, "worker": 0.0, "resident": 0.0}
    flags = [f"--tasks={asked.tasks}", f"--steps={asked.steps}", f"--languages={asked.languages}"]
    began = time.monotonic()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent)}  # workers find the classes there
    command = [sys.executable, __file__, *flags, "--output", str(folder)]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    watcher = threading.Thread(target=watch, args=(process, peaks))
    watcher.start()
    status = process.wait()
    seconds = time.monotonic() - began
    watcher.join()
    shutil.rmtree(folder)
    if status:
        raise SystemExit(f"the launcher ended with status {status}")
    columns = [f"{name} MB" for name in peaks]
    print(f"| steps | tasks each | s | ms a task | {' | '.join(columns)} |\n|" + " --- |" * (4 + len(columns)))
    each = 1000 * seconds / (asked.tasks * asked.steps)
    cells = [f"{asked.steps}", f"{asked.tasks}", f"{seconds:.1f}", f"{each:.2f}"]
    print("| " + " | ".join([*cells, *(f"{peak / 1e6:.0f}" for peak in peaks.values())]) + " |")


if __name__ == "__main__":
    from empty_tasks import main as imported_main  # so that workers find the classes by that name

    imported_main()
