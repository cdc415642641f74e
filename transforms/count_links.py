"""Counts the links of a shard of articles: a step of the vocabulary and of the mention dictionary."""

from dataclasses import dataclass
from typing import BinaryIO, ClassVar, cast

from mlukit.corpus.entities.count_links import COLUMNS, count_shard
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.parquet_shards import read_shards
from mlukit.engine.storage import Storage
from mlukit.engine.task import Task
from mlukit.schemas import layout
from mlukit.schemas.manifest import TaskResult


@dataclass(frozen=True)
class CountLinks(Task):
    """Writes two files, each with a row group a hash part."""

    step: ClassVar[str] = "count"
    articles: tuple[str, ...]  # the files of a range
    kinds: frozenset[str]
    parts: int

    @property
    def entities_path(self) -> str:
        """Where the counts of items lie."""
        return layout.entity_counts(self.language, self.number)

    @property
    def mentions_path(self) -> str:
        """Where the counts of anchors lie."""
        return layout.anchor_counts(self.language, self.number)

    def run(self, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """See `corpus.entities.count_links.count_shard`."""
        with storage.write(self.entities_path) as entities, storage.write(self.mentions_path) as mentions:
            batches = read_shards(storage, self.articles, COLUMNS)
            flows = count_shard(batches, self.kinds, self.parts, cast(BinaryIO, entities), cast(BinaryIO, mentions))
        shards = (storage.shard(self.entities_path, entities), storage.shard(self.mentions_path, mentions))
        return TaskResult(self.name, shards, flows)
