"""How a run ends that could not go on."""


class RunError(Exception):
    """The run could not go on; its text says why, and how to go on."""


class WorkerDiedError(RunError):
    """A worker process ended that should not have; Beam's threads still wait for it, so leave by `os._exit`."""
