"""A pool of Python workers for all task managers of this machine: `python -m tools.flink.worker_pool PORT`.

It is Beam's own pool (`apache_beam.runners.worker.worker_pool_main`, 2.77) with two differences. All task managers use
the same names for their workers ("1-1"), and Beam's pool stops workers by name: a task manager that is done would stop
the worker of another one. On a real cluster each task manager has its own pool, so this cannot happen. And workers are
forked from a process that has imported all modules, which saves seconds in a small job.
"""

import multiprocessing
import sys
from typing import Any

from apache_beam.portability.api import beam_fn_api_pb2
from apache_beam.runners.worker.sdk_worker import SdkHarness
from apache_beam.runners.worker.worker_pool_main import BeamFnExternalWorkerPoolServicer


class WorkerPool(BeamFnExternalWorkerPoolServicer):  # type: ignore[misc]
    """Starts a process for each worker that a task manager asks for."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload([__name__, "mlukit.pipelines.graphs.stages"])
        self._processes.Process(target=int).start()  # so that all is imported before the first worker is asked for

    def StartWorker(self, start_worker_request: Any, unused_context: Any) -> Any:
        """Starts a worker."""
        address, name = start_worker_request.control_endpoint.url, start_worker_request.worker_id
        self._processes.Process(target=work, args=(address, name)).start()
        return beam_fn_api_pb2.StartWorkerResponse()

    def StopWorker(self, stop_worker_request: Any, unused_context: Any) -> Any:
        """Does not stop a worker: it ends by itself as soon as its task manager closes the connection."""
        return beam_fn_api_pb2.StopWorkerResponse()


def work(address: str, name: str) -> None:
    """Works for a task manager until the task manager closes the connection."""
    SdkHarness(address, worker_id=name, data_buffer_time_limit_ms=0).run()


if __name__ == "__main__":
    from tools.flink.worker_pool import WorkerPool as Pool  # the module that workers import, not this script

    _, server = Pool.start(port=int(sys.argv[1]))
    server.wait_for_termination()
