"""Takes the checksums of source files, which manifests name."""

import hashlib
from dataclasses import dataclass
from typing import ClassVar

from schemas.manifest import Receipt
from transforms.do_units import Unit
from transforms.monitor import Monitor
from transforms.storage import Storage, open_file

_CHUNK = 4 << 20


@dataclass(frozen=True)
class ChecksumFile(Unit):
    """The SHA-256 of a file."""

    phase: ClassVar[str] = "checksum"
    path: str

    def run(self, storage: Storage, monitor: Monitor) -> Receipt:
        """The receipt's facts hold the file's name and checksum, its counts the size."""
        digest, size = hashlib.sha256(), 0
        with open_file(self.path) as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
                monitor.advance(size)
        name = self.path.replace("\\", "/").rpartition("/")[2]
        return Receipt(self.name, counts={"bytes": size}, facts={"name": name, "sha256": digest.hexdigest()})
