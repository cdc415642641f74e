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
    """The output folder and the board for a task; a small value, because it is sent to every worker with every step."""

    root: str  # the output folder
    board: str
    workers: int  # of this machine; 0 on a cluster

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
        """Whether nobody waits for this pipeline any more: what is not begun is left to the next run.

        Workers of the launcher's own machine end with it. A cluster's go on: Beam's job server for Flink (2.62) says
        that it cancelled a job, and does not.
        """
        return not self.is_local and not self.notes.exists(LAUNCHER)

    def heartbeat(self, task: str) -> Heartbeat:
        """The heartbeat of a task that begins."""
        return Heartbeat(self.board if self.is_local else None, task)

    @contextmanager
    def reporting(self, work: str) -> Iterator[None]:
        """Leaves the reason on the board where the block fails, and has the other workers of this machine stop."""
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
            with suppress(OSError):  # a disk or a store that fails: the error itself tells it
                self.notes.write_json(f"errors/{work}.json", fault)
            if self.is_local:
                stop_workers(self.board)
            raise
