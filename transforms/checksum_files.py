"""Takes the checksums of source files, which manifests name."""

import hashlib
from dataclasses import dataclass
from typing import ClassVar

from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.storage import Storage, open_file
from mlukit.engine.task import Task
from mlukit.schemas.manifest import TaskResult

_CHUNK = 4 << 20


@dataclass(frozen=True)
class ChecksumFile(Task):
    """The SHA-256 of a file."""

    step: ClassVar[str] = "checksum"
    path: str

    def run(self, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """The result's facts hold the file's name and checksum, its counts the size."""
        digest, size = hashlib.sha256(), 0
        with open_file(self.path) as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
                heartbeat.advance(size)
        name = self.path.replace("\\", "/").rpartition("/")[2]
        return TaskResult(self.name, counts={"bytes": size}, facts={"name": name, "sha256": digest.hexdigest()})
