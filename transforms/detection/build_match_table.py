"""Builds the table of all anchors of a language, which detection maps into memory."""

from dataclasses import dataclass, replace
from typing import BinaryIO, ClassVar, cast

from mlukit.corpus.detection.build_match_table import build_match_table
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.step_results import Results, StepResults
from mlukit.engine.storage import Storage
from mlukit.engine.task import Task
from mlukit.engine.task_transform import TaskTransform
from mlukit.schemas import layout
from mlukit.schemas.manifest import TaskResult
from mlukit.schemas.summaries import Anchors


@dataclass(frozen=True)
class AnchorTable(Task):
    """The anchors of a language."""

    step: ClassVar[str] = "tables"
    mentions: tuple[str, ...]  # the shards of the mention dictionary
    entries: tuple[str, ...] = ()  # for each shard, the hashes of its anchors
    anchors: tuple[int, ...] = ()  # for each shard, the number of its anchors


@dataclass(eq=False, repr=False)
class BuildMatchTable(TaskTransform[AnchorTable]):
    """PCollection of AnchorTable -> results: match tables; runs `after` `HashAnchors`."""

    task = AnchorTable

    def complete(self, task: AnchorTable, earlier: Results) -> AnchorTable:
        """Adds what the step before found about the shards of the language."""
        hashed = earlier[task.language]
        return replace(task, entries=layout.paths(hashed.shards), anchors=anchors_of(hashed))

    def run(self, task: AnchorTable, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """See `corpus.detection.build_match_table.build_match_table`."""
        path = layout.match_table(task.language)

        def open_file(name: str) -> BinaryIO:
            heartbeat.advance()
            return storage.open(name)

        with storage.write(path) as stream:
            stream.rows = build_match_table(
                open_file, task.mentions, task.entries, task.anchors, cast(BinaryIO, stream)
            )
        return TaskResult(task.name, (storage.shard(path, stream),))


def anchors_of(hashed: StepResults) -> tuple[int, ...]:
    """The number of anchors in each shard of a mention dictionary, from the results of `HashAnchors`."""
    return tuple(hashed.summary(task, Anchors).anchors for task in hashed.tasks)
