"""Runs tasks on the runner that the user's Beam flags name, and watches over them.

On one machine that is Beam's own in-process runner with a worker process a core. It hangs for ever when a worker
process dies (Beam 2.77, no issue known), gives no word before the end and leaves workers behind after Ctrl-C; so the
launcher runs it in a thread and watches: it shows progress, stops all workers when one fails, and ends the run with
one error that says what the dead worker was doing.
"""

import logging
import os
import shutil
import threading
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import apache_beam as beam
import grpc
import psutil
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions
from apache_beam.portability.api import beam_provision_api_pb2
from apache_beam.runners.portability.fn_api_runner.fn_runner import ExtendedProvisionInfo, FnApiRunner
from apache_beam.runners.portability.portable_runner import JobServiceHandle
from apache_beam.runners.runner import PipelineResult

import mlukit
from mlukit.engine.errors import RunError, WorkerDiedError
from mlukit.engine.forked_workers import RUN_WORKER, ForkedProcessEnvironment, worker_processes
from mlukit.engine.heartbeat import Report, TaskError, read_errors, read_reports
from mlukit.engine.local_task_queue import LocalTaskQueue
from mlukit.engine.scratch import scratch_folder
from mlukit.engine.stop_signals import check_stop
from mlukit.engine.storage import Storage
from mlukit.engine.task import RunTasks, Task
from mlukit.engine.worker_package import is_dataflow, prepare
from mlukit.schemas import layout

SMALL = 4 << 20  # input bytes below which worker processes cost more than they bring
_POLL = 0.25  # seconds
_PATIENCE = 3.0  # seconds for stopped workers to be gone
_SUBMISSION = 60.0  # seconds for a cluster to say which job it has begun
_WORKER_LOG = "workers.log"
_Started = Callable[[PipelineResult], None]  # told of a job that runs


@dataclass(frozen=True, slots=True)
class Workers:
    """Where tasks run."""

    runner: str  # "DirectRunner" or one that Beam knows
    processes: int  # 0: inside this process, or on a cluster

    @property
    def local(self) -> bool:
        """Whether on this machine, by Beam's in-process runner."""
        return self.runner == "DirectRunner"

    def __str__(self) -> str:
        if not self.local:
            return f"on {self.runner}"
        return f"in {self.processes} worker processes" if self.processes else "in this process"


def choose_workers(tasks: Sequence[Task], beam_flags: Sequence[str]) -> Workers:
    """All cores for work that is worth it, and just what the user's flags say where they say."""
    options = PipelineOptions(list(beam_flags))
    runner = options.view_as(StandardOptions).runner or "DirectRunner"
    if runner.lower() not in ("directrunner", "fnapirunner", "bundlebaseddirectrunner", "switchingdirectrunner"):
        return Workers(runner, 0)
    direct = options.view_as(DirectOptions)
    named = {flag.partition("=")[0] for flag in beam_flags}
    if "--direct_running_mode" in named and direct.direct_running_mode != "multi_processing":
        return Workers("DirectRunner", 0)
    if "--direct_num_workers" in named or "--direct_running_mode" in named:
        return Workers("DirectRunner", min(direct.direct_num_workers or os.cpu_count() or 1, len(tasks)))
    if len(tasks) == 1 or sum(task.cost for task in tasks) < SMALL:
        return Workers("DirectRunner", 0)
    return Workers("DirectRunner", min(os.cpu_count() or 1, len(tasks)))


def run_tasks(
    tasks: Sequence[Task], root: str, beam_flags: Sequence[str], show: Callable[[Sequence[Report]], None]
) -> None:
    """Does the tasks, and returns when all are done.

    Args:
        root: the output folder.
        beam_flags: the user's flags for Beam.
        show: called now and then with what the workers do.

    Raises:
        RunError: a task failed or a worker died; those done keep their results.
        KeyboardInterrupt: after the workers were stopped.
    """
    workers = choose_workers(tasks, beam_flags)
    stopped = f"{layout.ASIDE}/stopped-{uuid.uuid4().hex}"
    with scratch_folder() as folder:
        work = (
            LocalTaskQueue(tasks, root, str(folder), max(workers.processes, 1))
            if workers.local
            else RunTasks(tasks, root, stopped)
        )
        run = _Run(lambda started: _run_pipeline(work, tasks[0].step, folder, workers, beam_flags, started))
        try:
            run.start()
            while not run.ended.wait(_POLL):
                check_stop()
                show(read_reports(folder))
                if run.died:
                    raise WorkerDiedError(_death_notice(run.died, read_reports(folder)))
            if run.error is not None:
                raise RunError(_failure_notice(run.error, read_errors(folder))) from run.error
        finally:
            if not run.ended.is_set():
                _stop_workers()
                if not workers.local:
                    Storage(root).write_json(stopped, {})
                    run.cancel()
            run.close()


class _Run(threading.Thread):
    """The pipeline in a thread of its own, and word of worker processes that ended badly.

    Beam waits for each of its worker processes in a thread, which raises when the process's exit status is not 0.
    """

    def __init__(self, target: Callable[[_Started], None]) -> None:
        super().__init__(name="pipeline", daemon=True)
        self._target_function = target
        self._hook = threading.excepthook
        self._job: PipelineResult | None = None
        self._settled = threading.Event()  # there is a job, or there will be none
        self.error: Exception | None = None
        self.died = ""
        self.ended = threading.Event()  # is_alive() is wrong after Ctrl-C in join (Python 3.11, bpo-45274)
        threading.excepthook = self._thread_failed
        logging.disable(logging.CRITICAL)  # Beam tells a failure several times over; the launcher tells it once

    def run(self) -> None:
        try:
            self._target_function(self._keep_job)
        except Exception as error:
            self.error = error
        finally:
            self.ended.set()
            self._settled.set()

    def _keep_job(self, job: PipelineResult) -> None:
        self._job = job
        self._settled.set()

    def cancel(self) -> None:
        """Ends a job on a cluster, which would go on without its launcher.

        Beam's job server for Flink (2.62) says that it did, and the job goes on: its tasks look for themselves.

        Raises:
            RunError: it could not be ended.
        """
        self._settled.wait(_SUBMISSION)  # a job may have begun that Beam has not yet told of
        if self._job is not None:
            try:
                self._job.cancel()
            except Exception as error:
                raise RunError(f"the job goes on: it could not be cancelled: {error}") from error

    def _thread_failed(self, failure: threading.ExceptHookArgs, /) -> None:
        if failure.thread is not None and failure.thread.name == RUN_WORKER:
            self.died = self.died or str(failure.exc_value)
        elif not issubclass(failure.exc_type, grpc.RpcError):  # how a dead worker's connections end in other threads
            self._hook(failure)

    def close(self) -> None:
        """Gives hook and logging back, but for a run that was broken off: its threads end badly one by one."""
        if self.ended.is_set():
            threading.excepthook = self._hook
            logging.disable(logging.NOTSET)


def _run_pipeline(
    work: beam.PTransform, step: str, folder: Path, workers: Workers, beam_flags: Sequence[str], started: _Started
) -> None:
    options = PipelineOptions(list(beam_flags))
    if is_dataflow(options):
        prepare(options, step, folder)
    runner = _local_runner(options, workers, folder) if workers.local else workers.runner
    pipeline = beam.Pipeline(runner=runner, options=options)
    pipeline.local_tempdir = shutil.move(pipeline.local_tempdir, folder)  # to go with it, however this process ends
    pipeline | "Tasks" >> work
    job = pipeline.run()
    started(job)
    job.wait_until_finish()


def _local_runner(options: PipelineOptions, workers: Workers, folder: Path) -> FnApiRunner:
    """FnApiRunner itself: Beam's "DirectRunner" would first try to download another one.

    The options go along in the provision info, or worker processes would not see them.
    """
    packages = str(Path(mlukit.__file__).parents[1])
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join([packages, *(p for p in paths if p and p != packages)])
    direct = options.view_as(DirectOptions)
    direct.direct_running_mode = "in_memory"  # the environment below says where workers run
    direct.direct_num_workers = max(workers.processes, 1)
    info = beam_provision_api_pb2.ProvisionInfo(
        pipeline_options=JobServiceHandle.encode_pipeline_options(options.get_all_options())
    )
    environment = None
    if workers.processes:
        environment = ForkedProcessEnvironment(folder / _WORKER_LOG)
    return FnApiRunner(default_environment=environment, provision_info=ExtendedProvisionInfo(info))


def _stop_workers() -> None:
    """Files are published whole, so a worker can be stopped anywhere."""
    processes = worker_processes()
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=_PATIENCE)


def _death_notice(status: str, reports: Sequence[Report]) -> str:
    busy = [r for r in reports if not psutil.pid_exists(r.pid)] or reports
    work = ", ".join(f"{r.task} (process {r.pid}, {r.bytes / 1e6:.1f} MB done)" for r in busy) or "nothing yet"
    return (
        f"a worker process died while it worked on {work}: {status}. Out of memory, or killed by hand? "
        "What was finished is kept: the same command goes on from there."
    )


def _failure_notice(error: Exception, errors: Sequence[TaskError]) -> str:
    if errors:
        first = errors[0]
        logging.getLogger("mlukit").debug("%s", first.trace)
        what = f"{first.task} failed: {first.kind}: {' '.join(first.message.split())}"
    else:
        lines = [line for line in str(error).splitlines() if line.strip()]
        what = f"the pipeline failed: {lines[-1] if lines else type(error).__name__}"
    return f"{what.rstrip('.')}. What was finished is kept: the same command goes on from there."
