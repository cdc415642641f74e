"""Adds up the pairs of entities of all shards, one hash part at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, ClassVar, cast

from mlukit.corpus.relatedness.count_neighbours import merge_neighbours
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.step_results import Results
from mlukit.engine.storage import Storage
from mlukit.engine.task import Task
from mlukit.engine.task_transform import TaskTransform
from mlukit.schemas import layout
from mlukit.schemas.manifest import TaskResult


@dataclass(frozen=True)
class PairPart(Task):
    """One hash part of the pairs of all languages."""

    step: ClassVar[str] = "neighbours"
    pairs: tuple[str, ...] = ()  # the files


@dataclass(eq=False, repr=False)
class MergePairs(TaskTransform[PairPart]):
    """PCollection of PairPart -> results: merged counts of pairs; runs `after` `CountPairs`."""

    task = PairPart

    def complete(self, task: PairPart, earlier: Results) -> PairPart:
        """Adds the files with the pairs of all languages."""
        return replace(
            task, pairs=tuple(path for code in sorted(earlier) for path in layout.paths(earlier[code].shards))
        )

    def run(self, task: PairPart, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """See `corpus.relatedness.count_neighbours.merge_neighbours`."""
        path = layout.merged_pairs(task.number)
        with storage.write(path) as merged:
            merged.rows = merge_neighbours(opened(storage, task.pairs, heartbeat), task.number, cast(BinaryIO, merged))
        return TaskResult(task.name, (storage.shard(path, merged),))


def opened(storage: Storage, paths: tuple[str, ...], heartbeat: Heartbeat) -> Iterator[BinaryIO]:
    """Opens one file after the other; a file is closed before the next file is opened."""
    for path in paths:
        heartbeat.advance()
        with storage.open(path) as stream:
            yield stream
