"""The place where tasks are done: the output folder, the workers, and the board that workers share with the launcher.

The board is a folder. On one machine the board is a local folder, and the launcher holds a lock on a file in it. On a
cluster the board is in the output folder, and has this file as long as a launcher waits for the pipeline. Workers write
their plans and the measures of each step to the board; the launcher reads them.
"""

import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from mlukit.engine.errors import RefusedError
from mlukit.engine.heartbeat import LAUNCHER, AbortedError, Heartbeat, stop_workers
from mlukit.engine.storage import Storage


@dataclass(frozen=True, slots=True)
class Workplace:
    """The output folder and the board of a run; a small value, because every step sends it to every worker."""

    root: str  # the output folder
    board: str
    workers: int  # number of workers on this machine; 0 on a cluster

    @property
    def is_local(self) -> bool:
        """Whether the workers run on the machine of the launcher."""
        return self.workers > 0

    @property
    def storage(self) -> Storage:
        """The output folder."""
        return Storage(self.root)

    @property
    def notes(self) -> Storage:
        """The board."""
        return Storage(self.board)

    @property
    def is_deserted(self) -> bool:
        """Whether the launcher of this pipeline is gone, so that no further task should begin.

        Workers on the launcher's machine end with the launcher. Workers on a cluster may continue: Beam's job server
        for Flink (2.62) confirms that it cancelled a job, but the job continues.
        """
        return not self.is_local and not self.notes.exists(LAUNCHER)

    def heartbeat(self, task: str) -> Heartbeat:
        """Starts the heartbeat of a task."""
        return Heartbeat(self.board if self.is_local else None, task)

    @contextmanager
    def reporting(self, work: str) -> Iterator[None]:
        """If the block fails, writes the reason to the board, and makes the other workers of this machine stop.

        Args:
            work: the name of the task or step, for the message.
        """
        try:
            yield
        except AbortedError:
            raise
        except Exception as error:
            fault: dict[str, Any] = {
                "at": time.time(),
                "task": work,
                "kind": type(error).__name__,
                "message": str(error),
            }
            fault |= {"trace": traceback.format_exc(), "refused": isinstance(error, RefusedError)}
            with suppress(OSError):  # a failing disk or store is the error that is raised anyway
                self.notes.write_json(f"errors/{work}.json", fault)
            if self.is_local:
                stop_workers(self.board)
            raise
