"""Counts the pairs of entities that are linked near each other in a shard of articles."""

from dataclasses import dataclass
from typing import BinaryIO, ClassVar, cast

from mlukit.corpus.relatedness.count_neighbours import COLUMNS, count_neighbours
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.parquet_shards import read_shards
from mlukit.engine.storage import Storage
from mlukit.engine.task import Task
from mlukit.engine.task_transform import TaskTransform
from mlukit.schemas import layout
from mlukit.schemas.manifest import TaskResult


@dataclass(frozen=True)
class PairedShard(Task):
    """The articles of a range."""

    step: ClassVar[str] = "pairs"
    articles: tuple[str, ...]  # the files
    parts: int  # number of hash parts


@dataclass(eq=False, repr=False)
class CountPairs(TaskTransform[PairedShard]):
    """PCollection of PairedShard -> results: counts of pairs, a row group for each hash part."""

    task = PairedShard
    kinds: frozenset[str]  # kinds of pages that count

    def run(self, task: PairedShard, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """See `corpus.relatedness.count_neighbours.count_neighbours`."""
        path = layout.entity_pairs(task.language, task.number)
        batches = read_shards(storage, task.articles, COLUMNS, heartbeat.advance)
        with storage.write(path) as stream:
            stream.rows, flows = count_neighbours(batches, self.kinds, task.parts, cast(BinaryIO, stream))
        return TaskResult(task.name, (storage.shard(path, stream),), flows)
