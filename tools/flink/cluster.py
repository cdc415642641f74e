"""Starts and stops a standalone Flink cluster on this machine, with the processes that Beam's Python needs.

The processes are a job manager, task managers, Beam's job server and a pool of Python workers. They use free ports, and
listen only on this machine.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from tools.flink.fetch_jars import Jars, java

ROOT = Path(__file__).resolve().parents[2]
_START_LIMIT = 120  # seconds
_STOP_LIMIT = 10
_LAST_LINES = 15  # of a log, for an error
_ENTRY = "org.apache.flink.runtime"
_JOB_SERVER = "org.apache.beam.runners.flink.FlinkJobServerDriver"
# As in the configuration that Flink ships, env.java.opts.all.
_OPENED = (
    *("java.lang", "java.lang.reflect", "java.net", "java.io", "java.nio", "sun.nio.ch", "java.text", "java.time"),
    *("java.util", "java.util.concurrent", "java.util.concurrent.atomic", "java.util.concurrent.locks"),
)
_LOG4J = """\
rootLogger.level = INFO
rootLogger.appenderRef.console.ref = console
appender.console.name = console
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss,SSS} %p %c{1} %m%n%ex
"""
# A task manager takes its memory from the sum of these; Flink's start scripts would work them out from a total.
_MEMORY = {
    "taskmanager.memory.framework.heap.size": "128m",
    "taskmanager.memory.task.heap.size": "256m",
    "taskmanager.memory.framework.off-heap.size": "128m",
    "taskmanager.memory.task.off-heap.size": "0m",
    "taskmanager.memory.network.min": "256m",  # a build is one graph of some hundred exchanges, each with its buffers
    "taskmanager.memory.network.max": "256m",
    "taskmanager.memory.managed.size": "64m",
    "taskmanager.memory.jvm-metaspace.size": "256m",
    "taskmanager.memory.jvm-overhead.min": "192m",
    "taskmanager.memory.jvm-overhead.max": "192m",
}
_FAULTS = {
    "restart-strategy.type": "fixed-delay",
    "restart-strategy.fixed-delay.attempts": "5",
    "restart-strategy.fixed-delay.delay": "1 s",
    "heartbeat.interval": "1000",  # milliseconds
    "heartbeat.timeout": "10000",
    "slot.request.timeout": "60000",
}


class ClusterError(Exception):
    """The cluster did not start; the message has the process and the end of its log."""


class Cluster:
    """A cluster that runs until the end of a `with` block, also after an error.

    Args:
        jars: the jars of Flink and of the job server.
        folder: the folder for logs and temporary files; must be empty or new.
        task_managers: the number of task managers, each with one slot.
    """

    def __init__(self, jars: Jars, folder: Path, task_managers: int = 2) -> None:
        self.folder = folder
        self._jars = jars
        self._wanted = task_managers
        self._processes: list[tuple[str, subprocess.Popen[bytes]]] = []
        self._rest, self._rpc, self._jobs, self._pool = _free_ports(4)
        self.task_managers: list[subprocess.Popen[bytes]] = []
        self.worker_pool: subprocess.Popen[bytes] | None = None

    @property
    def beam_flags(self) -> list[str]:
        """The flags with which a Beam pipeline runs on this cluster."""
        return [
            "--runner=PortableRunner",
            f"--job_endpoint=localhost:{self._jobs}",
            "--environment_type=EXTERNAL",
            f"--environment_config=localhost:{self._pool}",
            f"--parallelism={self._wanted}",
        ]

    def __enter__(self) -> Self:
        try:
            self._start_all()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start_all(self) -> None:
        self._configure()
        self._start_flink("job-manager", "256m", f"{_ENTRY}.entrypoint.StandaloneSessionClusterEntrypoint")
        for _ in range(self._wanted):
            self.start_task_manager()
        artifacts = self.folder / "artifacts"
        self._start(
            "job-server",
            *_java("512m"),
            "-cp",
            _class_path(self._jars.job_server),
            _JOB_SERVER,
            *(f"--flink-master=localhost:{self._rest}", "--job-host=localhost", f"--job-port={self._jobs}"),
            *("--artifact-port=0", "--expansion-port=0", f"--artifacts-dir={artifacts}"),
        )
        self.worker_pool = self._start(
            "worker-pool", sys.executable, "-m", "tools.flink.worker_pool", str(self._pool), env=_worker_environment()
        )
        self._wait_for("task managers", lambda: self.registered() == self._wanted)
        self._wait_for("job server", lambda: _listens(self._jobs))
        self._wait_for("worker pool", lambda: _listens(self._pool))

    def _configure(self) -> None:
        for name in ("logs", "configuration", "temporary"):
            (self.folder / name).mkdir(parents=True)
        settings = {
            "jobmanager.rpc.address": "localhost",
            "jobmanager.rpc.port": str(self._rpc),
            "jobmanager.bind-host": "localhost",
            "rest.address": "localhost",
            "rest.bind-address": "localhost",
            "rest.port": str(self._rest),
            "taskmanager.host": "localhost",
            "taskmanager.bind-host": "localhost",
            "taskmanager.numberOfTaskSlots": "1",
            "taskmanager.cpu.cores": "1.0",
            "classloader.resolve-order": "parent-first",  # otherwise each job would load all of Beam's classes again
            "io.tmp.dirs": str(self.folder / "temporary"),
            **_MEMORY,
            **_FAULTS,
        }
        lines = (f"{key}: {json.dumps(value)}\n" for key, value in settings.items())
        (self.folder / "configuration/config.yaml").write_text("".join(lines))
        (self.folder / "configuration/log4j.properties").write_text(_LOG4J)

    def start_task_manager(self) -> subprocess.Popen[bytes]:
        """Starts another task manager."""
        name = f"task-manager-{len(self.task_managers) + 1}"
        process = self._start_flink(name, "384m", f"{_ENTRY}.taskexecutor.TaskManagerRunner")
        self.task_managers.append(process)
        return process

    def _start_flink(self, name: str, heap: str, main: str) -> subprocess.Popen[bytes]:
        configuration = self.folder / "configuration"
        log4j = f"-Dlog4j.configurationFile={configuration / 'log4j.properties'}"
        return self._start(
            name,
            *_java(heap),
            *(log4j, "-cp", _class_path(self._jars.flink)),
            *(main, "--configDir", str(configuration)),
        )

    def _start(self, name: str, *command: str, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Starts a process in its own session, so that Ctrl-C in the terminal does not reach it."""
        with (self.folder / f"logs/{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [*_dying_with_parent(), *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=ROOT,
                env=env,
            )
        self._processes.append((name, process))
        return process

    def _wait_for(self, what: str, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _START_LIMIT
        while not ready():
            for name, process in self._processes:
                if process.poll() is not None:
                    raise ClusterError(f"{name} ended with status {process.returncode}:\n{self._last_lines(name)}")
            if time.monotonic() > deadline:
                raise ClusterError(f"the cluster did not start: {what} not ready after {_START_LIMIT} s")
            time.sleep(0.2)

    def _last_lines(self, name: str) -> str:
        log = (self.folder / f"logs/{name}.log").read_text(errors="replace")
        return "\n".join(log.splitlines()[-_LAST_LINES:])

    def registered(self) -> int:
        """The number of task managers that the job manager knows; 0 while it does not answer."""
        overview = self._ask("overview")
        return int(overview["taskmanagers"]) if overview else 0

    def jobs(self) -> dict[str, str]:
        """The state of each job by its id, from the job manager: RUNNING, FINISHED, CANCELED, …"""
        answer = self._ask("jobs") or {"jobs": []}
        return {job["id"]: job["status"] for job in answer["jobs"]}

    def faults(self, job: str) -> list[str]:
        """The names of the exceptions in a job so far, also of those after which the job continued."""
        answer = self._ask(f"jobs/{job}/exceptions") or {"exceptionHistory": {"entries": []}}
        return [entry["exceptionName"] for entry in answer["exceptionHistory"]["entries"]]

    def _ask(self, what: str) -> Any:
        try:
            with urllib.request.urlopen(f"http://localhost:{self._rest}/{what}", timeout=5) as answer:
                return json.load(answer)
        except OSError:
            return None  # not up yet, or gone

    def workers(self) -> list[psutil.Process]:
        """Beam's Python worker processes: the pool's fork server starts them."""
        assert self.worker_pool is not None
        return [worker for server in psutil.Process(self.worker_pool.pid).children() for worker in server.children()]

    def stop(self) -> None:
        """Ends all processes and their children, and removes temporary files; logs stay."""
        for _, process in self._processes:
            _kill_session(process)
        for _, process in self._processes:
            process.wait(_STOP_LIMIT)
        self._processes.clear()
        for name in ("temporary", "artifacts"):
            shutil.rmtree(self.folder / name, ignore_errors=True)


def _kill_session(process: subprocess.Popen[bytes]) -> None:
    """Kills a process and its group, which includes the workers that the pool started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # all of them have ended


def _dying_with_parent() -> list[str]:
    """The prefix of a command that ends when this process is killed; Linux has a program for it."""
    return ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []


def _worker_environment() -> dict[str, str]:
    """The environment of workers, which are started as `python`, and import mlukit from this folder."""
    python = Path(sys.executable).parent
    paths = [str(ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {
        **os.environ,
        "PATH": os.pathsep.join([str(python), os.environ.get("PATH", os.defpath)]),
        "PYTHONPATH": os.pathsep.join(paths),
    }


def _java(heap: str) -> list[str]:
    """The command of Java, with the quick compiler and the simple collector, since processes live for minutes."""
    opens = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED]
    return [java(), f"-Xmx{heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *opens]


def _class_path(jars: Iterable[Path]) -> str:
    return os.pathsep.join(map(str, jars))


def _free_ports(number: int) -> list[int]:
    """Ports that are free now."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for one in sockets:
            one.bind(("localhost", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("localhost", port), timeout=1):
            return True
    except OSError:
        return False
