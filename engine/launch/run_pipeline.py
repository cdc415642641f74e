"""Runs a pipeline and watches it: shows progress, and ends the run with one error if something goes wrong.

The launcher itself checks whether worker processes are alive. After the death of a worker, Beam's in-process runner
(2.77) ends late and prints hundreds of lines; if the worker died before its first task, the runner never ends.
"""

import signal
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import apache_beam as beam
import psutil
from apache_beam.pvalue import AsIter

from mlukit.engine.errors import RefusedError, RunError
from mlukit.engine.heartbeat import ABORT, LAUNCHER, read_reports
from mlukit.engine.launch.pipeline_process import Job, Message, PipelineProcess
from mlukit.engine.launch.progress import Progress
from mlukit.engine.launch.scratch import keep_log, scratch_folder
from mlukit.engine.launch.stop_signals import check_stop
from mlukit.engine.launch.workers import Workers
from mlukit.engine.steps import Once
from mlukit.engine.workplace import Workplace
from mlukit.schemas import layout

_LOG = "beam.log"
GOES_ON = "Finished work is kept: run the same command again to continue."
FINISHED = "finished"  # a file on the board: all steps are done, so workers may end
_POLL = 0.25  # seconds between two looks at the processes
_START = 12.0  # seconds until every worker process must have been seen
_GRACE = 1.5  # seconds to wait for an error message after the death of an idle worker
_LOST_WORKER = "Channel closed prematurely"  # Beam's message for a worker that is gone (data_plane.py, 2.77)
_CLOSING = 5.0  # seconds to wait for Beam's end after all steps are done
_LISTING_INTERVAL = 2.0  # seconds between two looks at a board on another machine
_CANCELLING = 90.0  # seconds for a cluster to cancel a job
Graph: TypeAlias = Callable[[beam.Pipeline, Workplace], Sequence[beam.PCollection]]


def run_pipeline(
    process: PipelineProcess,
    name: str,
    build: Graph,
    root: str,
    workers: Workers,
    beam_flags: tuple[str, ...],
    progress: Progress,
) -> None:
    """Runs a pipeline to its end.

    Args:
        process: the process in which Beam runs; an error ends this process.
        name: the name of the command.
        build: applies the transforms to the pipeline, and returns the outputs of the last transforms; must be
            picklable.
        root: the output folder.
        workers: where the tasks run.
        beam_flags: the flags for Beam.
        progress: shows the progress to the user.

    Raises:
        RunError: a task failed or a worker died; finished tasks keep their results.
        RefusedError: a step found that the request cannot be fulfilled.
        KeyboardInterrupt: the user stopped the run; the pipeline has ended.
    """
    with scratch_folder() as folder:
        board = str(folder) if workers.are_local else f"{root.rstrip('/')}/{layout.BOARDS}/{uuid.uuid4().hex}"
        workplace = Workplace(root, board, max(workers.processes, 1) if workers.are_local else 0)
        job = Job(name, _Build(build, workplace), beam_flags, workers, str(folder), str(folder / _LOG))
        watch = _Watch(process, workplace, workers, name, folder / _LOG)
        if not workers.are_local:
            workplace.notes.write_json(LAUNCHER, {})
        try:
            process.begin(job)
            while not watch.is_over():
                check_stop()
                progress.look(workplace)
            progress.look(workplace, at_end=True)
            watch.check_finished()
        finally:
            watch.leave()


@dataclass(frozen=True, slots=True)
class _Build:
    """Applies the transforms of a command, and a last transform that marks all of them as done."""

    graph: Graph
    workplace: Workplace

    def __call__(self, pipeline: beam.Pipeline) -> None:
        with self.workplace.reporting("the graph"):
            last = [AsIter(one) for one in self.graph(pipeline, self.workplace)]
        _ = pipeline | "Finish" >> Once(self.workplace, "finish", self._finish, last)

    def _finish(self, *_: object) -> None:
        self.workplace.notes.write_json(FINISHED, {})


@dataclass(slots=True)
class _Watch:
    """Watches the pipeline's process, the messages of this process, and the worker processes."""

    process: PipelineProcess
    workplace: Workplace
    workers: Workers
    name: str  # the name of the command
    log: Path  # what Beam has printed
    _running: bool = True
    _begun: float = 0.0  # when the pipeline began
    _finished: float = 0.0  # when all steps were done
    _seen: dict[int, psutil.Process] = field(default_factory=dict)  # worker processes, by pid
    _dead_since: float = 0.0  # when a worker was first found dead
    _next_look: float = 0.0  # time of the next look at a board on another machine

    def is_over(self) -> bool:
        """Waits a moment; whether the pipeline has ended well.

        Raises:
            RunError: it has not.
            RefusedError: a step refused to go on.
        """
        try:
            message = self.process.message(_POLL)
        except EOFError as error:
            raise self._process_died() from error
        if message is not None and message.what == "begun":
            self._begun = time.monotonic()
        elif message is not None:
            self._running = False
            if message.what == "failed":
                self._look_for_lost_worker(message)
                raise self._failure(message)
            return True
        if self.workplace.is_local:
            return self._look()
        self._look_for_refusal()
        return False

    def check_finished(self) -> None:
        """Checks that all steps are done after the pipeline has ended without an error.

        Raises:
            RunError: the workers of a cluster left tasks undone, because the board was deleted.
        """
        if not self.workplace.is_local and not self.workplace.notes.exists(FINISHED):
            raise RunError(f"the job ended before all steps were done: another run deleted its board. {GOES_ON}")

    def _look_for_refusal(self) -> None:
        """Raises the RefusedError of a step: a cluster would repeat the step again and again."""
        if time.monotonic() > self._next_look:
            self._next_look = time.monotonic() + _LISTING_INTERVAL
            for fault in self._faults():
                if fault["refused"]:
                    raise RefusedError(fault["message"])

    def _look(self) -> bool:
        """Whether all steps are done, and Beam has had time to end."""
        self._look_for_errors()
        if Path(self.workplace.board, FINISHED).exists():
            self._finished = self._finished or time.monotonic()
            return time.monotonic() - self._finished > _CLOSING
        if self._begun and self.workers.processes:
            self._look_at_workers()
        return False

    def _look_for_errors(self) -> None:
        """Raises the error of a task at once: Beam reports it only after the other workers have ended their bundles."""
        if Path(self.workplace.board, ABORT).exists():
            raise self._failure(Message("failed"))

    def _look_for_lost_worker(self, message: Message) -> None:
        """Beam may notice a dead worker before the next look at the processes; Beam does not say which one died."""
        deadline = time.monotonic() + 2 * _GRACE
        while self.workers.processes and _LOST_WORKER in message.text and time.monotonic() < deadline:
            self._look_for_errors()
            self._look_at_workers()
            time.sleep(_POLL / 10)

    def _look_at_workers(self) -> None:
        if len(self._seen) < self.workers.processes:
            with suppress(psutil.NoSuchProcess):
                found = psutil.Process(self.process.pid).children()
                self._seen |= {process.pid: process for process in found}
            if len(self._seen) < self.workers.processes and time.monotonic() - self._begun > _START:
                missing = self.workers.processes - len(self._seen)
                raise RunError(
                    f"{missing} of {self.workers.processes} worker processes died before they had begun"
                    f"{self._where_to_look()}. {GOES_ON}"
                )
        if dead := [process for process in self._seen.values() if _is_dead(process)]:
            self._dead_since = self._dead_since or time.monotonic()
            reports = read_reports(Path(self.workplace.board))
            busy = [report for report in reports if report.pid in {process.pid for process in dead}]
            if busy or time.monotonic() - self._dead_since > _GRACE:
                work = ", ".join(f"{r.task} (process {r.pid}, {r.bytes / 1e6:.1f} MB done)" for r in busy)
                idle = f"had nothing to do (process {dead[0].pid})"
                raise RunError(
                    f"a worker process died while it {f'worked on {work}' if work else idle}"
                    f"{self._where_to_look()}. Out of memory, or killed by hand? {GOES_ON}"
                )

    def _process_died(self) -> RunError:
        """The error for a pipeline process that ended without a message."""
        status = self.process.kill()
        how = f"was ended by signal {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        return RunError(
            f"the process {self.process.pid} of the pipeline {how}{self._where_to_look()}. "
            f"Out of memory, or killed by hand? {GOES_ON}"
        )

    def _failure(self, message: Message) -> Exception:
        """The error that the run ends with: of a step or a task where one told, else what Beam says."""
        faults = self._faults()
        refused = [fault for fault in faults if fault["refused"]]
        if refused:
            return RefusedError(refused[0]["message"])
        if faults:
            fault = faults[0 if self.workplace.is_local else -1]
            what = f"{fault['task']} failed: {fault['kind']}: {' '.join(fault['message'].split())}"
        else:
            what = f"the pipeline failed: {message.text or 'it could not leave the reason'}"
        return RunError(f"{what.rstrip('.')}{self._where_to_look()}. {GOES_ON}")

    def _faults(self) -> list[dict[str, Any]]:
        """The failures on the board in the order of time, without tasks that succeeded when a cluster repeated them."""
        notes, storage = self.workplace.notes, self.workplace.storage
        with suppress(OSError):  # without the board, only Beam's message remains
            found = sorted(map(notes.read_json, notes.sizes("errors")), key=lambda fault: float(fault["at"]))
            return [fault for fault in found if not storage.exists(layout.task_result(fault["task"]))]
        return []

    def _where_to_look(self) -> str:
        """Words that name the log, if Beam has printed anything."""
        kept = keep_log(self.log, self.name)
        return f" (log: {kept})" if kept else ""

    def leave(self) -> None:
        """Ends all processes on this machine, and the job on a cluster.

        Raises:
            RunError: the job on the cluster may continue.
        """
        with ExitStack() as last:
            if self._running:
                last.callback(self.process.kill)
            if not self.workplace.is_local:
                if self._running:
                    last.callback(self._cancel)
                root, board = self.workplace.storage, self.workplace.board
                root.delete(board.removeprefix(root.root).strip("/"))  # without the board, no further task begins

    def _cancel(self) -> None:
        """Cancels the job on a cluster, and waits for its end."""
        with suppress(EOFError, BrokenPipeError):
            self.process.cancel()
            deadline = time.monotonic() + _CANCELLING
            while time.monotonic() < deadline:
                message = self.process.message(_POLL)
                if message is not None and message.what == "not cancelled":
                    raise RunError(f"the job could not be cancelled and may still run: {message.text}")
                if message is not None and message.what != "begun":
                    return
            raise RunError(f"the job may still run: the cluster did not cancel it within {_CANCELLING:.0f} seconds")


def _is_dead(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
