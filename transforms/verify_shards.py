"""Reads finished shards again and holds them against what their manifest says."""

import hashlib
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.storage import Storage
from mlukit.engine.task import Task
from mlukit.schemas.formats import READ_ERRORS, format_of
from mlukit.schemas.manifest import Shard, TaskResult
from mlukit.schemas.summaries import VerifiedShard

_CHUNK = 4 << 20


@dataclass(frozen=True)
class VerifyShard(Task):
    """Compares size, SHA-256 and number of rows of a shard; what differs is a result, and no failure of the task."""

    step: ClassVar[str] = "verify"
    root: str  # the output folder that is looked at: the result goes elsewhere, since that one may be read-only
    shard: Shard

    def run(self, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """Says what is wrong, if anything is."""
        try:
            with Storage(self.root).open(self.shard.path) as stream:
                problem = _difference(self.shard, stream, heartbeat)
        except READ_ERRORS as error:
            problem = f"cannot be read: {' '.join(str(error).split())}"
        return TaskResult(self.name, summary=VerifiedShard(problem))


def _difference(shard: Shard, stream: BinaryIO, heartbeat: Heartbeat) -> str:
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
    """The rows of a shard of a known format, or the lines of another file; a part of it in memory at a time.

    Raises:
        schemas.formats.READ_ERRORS: the file is damaged.
    """
    shard_format = format_of(path)
    return sum(1 for _ in stream) if shard_format is None else sum(shard_format.row_groups(stream))
