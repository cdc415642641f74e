"""Hashes the anchors of a shard of a mention dictionary."""

from dataclasses import dataclass
from typing import BinaryIO, ClassVar, cast

from mlukit.corpus.detection.build_match_table import hash_anchors
from mlukit.corpus.detection.word_borders import WordBorders
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.storage import Storage
from mlukit.engine.task import Task
from mlukit.engine.task_transform import TaskTransform
from mlukit.schemas import layout
from mlukit.schemas.manifest import Flow, TaskResult
from mlukit.schemas.summaries import Anchors


@dataclass(frozen=True)
class MentionShard(Task):
    """A shard of a mention dictionary."""

    step: ClassVar[str] = "anchors"
    mentions: str  # the file
    parts: int  # number of hash parts


@dataclass(eq=False, repr=False)
class HashAnchors(TaskTransform[MentionShard]):
    """PCollection of MentionShard -> results: entries of match tables, a row group for each hash part."""

    task = MentionShard

    def run(self, task: MentionShard, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """See `corpus.detection.build_match_table.hash_anchors`."""
        path = layout.anchor_entries(task.language, task.number)
        with storage.open(task.mentions) as mentions, storage.write(path) as stream:
            borders = WordBorders(task.language)
            anchors, stream.rows, too_long = hash_anchors(mentions, borders, task.parts, cast(BinaryIO, stream))
        flow = Flow(anchors, anchors)
        flow.leave_out("too long to be searched for", too_long)
        shards = (storage.shard(path, stream),)
        return TaskResult(task.name, shards, {"anchors": flow}, summary=Anchors(anchors))
