"""Adds the counts of all shards up, one hash part at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, ClassVar, cast

from mlukit.corpus.entities.mention_dictionary import merge_mentions
from mlukit.corpus.entities.vocabulary import merge_entities
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.storage import Storage
from mlukit.engine.task import Task
from mlukit.schemas import layout
from mlukit.schemas.manifest import TaskResult
from mlukit.schemas.summaries import EntitySpread


@dataclass(frozen=True)
class MergeEntities(Task):
    """One part of the entities of all languages."""

    step: ClassVar[str] = "merge"
    shards: tuple[tuple[str, str], ...]  # (language, counts of a shard)
    min_languages: int
    min_count: int

    @property
    def path(self) -> str:
        """Where the part is written."""
        return layout.merged_entities(self.number)

    def run(self, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """See `corpus.entities.vocabulary.merge_entities`."""
        with storage.write(self.path) as merged:
            streams = _opened(storage, self.shards, heartbeat, self.cost)
            flow, spread = merge_entities(
                streams, self.number, self.min_languages, self.min_count, cast(BinaryIO, merged)
            )
        merged.rows = flow.out
        return TaskResult(
            self.name, (storage.shard(self.path, merged),), {"entities": flow}, summary=EntitySpread(spread)
        )


@dataclass(frozen=True)
class MergeMentions(Task):
    """Some parts of the mention dictionary of a language: one shard of it."""

    step: ClassVar[str] = "mentions"
    shards: tuple[tuple[str, str], ...]
    path: str  # the dictionary's shard

    def run(self, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """See `corpus.entities.mention_dictionary.merge_mentions`."""
        with storage.write(self.path) as mentions:
            streams = (stream for _, stream in _opened(storage, self.shards, heartbeat, self.cost))
            mentions.rows = merge_mentions(streams, self.number, cast(BinaryIO, mentions))
        return TaskResult(self.name, (storage.shard(self.path, mentions),), counts={"mentions": mentions.rows})


def _opened(
    storage: Storage, shards: tuple[tuple[str, str], ...], heartbeat: Heartbeat, cost: int
) -> Iterator[tuple[str, BinaryIO]]:
    """One file after the other, each closed when the next is asked for."""
    for done, (language, path) in enumerate(shards, 1):
        with storage.open(path) as stream:
            yield language, stream
        heartbeat.advance(cost * done // len(shards))
