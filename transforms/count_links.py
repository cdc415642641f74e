"""Counts the links in a shard of articles, for the entity vocabulary and the mention dictionary."""

from dataclasses import dataclass
from typing import BinaryIO, ClassVar, cast

from mlukit.corpus.entities.count_links import COLUMNS, count_shard
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.parquet_shards import read_shards
from mlukit.engine.storage import Storage
from mlukit.engine.task import Task
from mlukit.engine.task_transform import TaskTransform
from mlukit.schemas import layout
from mlukit.schemas.manifest import TaskResult


@dataclass(frozen=True)
class LinkedShard(Task):
    """The articles of a range."""

    step: ClassVar[str] = "count"
    articles: tuple[str, ...]  # the files
    parts: int  # number of hash partitions of the counts

    @property
    def entities_path(self) -> str:
        """The path of the counts of items."""
        return layout.entity_counts(self.language, self.number)

    @property
    def mentions_path(self) -> str:
        """The path of the counts of anchors."""
        return layout.anchor_counts(self.language, self.number)


@dataclass(eq=False, repr=False)
class CountLinks(TaskTransform[LinkedShard]):
    """PCollection of LinkedShard -> results: counts of entities and mentions, a row group per hash partition."""

    task = LinkedShard
    kinds: frozenset[str]  # kinds of pages whose links count

    def run(self, task: LinkedShard, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """See `corpus.entities.count_links.count_shard`."""
        with storage.write(task.entities_path) as entities, storage.write(task.mentions_path) as mentions:
            batches = read_shards(storage, task.articles, COLUMNS)
            flows = count_shard(batches, self.kinds, task.parts, cast(BinaryIO, entities), cast(BinaryIO, mentions))
        shards = (storage.shard(task.entities_path, entities), storage.shard(task.mentions_path, mentions))
        return TaskResult(task.name, shards, flows)
