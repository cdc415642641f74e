"""Sorts the entities of the vocabulary, and assigns ids, titles and labels."""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import BinaryIO, ClassVar, cast

from mlukit.corpus.entities.vocabulary import SPECIAL_ENTITIES, EntityNames, order_vocabulary
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.storage import Storage
from mlukit.engine.task import Task
from mlukit.engine.task_transform import TaskTransform
from mlukit.schemas.layout import VOCABULARY_JSONL, VOCABULARY_PARQUET
from mlukit.schemas.manifest import TaskResult
from mlukit.transforms.open_title_index import labels_in, titles_in


@dataclass(frozen=True)
class EntityParts(Task):
    """All hash partitions of the entities."""

    step: ClassVar[str] = "order"
    parts: tuple[str, ...]  # files


@dataclass(eq=False, repr=False)
class OrderVocabulary(TaskTransform[EntityParts]):
    """EntityParts -> the vocabulary, in one pass over all partitions, with one batch of each in memory."""

    task = EntityParts
    languages: tuple[str, ...]
    size: int

    def run(self, task: EntityParts, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """See `corpus.entities.vocabulary.order_vocabulary`."""
        with ExitStack() as open_files:
            parts = [open_files.enter_context(storage.open(path)) for path in task.parts]
            parquet = open_files.enter_context(storage.write(VOCABULARY_PARQUET))
            jsonl = open_files.enter_context(storage.write(VOCABULARY_JSONL))
            names = EntityNames(self.languages, titles_in(storage, self.languages), labels_in(storage, self.languages))
            flow = order_vocabulary(parts, names, self.size, cast(BinaryIO, parquet), cast(BinaryIO, jsonl))
            parquet.rows = jsonl.rows = flow.out + len(SPECIAL_ENTITIES)
        shards = (storage.shard(VOCABULARY_PARQUET, parquet), storage.shard(VOCABULARY_JSONL, jsonl))
        return TaskResult(task.name, shards, {"entities kept": flow})
