"""Adds up the counts of all shards, one hash partition at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, ClassVar, cast

from mlukit.corpus.entities.mention_dictionary import merge_mentions
from mlukit.corpus.entities.vocabulary import merge_entities
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.step_results import Results
from mlukit.engine.storage import Storage
from mlukit.engine.task import Task
from mlukit.engine.task_transform import TaskTransform
from mlukit.schemas import layout
from mlukit.schemas.manifest import TaskResult
from mlukit.schemas.summaries import EntitySpread


@dataclass(frozen=True)
class EntityPart(Task):
    """One hash partition of the entities of all languages."""

    step: ClassVar[str] = "merge"
    counts: tuple[tuple[str, str], ...] = ()  # (language, file with the counts of a shard)

    @property
    def path(self) -> str:
        """The path of the merged partition."""
        return layout.merged_entities(self.number)


@dataclass(eq=False, repr=False)
class MergeEntities(TaskTransform[EntityPart]):
    """PCollection of EntityPart -> results: merged counts of entities; runs `after` `CountLinks`."""

    task = EntityPart
    min_languages: int
    min_count: int

    def complete(self, task: EntityPart, earlier: Results) -> EntityPart:
        """Adds the files with the counts of all languages."""
        return replace(
            task, counts=tuple(pair for code in sorted(earlier) for pair in _files(code, earlier, "entities"))
        )

    def run(self, task: EntityPart, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """See `corpus.entities.vocabulary.merge_entities`."""
        with storage.write(task.path) as merged:
            streams = _opened(storage, task.counts, heartbeat, task.cost)
            flow, spread = merge_entities(
                streams, task.number, self.min_languages, self.min_count, cast(BinaryIO, merged)
            )
        merged.rows = flow.out
        return TaskResult(
            task.name, (storage.shard(task.path, merged),), {"entities": flow}, summary=EntitySpread(spread)
        )


@dataclass(frozen=True)
class MentionPart(Task):
    """One hash partition of the mention dictionary of a language, which becomes one shard."""

    step: ClassVar[str] = "mentions"
    counts: tuple[tuple[str, str], ...] = ()

    @property
    def path(self) -> str:
        """The path of the shard."""
        return layout.mentions_shard(self.language, self.number)


@dataclass(eq=False, repr=False)
class MergeMentions(TaskTransform[MentionPart]):
    """PCollection of MentionPart -> results: shards of mention dictionaries; runs `after` `CountLinks`."""

    task = MentionPart

    def complete(self, task: MentionPart, earlier: Results) -> MentionPart:
        """Adds the files with the counts of the language."""
        return replace(task, counts=tuple(_files(task.language, earlier, "mentions")))

    def run(self, task: MentionPart, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """See `corpus.entities.mention_dictionary.merge_mentions`."""
        with storage.write(task.path) as mentions:
            streams = (stream for _, stream in _opened(storage, task.counts, heartbeat, task.cost))
            mentions.rows = merge_mentions(streams, task.number, cast(BinaryIO, mentions))
        return TaskResult(task.name, (storage.shard(task.path, mentions),), counts={"mentions": mentions.rows})


def _files(language: str, counted: Results, content: str) -> Iterator[tuple[str, str]]:
    """The files with the counts of a language's shards, in the order of the shards."""
    return ((language, shard.path) for shard in counted[language].holding(content))


def _opened(
    storage: Storage, shards: tuple[tuple[str, str], ...], heartbeat: Heartbeat, cost: int
) -> Iterator[tuple[str, BinaryIO]]:
    """Opens one file after the other; a file is closed before the next file is opened."""
    for done, (language, path) in enumerate(shards, 1):
        with storage.open(path) as stream:
            yield language, stream
        heartbeat.advance(cost * done // len(shards))
