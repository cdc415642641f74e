"""Adds the counts of all shards up, one hash part at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, ClassVar, cast

from corpus.mention_dictionary import merge_mentions
from corpus.vocabulary import merge_entities
from schemas.manifest import Receipt
from transforms.do_units import Unit
from transforms.monitor import Monitor
from transforms.storage import WORK, Storage


@dataclass(frozen=True)
class MergeEntities(Unit):
    """One part of the entities of all languages."""

    phase: ClassVar[str] = "merge"
    shards: tuple[tuple[str, str], ...]  # (language, counts of a shard)
    min_languages: int
    min_count: int

    @property
    def path(self) -> str:
        """Where the part is written."""
        return f"{WORK}/merge/entities-{self.number:05}.parquet"

    def run(self, storage: Storage, monitor: Monitor) -> Receipt:
        """See `corpus.vocabulary.merge_entities`."""
        with storage.write(self.path) as merged:
            streams = _opened(storage, self.shards, monitor, self.cost)
            flow, spread = merge_entities(
                streams, self.number, self.min_languages, self.min_count, cast(BinaryIO, merged)
            )
        merged.rows = flow.out
        return Receipt(self.name, (storage.shard(self.path, merged),), {"entities": flow}, spread)


@dataclass(frozen=True)
class MergeMentions(Unit):
    """Some parts of the mention dictionary of a language: one shard of it."""

    phase: ClassVar[str] = "mentions"
    shards: tuple[tuple[str, str], ...]
    path: str  # the dictionary's shard

    def run(self, storage: Storage, monitor: Monitor) -> Receipt:
        """See `corpus.mention_dictionary.merge_mentions`."""
        with storage.write(self.path) as mentions:
            streams = (stream for _, stream in _opened(storage, self.shards, monitor, self.cost))
            mentions.rows = merge_mentions(streams, self.number, cast(BinaryIO, mentions))
        return Receipt(self.name, (storage.shard(self.path, mentions),), counts={"mentions": mentions.rows})


def _opened(
    storage: Storage, shards: tuple[tuple[str, str], ...], monitor: Monitor, cost: int
) -> Iterator[tuple[str, BinaryIO]]:
    """One file after the other, each closed when the next is asked for."""
    for done, (language, path) in enumerate(shards, 1):
        with storage.open(path) as stream:
            yield language, stream
        monitor.advance(cost * done // len(shards))
