"""Computes checksums of source files: SHA-256 for manifests, and the checksums of lists in the same folder."""

import hashlib
from dataclasses import dataclass
from typing import ClassVar

from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.storage import Storage, open_file
from mlukit.engine.task import Task
from mlukit.engine.task_transform import TaskTransform
from mlukit.schemas.manifest import TaskResult
from mlukit.schemas.summaries import Checksum

_CHUNK = 4 << 20


@dataclass(frozen=True)
class SourceFile(Task):
    """A file that the link stage reads."""

    step: ClassVar[str] = "checksum"
    path: str
    algorithms: tuple[str, ...] = ()  # in addition to SHA-256


@dataclass(eq=False, repr=False)
class ChecksumFiles(TaskTransform[SourceFile]):
    """PCollection of SourceFile -> results; the summary of a result has the checksums of the file."""

    task = SourceFile

    def run(self, task: SourceFile, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """Reads the file once."""
        digest, size = hashlib.sha256(), 0
        others = {algorithm: hashlib.new(algorithm, usedforsecurity=False) for algorithm in task.algorithms}
        with open_file(task.path) as stream:
            while chunk := stream.read(_CHUNK):
                for one in (digest, *others.values()):
                    one.update(chunk)
                size += len(chunk)
                heartbeat.advance(size)
        found = {algorithm: one.hexdigest() for algorithm, one in others.items()}
        return TaskResult(task.name, summary=Checksum(digest.hexdigest(), found))
