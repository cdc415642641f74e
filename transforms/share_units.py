"""Units of work shared among the workers of one machine: who has nothing to do takes the next.

Beam's in-process runner deals its elements out beforehand, the same number to each worker process, however long each
takes: so it deals out workers' places, and the units lie in one queue.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import apache_beam as beam

from transforms.do_units import Unit, costly_first, do_unit
from transforms.storage import Storage

_TAKEN = "taken"  # a file with a byte for each unit that was taken


class _TakeUnits(beam.DoFn):
    """Does one unit after the other, until none is left that no one has taken."""

    def __init__(self, units: Sequence[Unit], root: str, folder: str) -> None:
        self._units, self._root, self._folder = units, root, folder

    def process(self, place: int) -> Iterator[str]:
        storage = Storage(self._root)
        while (number := _take(Path(self._folder))) < len(self._units):
            unit = self._units[number]
            do_unit(unit, storage, self._folder)
            yield unit.name


def _take(folder: Path) -> int:
    """A number that no one else gets: bytes are appended one after the other, whoever writes them (POSIX, write)."""
    file = os.open(folder / _TAKEN, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, b".")
        return os.lseek(file, 0, os.SEEK_CUR) - 1
    finally:
        os.close(file)


class ShareUnits(beam.PTransform):
    """Does the units with the workers of this machine, the costly ones first; gives their names.

    Args:
        root: the output folder.
        folder: where the launcher listens; new for each pipeline.
        workers: how many there are.
    """

    def __init__(self, units: Sequence[Unit], root: str, folder: str, workers: int) -> None:
        super().__init__()
        self._workers = workers
        self._take = _TakeUnits(costly_first(units), root, folder)

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        """Reshuffles, so that each worker gets a place."""
        return (
            pipeline
            | "Places" >> beam.Create(range(self._workers), reshuffle=False)
            | "Deal" >> beam.Reshuffle()
            | "Do" >> beam.ParDo(self._take)
        )
