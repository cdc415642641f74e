"""The process in which Beam runs: a child of the launcher with a separate process group, which can be ended at once.

The launcher has no threads of Beam. The launcher sends a job, waits for messages, and watches the child
(`engine.launch.run_pipeline`). When the launcher ends for any reason, a pipe to the child closes, and the child ends
its process group, which includes the workers on this machine.
"""

import io
import logging
import multiprocessing
import os
import shlex
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

import apache_beam as beam
import psutil
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions
from apache_beam.portability.api import beam_provision_api_pb2
from apache_beam.runners.portability.fn_api_runner.fn_runner import ExtendedProvisionInfo, FnApiRunner
from apache_beam.runners.portability.portable_runner import JobServiceHandle
from apache_beam.runners.runner import PipelineResult
from apache_beam.transforms.environments import SubprocessSDKEnvironment

import mlukit
from mlukit.engine.launch.worker_package import is_dataflow, prepare
from mlukit.engine.launch.workers import Workers

_CANCEL = b"c"
_PATIENCE = 0.5  # seconds
_SUBMISSION = 60.0  # seconds to wait until a cluster has accepted a job


@dataclass(frozen=True, slots=True)
class Job:
    """A pipeline to run; must be picklable."""

    name: str  # shown by a cluster
    build: Callable[[beam.Pipeline], object]  # applies the transforms to the pipeline
    beam_flags: tuple[str, ...]
    workers: Workers
    folder: str  # a local folder for temporary files
    log: str  # a file for everything that Beam prints


@dataclass(frozen=True, slots=True)
class Message:
    """A message from the child to the launcher."""

    what: str  # "begun", "ended", "failed", or "not cancelled"
    text: str = ""


class PipelineProcess:
    """The launcher's side. Create it while the launcher has one thread and no open files: on Linux it forks."""

    def __init__(self) -> None:
        method: Literal["fork", "spawn"] = "fork" if sys.platform == "linux" else "spawn"
        context: Any = multiprocessing.get_context(method)
        self._jobs, jobs = context.Pipe()
        heard, self._lifeline = context.Pipe(duplex=False)
        ends = (jobs, heard, (self._jobs, self._lifeline))
        self._process = context.Process(target=_serve, args=ends, name="pipeline", daemon=True)
        self._process.start()
        jobs.close()
        heard.close()

    @property
    def pid(self) -> int:
        """The id of the child, and of its process group."""
        pid: int = self._process.pid
        return pid

    def begin(self, job: Job) -> None:
        """Makes the child run a pipeline."""
        with suppress(BrokenPipeError, ConnectionResetError):  # the child is dead, which `message` reports
            self._jobs.send(job)

    def message(self, seconds: float) -> Message | None:
        """Waits for the next message of the child.

        Args:
            seconds: how long to wait.

        Returns:
            The message; None if no message came in time.

        Raises:
            EOFError: the child has ended.
        """
        try:
            message: Message | None = self._jobs.recv() if self._jobs.poll(seconds) else None
        except ConnectionResetError as error:
            raise EOFError from error
        return message

    def cancel(self) -> None:
        """Makes the child cancel its job on a cluster, which would continue without the child."""
        self._lifeline.send_bytes(_CANCEL)

    def close(self) -> None:
        """Ends the child."""
        self.kill()

    def kill(self) -> int:
        """Kills the child and its process group, and returns the child's exit status.

        The workers are killed first, so that the child can collect their exit statuses. Otherwise they would remain
        as zombies in containers without an init process.
        """
        with suppress(psutil.NoSuchProcess):
            workers = psutil.Process(self.pid).children()
            for worker in workers:
                worker.kill()
            psutil.wait_procs(workers, timeout=_PATIENCE)
        with suppress(ProcessLookupError, PermissionError):  # macOS raises the latter for a group of zombies
            os.killpg(self.pid, signal.SIGKILL)
        if self._process.is_alive():
            self._process.kill()  # the child may not have its process group yet
        self._process.join()
        status: int | None = self._process.exitcode
        return status or 0


def _serve(jobs: Connection, heard: Connection, launchers: Sequence[Connection]) -> None:
    """Runs in the child: runs each job that comes through `jobs`, until the launcher closes the pipe.

    Args:
        jobs: gives jobs, and takes messages.
        heard: closes when the launcher ends.
        launchers: the launcher's ends of the pipes, which a fork has copied, to be closed in the child.
    """
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    for connection in launchers:
        connection.close()
    child = _Child(jobs)
    threading.Thread(target=child.wait_for_launcher, args=(heard,), daemon=True).start()
    while True:
        try:
            job = jobs.recv()
        except EOFError:
            return
        child.run(job)


class _Child:
    """Runs jobs in the main thread, and waits for the launcher in another thread."""

    def __init__(self, jobs: Connection) -> None:
        self._jobs = jobs
        self._result: PipelineResult | None = None
        self._settled = threading.Event()  # set when the job was submitted, or has failed

    def wait_for_launcher(self, lifeline: Connection) -> None:
        """Waits until the launcher cancels the job or ends; then kills the process group of the child."""
        with suppress(EOFError, OSError):
            if lifeline.recv_bytes() == _CANCEL:
                self._settled.wait(_SUBMISSION)
                try:
                    if self._result is not None:
                        self._result.cancel()
                except Exception as error:  # the launcher reports the error
                    self._jobs.send(Message("not cancelled", _last_line(error)))
                else:
                    self._jobs.send(Message("ended"))
                lifeline.recv_bytes()
        os.killpg(0, signal.SIGKILL)

    def run(self, job: Job) -> None:
        """Runs a pipeline to its end."""
        self._result = None
        self._settled.clear()
        _print_to(job.log)
        try:
            pipeline = _pipeline(job)
            job.build(pipeline)
            self._jobs.send(Message("begun"))
            self._result = pipeline.run()
            self._settled.set()
            self._result.wait_until_finish()
        except (Exception, SystemExit) as error:
            self._settled.set()
            logging.getLogger(__name__).exception("the pipeline failed")
            self._jobs.send(Message("failed", _last_line(error)))
        else:
            self._jobs.send(Message("ended"))


def _print_to(log: str) -> None:
    """Redirects standard output and standard error of this process and its children to a file."""
    with Path(log).open("ab") as stream:
        for descriptor in (1, 2):
            os.dup2(stream.fileno(), descriptor)
    sys.stdout = sys.stderr = io.TextIOWrapper(io.FileIO(2, "a", closefd=False), "utf-8", "backslashreplace")
    sys.stderr.reconfigure(write_through=True)


def _last_line(error: BaseException) -> str:
    """The last line of an error's message, which has the cause; the class of the error if the message is empty."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _pipeline(job: Job) -> beam.Pipeline:
    """Creates the empty pipeline of a job, with its runner; for Dataflow, also builds the package for the workers."""
    options = PipelineOptions(list(job.beam_flags))
    FileSystems.set_options(options)
    if is_dataflow(options):
        prepare(options, job.name, Path(job.folder))
    runner = _local_runner(options, job.workers) if job.workers.are_local else job.workers.runner
    pipeline = beam.Pipeline(runner=runner, options=options)
    pipeline.local_tempdir = shutil.move(pipeline.local_tempdir, job.folder)  # removed together with the folder
    return pipeline


def _local_runner(options: PipelineOptions, workers: Workers) -> FnApiRunner:
    """Creates an FnApiRunner directly: Beam's "DirectRunner" would first try to download another runner.

    The provision info carries the options, because worker processes would not see them otherwise. The command is the
    command of Beam (fn_runner.py, run_pipeline, 2.77) with two changes: `exec` avoids a shell process, and the path may
    contain blanks.
    """
    packages = str(Path(mlukit.__file__).parents[1])
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join([packages, *(p for p in paths if p and p != packages)])
    direct = options.view_as(DirectOptions)
    direct.direct_running_mode = "in_memory"  # the environment below decides where workers run
    direct.direct_num_workers = max(workers.processes, 1)
    info = beam_provision_api_pb2.ProvisionInfo(
        pipeline_options=JobServiceHandle.encode_pipeline_options(options.get_all_options())
    )
    environment = None
    if workers.processes:
        command = f"exec {shlex.quote(sys.executable)} -m apache_beam.runners.worker.sdk_worker_main"
        environment = SubprocessSDKEnvironment.from_command_string(command)
    return FnApiRunner(default_environment=environment, provision_info=ExtendedProvisionInfo(info))
