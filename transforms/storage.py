"""The output folder, on any filesystem that Beam knows; files appear in it whole or not at all."""

import glob
import hashlib
import json
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from schemas.manifest import Shard, dump_json

_COPY_BYTES = 8 << 20
WORK = "_work"  # what is needed only until a stage is finished


def open_file(path: str) -> BinaryIO:
    """Opens a file for reading as it is: Beam would decompress it by its name."""
    return cast(BinaryIO, FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED))


def is_local(path: str) -> bool:
    """Whether a path lies on a disk that can be memory-mapped."""
    return FileSystems.get_scheme(path) in (None, "file")


class CountingStream:
    """A writable stream that knows how many bytes went through it and their SHA-256."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()
        self.bytes = 0
        self.rows = 0  # for the writer to say
        self.closed = False

    def write(self, data: bytes | memoryview) -> int:
        """Writes all of `data`."""
        view = memoryview(data).cast("B")
        self._stream.write(view.tobytes() if not isinstance(data, bytes) else data)
        self._hash.update(view)
        self.bytes += len(view)
        return len(view)

    def tell(self) -> int:
        """How many bytes were written."""
        return self.bytes

    def writable(self) -> bool:
        """Always."""
        return True

    def readable(self) -> bool:
        """Never."""
        return False

    def seekable(self) -> bool:
        """Never."""
        return False

    def flush(self) -> None:
        """Nothing is held back here."""

    def close(self) -> None:
        """Closes nothing: the file belongs to the one who opened it."""

    @property
    def sha256(self) -> str:
        """Of what was written so far."""
        return self._hash.hexdigest()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Storage:
    """The output folder; paths are relative to it, with forward slashes."""

    def __init__(self, root: str) -> None:
        self.root = root

    def path(self, relative: str) -> str:
        """The full path of a file of the folder."""
        return cast(str, FileSystems.join(self.root, *relative.split("/")))

    def open(self, relative: str) -> BinaryIO:
        """Opens a file of the folder for reading."""
        return open_file(self.path(relative))

    def exists(self, relative: str) -> bool:
        """Whether there is such a file."""
        return bool(FileSystems.exists(self.path(relative)))

    def size(self, relative: str) -> int | None:
        """A file's size in bytes; None where there is none."""
        path = self.path(relative)
        if is_local(path):
            return Path(path).stat().st_size if Path(path).is_file() else None
        found = FileSystems.match([glob.escape(path)])[0].metadata_list
        return found[0].size_in_bytes if found else None

    def files(self) -> Iterator[str]:
        """The paths of all files of the folder, one by one and in no order: a look at the first ones costs little."""
        if is_local(self.root):
            root = Path(self.root)
            return (p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())
        return iter(self.sizes())

    def sizes(self, folder: str = "") -> dict[str, int]:
        """All files below a folder with their sizes, by path relative to the output folder, sorted."""
        top = self.path(folder) if folder else self.root
        if is_local(top):
            root = Path(self.root)
            found = [p for p in Path(top).rglob("*") if p.is_file()]
            return dict(sorted((p.relative_to(root).as_posix(), p.stat().st_size) for p in found))
        files = FileSystems.match([glob.escape(top.rstrip("/")) + "/**"])[0].metadata_list
        return dict(sorted((f.path[len(self.root.rstrip("/")) + 1 :], f.size_in_bytes) for f in files))

    def read_json(self, relative: str) -> Any:
        """A JSON file's value; OSError where there is none, or something else."""
        if not self.exists(relative):
            raise FileNotFoundError(f"there is no {self.path(relative)}")
        with self.open(relative) as stream:
            try:
                return json.loads(stream.read())
            except ValueError as error:
                raise OSError(f"{self.path(relative)} is damaged: {error}") from error

    def write_json(self, relative: str, value: Any) -> None:
        """Writes a JSON file whole."""
        with self.write(relative) as stream:
            stream.write(dump_json(value))

    @contextmanager
    def write(self, relative: str) -> Iterator[CountingStream]:
        """Writes a file under a name of this attempt's own and publishes it when the block ends without an error."""
        aside = f"{WORK}/aside/{uuid.uuid4().hex}"
        path = self.path(aside)
        try:
            with cast(BinaryIO, FileSystems.create(path, compression_type=CompressionTypes.UNCOMPRESSED)) as stream:
                counting = CountingStream(stream)
                yield counting
            self._publish(path, self.path(relative))
        except BaseException:
            self.delete(aside)
            raise

    def _publish(self, aside: str, final: str) -> None:
        if is_local(final):
            Path(final).parent.mkdir(parents=True, exist_ok=True)
            Path(aside).replace(final)
            return
        if FileSystems.exists(final):  # an earlier attempt's, with the same bytes
            FileSystems.delete([glob.escape(final)])
        FileSystems.rename([aside], [final])

    @contextmanager
    def write_folder(self, relative: str) -> Iterator[Path]:
        """Gives a local folder to write files into, and publishes it when the block ends without an error."""
        near = Path(self.path(f"{WORK}/aside")) if is_local(self.root) else None
        if near is not None:
            near.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=near) as aside:
            folder = Path(aside) / "folder"
            folder.mkdir()
            yield folder
            self.delete(relative)
            if near is not None:
                Path(self.path(relative)).parent.mkdir(parents=True, exist_ok=True)
                folder.replace(self.path(relative))
                return
            self.upload_folder(folder, relative)

    def upload_folder(self, folder: Path, relative: str) -> None:
        """Copies a local folder's files into the output, one by one."""
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            with path.open("rb") as stream, self.write(f"{relative}/{path.relative_to(folder).as_posix()}") as out:
                while chunk := stream.read(_COPY_BYTES):
                    out.write(chunk)

    def shard(self, relative: str, stream: CountingStream) -> Shard:
        """What a receipt says of a file just written."""
        return Shard(relative, stream.rows, stream.bytes, stream.sha256)

    def delete(self, relative: str) -> None:
        """Removes a file, or a folder with all that is in it; nothing where there is neither."""
        path = self.path(relative)
        if is_local(path):
            if Path(path).is_dir():
                shutil.rmtree(path)
            else:
                Path(path).unlink(missing_ok=True)
            return
        found = [self.path(name) for name in self.sizes(relative)] + [path] * self.exists(relative)
        if found:
            FileSystems.delete(list(map(glob.escape, found)))  # it takes patterns
