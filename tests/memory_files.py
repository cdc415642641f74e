"""A filesystem for Beam with the manners of an object store: no folders, whole files only."""

import io
import time
from collections.abc import Iterator, MutableMapping, Sequence
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote, unquote

from apache_beam.io.filesystem import BeamIOError, CompressionTypes, FileMetadata, FileSystem

SCHEME = "memory"


class SharedObjects(MutableMapping[str, bytes]):
    """Objects by path that processes share: each is a file of a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder

    def _file(self, path: str) -> Path:
        return self._folder / quote(path, safe="")

    def __getitem__(self, path: str) -> bytes:
        try:
            return self._file(path).read_bytes()
        except FileNotFoundError as error:
            raise KeyError(path) from error

    def __setitem__(self, path: str, content: bytes) -> None:
        self._file(path).write_bytes(content)

    def __delitem__(self, path: str) -> None:
        self._file(path).unlink()

    def __iter__(self) -> Iterator[str]:
        return (unquote(file.name) for file in sorted(self._folder.iterdir()))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _NewFile(io.BytesIO):
    """Appears in the store when it is closed."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def close(self) -> None:
        if not self.closed:
            MemoryFiles.files[self._path] = self.getvalue()
            MemoryFiles.times[self._path] = time.time()
        super().close()


class MemoryFiles(FileSystem):
    """memory://bucket/name; Beam finds it by its scheme."""

    files: ClassVar[MutableMapping[str, bytes]] = {}
    times: ClassVar[dict[str, float]] = {}  # when they were written

    @classmethod
    def scheme(cls) -> str:
        return SCHEME

    def join(self, basepath: str, *paths: str) -> str:
        return "/".join([basepath.rstrip("/"), *(path.strip("/") for path in paths)])

    def split(self, path: str) -> tuple[str, str]:
        head, _, tail = path.rpartition("/")
        return head, tail

    def mkdirs(self, path: str) -> None:
        """There are no folders."""

    def has_dirs(self) -> bool:
        return False

    def _list(self, dir_or_prefix: str) -> Iterator[FileMetadata]:
        for path in sorted(self.files):
            if path.startswith(dir_or_prefix):
                yield FileMetadata(path, len(self.files[path]), self.times.get(path, 0.0))

    def create(
        self,
        path: str,
        mime_type: str = "application/octet-stream",
        compression_type: str = CompressionTypes.AUTO,
    ) -> io.BytesIO:
        assert compression_type == CompressionTypes.UNCOMPRESSED, "Beam would compress it by its name"
        return _NewFile(path)

    def open(
        self,
        path: str,
        mime_type: str = "application/octet-stream",
        compression_type: str = CompressionTypes.AUTO,
    ) -> io.BytesIO:
        assert compression_type == CompressionTypes.UNCOMPRESSED, "Beam would decompress it by its name"
        return io.BytesIO(self._content(path))

    def _content(self, path: str) -> bytes:
        if path not in self.files:
            raise BeamIOError(f"no such object: {path}")
        return self.files[path]

    def copy(self, source_file_names: Sequence[str], destination_file_names: Sequence[str]) -> None:
        for source, destination in zip(source_file_names, destination_file_names, strict=True):
            self.files[destination] = self._content(source)

    def rename(self, source_file_names: Sequence[str], destination_file_names: Sequence[str]) -> None:
        self.copy(source_file_names, destination_file_names)
        for source in source_file_names:
            del self.files[source]

    def exists(self, path: str) -> bool:
        return path in self.files

    def size(self, path: str) -> int:
        return len(self._content(path))

    def last_updated(self, path: str) -> float:
        return 0.0

    def checksum(self, path: str) -> str:
        return str(hash(self._content(path)))

    def metadata(self, path: str) -> FileMetadata:
        return FileMetadata(path, self.size(path), 0.0)

    def delete(self, paths: Sequence[str]) -> None:
        for path in paths:
            self.files.pop(path, None)
