"""A process that has imported Beam and the stages once, and forks worker processes in a moment.

Beam starts a Python for each worker of each pipeline, which spends seconds on imports, and a run has a dozen
pipelines. (multiprocessing's own fork server would import the user's `__main__` into each worker.)

The launcher writes a line of JSON for each worker it wants, `{"id", "environment", "log"}`, and reads a line when it
ends, `{"id", "pid", "status"}`. When the launcher goes, so does the server; workers go when Beam's connections close.

A command that is to start workers forks the server off itself at its beginning, while it has one thread and nothing is
open. Without that the first worker starts a server that has everything to import:
python -m mlukit.engine.fork_server MODULE …
"""

import gc
import importlib
import json
import os
import select
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SDK_WORKER = "apache_beam.runners.worker.sdk_worker_main"


class ForkServer:
    """The launcher's side: one server for the life of the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._preloaded: tuple[str, ...] = ()
        self._requests = -1
        self._listener: threading.Thread | None = None
        self._ended: dict[str, threading.Event] = {}
        self._status: dict[str, tuple[int, int]] = {}  # pid and status of workers that have ended
        self.pid: int | None = None  # the server's process, if there was one

    def start(self, preloaded: Sequence[str] = ()) -> None:
        """Starts the server, if none is there: in a moment where this process has no other thread, else in seconds.

        Args:
            preloaded: modules that workers find imported.
        """
        with self._lock:
            self._preloaded = (*preloaded,) or self._preloaded
            if self._listener is not None and self._listener.is_alive():
                return
            requests, self._requests = os.pipe()
            answered, answers = os.pipe()
            begin = _forked if threading.active_count() == 1 else _spawned
            self.pid = begin(self._preloaded, requests, answers, (self._requests, answered))
            os.close(requests)
            os.close(answers)
            self._listener = threading.Thread(target=self._listen, args=(self.pid, answered), daemon=True)
            self._listener.start()

    def fork(self, worker: str, environment: dict[str, str], log: Path) -> None:
        """Starts a worker; what it prints goes to the end of a file."""
        self.start()
        with self._lock:
            self._ended[worker] = threading.Event()
            os.write(self._requests, _line({"id": worker, "environment": environment, "log": str(log)}))

    def wait(self, worker: str) -> tuple[int, int]:
        """Waits for a worker's end: its pid, and its exit status, or less than 0 for the signal that killed it."""
        self._ended[worker].wait()
        del self._ended[worker]
        return self._status.pop(worker)

    def _listen(self, server: int, answered: int) -> None:
        with open(answered, "rb") as answers:
            for line in answers:
                message = json.loads(line)
                self._end(message["id"], message["pid"], message["status"])
        status = os.waitstatus_to_exitcode(os.waitpid(server, 0)[1])
        for worker in list(self._ended):  # the server itself was killed, and no one will tell of its workers
            if worker not in self._status:
                self._end(worker, server, status or -signal.SIGKILL)

    def _end(self, worker: str, pid: int, status: int) -> None:
        self._status[worker] = pid, status
        self._ended[worker].set()


def _forked(preloaded: Sequence[str], requests: int, answers: int, launchers: Sequence[int]) -> int:
    """The pid of a server that is a copy of this process; `launchers` are the descriptors that are not for it."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    if pid := os.fork():
        return pid
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for descriptor in launchers:
            os.close(descriptor)
        for descriptor, as_if_spawned in ((requests, 0), (answers, 1)):
            os.dup2(descriptor, as_if_spawned)
            os.close(descriptor)
        serve(preloaded)
        status = 0
    finally:
        os._exit(status)


def _spawned(preloaded: Sequence[str], requests: int, answers: int, _: Sequence[int]) -> int:
    """The pid of a server that is a Python of its own."""
    files = [(os.POSIX_SPAWN_DUP2, requests, 0), (os.POSIX_SPAWN_DUP2, answers, 1)]
    command = [sys.executable, "-m", "mlukit.engine.fork_server", *preloaded]
    return os.posix_spawn(sys.executable, command, os.environ, file_actions=files)


SERVER = ForkServer()


def serve(preloaded: Sequence[str]) -> None:
    """The server's side: forks, and tells of ends, until the launcher closes the pipe."""
    answers = os.dup(1)
    os.dup2(2, 1)  # what a module prints while it is imported is no answer
    for module in (SDK_WORKER, *preloaded):
        importlib.import_module(module)
    gc.freeze()  # what is imported stays, and workers need not look for garbage in it
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the launcher too, which then closes the pipe
    workers: dict[int, str] = {}
    asked = b""
    while True:
        ready, _, _ = select.select([0, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
        if 0 in ready:
            if not (data := os.read(0, 1 << 16)):
                return
            *lines, asked = (asked + data).split(b"\n")
            for line in lines:
                message = json.loads(line)
                workers[_fork(message, (answers, woken, wake))] = message["id"]
        for pid, status in _ended_children():
            try:
                os.write(answers, _line({"id": workers.pop(pid), "pid": pid, "status": status}))
            except BrokenPipeError:  # the launcher has gone
                return


def _fork(message: dict[str, Any], servers: Sequence[int]) -> int:
    """The pid of a worker that works on in a process of its own.

    Args:
        servers: descriptors of the server alone: where a worker keeps the pipe of answers open, the launcher does not
            hear of the server's death.
    """
    if pid := os.fork():
        return pid
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        for descriptor in servers:
            os.close(descriptor)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        log = os.open(message["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for descriptor, file in ((0, os.open(os.devnull, os.O_RDONLY)), (1, log), (2, log)):
            os.dup2(file, descriptor)
        os.environ.update(message["environment"])
        importlib.import_module("apache_beam.runners.worker.sdk_worker_main").main([])
        status = 0
    finally:
        os._exit(status)


def _ended_children() -> list[tuple[int, int]]:
    ended: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if not pid:
            return ended
        ended.append((pid, os.waitstatus_to_exitcode(status)))


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"


if __name__ == "__main__":
    serve(sys.argv[1:])
