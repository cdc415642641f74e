"""Writes the related entities of all languages as one file that programs map into memory."""

from dataclasses import dataclass, replace
from typing import BinaryIO, ClassVar, cast

from mlukit.corpus.detection.array_file import ArrayFileWriter
from mlukit.corpus.relatedness.count_neighbours import write_related
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.step_results import Results
from mlukit.engine.storage import Storage
from mlukit.engine.task import Task
from mlukit.engine.task_transform import TaskTransform
from mlukit.schemas.layout import ALL_LANGUAGES, RELATED_ENTITIES, paths
from mlukit.schemas.manifest import TaskResult
from mlukit.transforms.relatedness.merge_pairs import opened


@dataclass(frozen=True)
class PairParts(Task):
    """All hash parts of the pairs."""

    step: ClassVar[str] = "related"
    parts: tuple[str, ...] = ()  # the files


@dataclass(eq=False, repr=False)
class WriteRelated(TaskTransform[PairParts]):
    """PairParts -> the file of related entities; runs `after` `MergePairs`."""

    task = PairParts

    def complete(self, task: PairParts, earlier: Results) -> PairParts:
        """Adds the files of all parts."""
        return replace(task, parts=paths(earlier[ALL_LANGUAGES].shards))

    def run(self, task: PairParts, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """See `corpus.relatedness.count_neighbours.write_related`."""
        with storage.write(RELATED_ENTITIES) as stream:
            writer = ArrayFileWriter(cast(BinaryIO, stream))
            counts = write_related(writer, lambda: opened(storage, task.parts, heartbeat))
            stream.rows = counts["entities with related entities"]
        return TaskResult(task.name, (storage.shard(RELATED_ENTITIES, stream),), counts=counts)
