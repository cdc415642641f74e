"""Task of work shared among the workers of one machine: who has nothing to do takes the next.

Beam's in-process runner deals its elements out beforehand, the same number to each worker process, however long each
takes: so it deals out workers' places, and the tasks lie in one queue.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import apache_beam as beam

from mlukit.engine.storage import Storage
from mlukit.engine.task import Task, costly_first, run_task

_TAKEN = "taken"  # a file with a byte for each task that was taken


class _TakeTasks(beam.DoFn):
    """Does one task after the other, until none is left that no one has taken."""

    def __init__(self, tasks: Sequence[Task], root: str, folder: str) -> None:
        self._tasks, self._root, self._folder = tasks, root, folder

    def process(self, place: int) -> Iterator[str]:
        storage = Storage(self._root)
        while (number := _take(Path(self._folder))) < len(self._tasks):
            task = self._tasks[number]
            run_task(task, storage, self._folder)
            yield task.name


def _take(folder: Path) -> int:
    """A number that no one else gets: bytes are appended one after the other, whoever writes them (POSIX, write)."""
    file = os.open(folder / _TAKEN, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, b".")
        return os.lseek(file, 0, os.SEEK_CUR) - 1
    finally:
        os.close(file)


class LocalTaskQueue(beam.PTransform):
    """Does the tasks with the workers of this machine, the costly ones first; gives their names.

    Args:
        root: the output folder.
        folder: where the launcher listens; new for each pipeline.
        workers: how many there are.
    """

    def __init__(self, tasks: Sequence[Task], root: str, folder: str, workers: int) -> None:
        super().__init__()
        self._workers = workers
        self._take = _TakeTasks(costly_first(tasks), root, folder)

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        """Reshuffles, so that each worker gets a place."""
        return (
            pipeline
            | "Places" >> beam.Create(range(self._workers), reshuffle=False)
            | "Spread" >> beam.Reshuffle()
            | "Do" >> beam.ParDo(self._take)
        )
