"""Counts the links of a shard of articles: a step of the vocabulary and of the mention dictionary."""

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
    parts: int  # that counts are cut into

    @property
    def entities_path(self) -> str:
        """Where the counts of items lie."""
        return layout.entity_counts(self.language, self.number)

    @property
    def mentions_path(self) -> str:
        """Where the counts of anchors lie."""
        return layout.anchor_counts(self.language, self.number)


@dataclass(eq=False, repr=False)
class CountLinks(TaskTransform[LinkedShard]):
    """PCollection of LinkedShard -> results: files of entities and of mentions, with a row group for each hash part."""

    task = LinkedShard
    kinds: frozenset[str]  # of pages that count

    def run(self, task: LinkedShard, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """See `corpus.entities.count_links.count_shard`."""
        with storage.write(task.entities_path) as entities, storage.write(task.mentions_path) as mentions:
            batches = read_shards(storage, task.articles, COLUMNS)
            flows = count_shard(batches, self.kinds, task.parts, cast(BinaryIO, entities), cast(BinaryIO, mentions))
        shards = (storage.shard(task.entities_path, entities), storage.shard(task.mentions_path, mentions))
        return TaskResult(task.name, shards, flows)
