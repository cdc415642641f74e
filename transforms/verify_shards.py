"""Reads finished shards again, and compares them with their manifest."""

import hashlib
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

from mlukit.corpus.detection.array_file import ArrayFileError, read_rows
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.storage import Storage
from mlukit.engine.task import Task
from mlukit.engine.task_transform import TaskTransform
from mlukit.schemas import layout
from mlukit.schemas.formats import READ_ERRORS, format_of
from mlukit.schemas.manifest import Shard, TaskResult
from mlukit.schemas.summaries import VerifiedShard

_CHUNK = 4 << 20


@dataclass(frozen=True)
class FinishedShard(Task):
    """A shard as its manifest describes it."""

    step: ClassVar[str] = "verify"
    shard: Shard


@dataclass(eq=False, repr=False)
class VerifyShards(TaskTransform[FinishedShard]):
    """PCollection of FinishedShard -> results: differences in size, SHA-256 or rows. A difference is not a failure."""

    task = FinishedShard
    root: str  # the output folder to verify; results go to another folder, because this one may be read-only

    def run(self, task: FinishedShard, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """Reads the shard; the summary has the difference, or "" if there is none."""
        try:
            with Storage(self.root).open(task.shard.path) as stream:
                problem = _difference(task.shard, stream, heartbeat)
        except (*READ_ERRORS, ArrayFileError) as error:
            problem = f"cannot be read: {' '.join(str(error).split())}"
        return TaskResult(task.name, summary=VerifiedShard(problem))


def _difference(shard: Shard, stream: BinaryIO, heartbeat: Heartbeat) -> str:
    """Describes the first difference between a file and its manifest; "" if there is none."""
    digest, size = hashlib.sha256(), 0
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
        heartbeat.advance(size)
    if size != shard.bytes:
        return f"{size:,} bytes, the manifest says {shard.bytes:,}"
    if digest.hexdigest() != shard.sha256:
        return f"SHA-256 {digest.hexdigest()}, the manifest says {shard.sha256}"
    stream.seek(0)
    rows = count_rows(shard.path, stream)
    return f"{rows:,} rows, the manifest says {shard.rows:,}" if rows != shard.rows else ""


def count_rows(path: str, stream: BinaryIO) -> int:
    """Counts the rows of a shard of a known format, or the lines of another file, with a part in memory at a time.

    Raises:
        schemas.formats.READ_ERRORS: the file is damaged.
        ArrayFileError: a file of arrays is damaged.
    """
    if path.endswith(layout.ARRAYS):
        return read_rows(stream)
    shard_format = format_of(path)
    return sum(1 for _ in stream) if shard_format is None else sum(shard_format.row_groups(stream))
