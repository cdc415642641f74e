"""Counts the links of a shard of articles: a step of the vocabulary and of the mention dictionary."""

from dataclasses import dataclass
from typing import BinaryIO, ClassVar, cast

from corpus.count_links import COLUMNS, count_shard
from schemas.manifest import Receipt
from transforms.do_units import Unit
from transforms.monitor import Monitor
from transforms.storage import WORK, Storage
from transforms.write_shards import read_batches


@dataclass(frozen=True)
class CountLinks(Unit):
    """Writes two files, each with a row group a hash part."""

    phase: ClassVar[str] = "count"
    articles: str  # the shard
    kinds: frozenset[str]
    parts: int

    @property
    def entities_path(self) -> str:
        """Where the counts of items lie."""
        return f"{WORK}/count/{self.language}/entities-{self.number:05}.parquet"

    @property
    def mentions_path(self) -> str:
        """Where the counts of anchors lie."""
        return f"{WORK}/count/{self.language}/mentions-{self.number:05}.parquet"

    def run(self, storage: Storage, monitor: Monitor) -> Receipt:
        """See `corpus.count_links.count_shard`."""
        with (
            storage.open(self.articles) as stream,
            storage.write(self.entities_path) as entities,
            storage.write(self.mentions_path) as mentions,
        ):
            batches = read_batches(stream, COLUMNS)
            flows = count_shard(batches, self.kinds, self.parts, cast(BinaryIO, entities), cast(BinaryIO, mentions))
        shards = (storage.shard(self.entities_path, entities), storage.shard(self.mentions_path, mentions))
        return Receipt(self.name, shards, flows)
