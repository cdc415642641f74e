"""Beam's way to worker processes that `engine.fork_server` forks: an environment, and what starts workers in it."""

import threading
from pathlib import Path
from typing import Any

import psutil
from apache_beam.portability.api import endpoints_pb2
from apache_beam.runners.portability.fn_api_runner import worker_handlers
from apache_beam.transforms.environments import Environment, python_sdk_capabilities
from google.protobuf import json_format, text_format

from mlukit.engine.fork_server import SERVER

URN = "mlukit:env:forked_process:v1"
RUN_WORKER = "run_worker"  # the threads that wait for workers: each raises when its worker ends badly


@Environment.register_urn(URN, bytes)
class ForkedProcessEnvironment(Environment):
    """Where a runner of this machine runs workers; what they print goes to the end of a file."""

    def __init__(self, log: Path) -> None:
        super().__init__(python_sdk_capabilities(), ())
        self._log = log

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ForkedProcessEnvironment) and self._log == other._log

    def __hash__(self) -> int:
        return hash((URN, self._log))

    def to_runner_api_parameter(self, context: Any) -> tuple[str, bytes]:
        """As Beam writes it into a pipeline."""
        return URN, bytes(self._log)

    @staticmethod
    def from_runner_api_parameter(
        payload: bytes, capabilities: Any, artifacts: Any, resource_hints: Any, context: Any
    ) -> "ForkedProcessEnvironment":
        """The inverse."""
        return ForkedProcessEnvironment(Path(payload.decode()))


@worker_handlers.WorkerHandler.register_environment(URN, bytes)
class ForkedProcessHandler(worker_handlers.GrpcWorkerHandler):
    """Starts a worker for Beam's in-process runner, and waits for its end."""

    def __init__(self, log: bytes, state: Any, provision_info: Any, grpc_server: Any) -> None:
        super().__init__(state, provision_info, grpc_server)
        self._log = Path(log.decode())

    def start_worker(self) -> None:
        """Forks the process."""
        worker = f"{id(self)} {self.worker_id}"  # Beam's own ids begin anew with each pipeline
        environment = {
            "WORKER_ID": self.worker_id,
            "CONTROL_API_SERVICE_DESCRIPTOR": _descriptor(self.control_address),
            "LOGGING_API_SERVICE_DESCRIPTOR": _descriptor(self.logging_api_service_descriptor().url),
            "PIPELINE_OPTIONS": json_format.MessageToJson(self.provision_info.provision_info.pipeline_options),
        }
        SERVER.fork(worker, environment, self._log)
        self._thread = threading.Thread(name=RUN_WORKER, target=_wait_for, args=(worker,))
        self._thread.start()

    def stop_worker(self) -> None:
        """Returns when the process has ended: it does when Beam closes its connections."""
        self._thread.join()


def _wait_for(worker: str) -> None:
    pid, status = SERVER.wait(worker)
    if status:
        raise RuntimeError(f"worker process {pid} ended with exit status {status}")


def _descriptor(address: str) -> str:
    return text_format.MessageToString(endpoints_pb2.ApiServiceDescriptor(url=address))


def worker_processes() -> list[psutil.Process]:
    """The worker processes that there are now."""
    try:
        return psutil.Process(SERVER.pid).children() if SERVER.pid else []
    except psutil.NoSuchProcess:
        return []
