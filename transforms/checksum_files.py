"""Takes the checksums of source files, which manifests name."""

import hashlib
from dataclasses import dataclass
from typing import ClassVar

from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.storage import Storage, open_file
from mlukit.engine.task import Task
from mlukit.schemas.manifest import TaskResult
from mlukit.schemas.summaries import Checksum

_CHUNK = 4 << 20


@dataclass(frozen=True)
class ChecksumFile(Task):
    """The SHA-256 of a file."""

    step: ClassVar[str] = "checksum"
    path: str

    def run(self, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """Reads the file once."""
        digest, size = hashlib.sha256(), 0
        with open_file(self.path) as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
                heartbeat.advance(size)
        return TaskResult(self.name, summary=Checksum(digest.hexdigest()))
