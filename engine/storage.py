"""The output folder, on any filesystem that Beam supports; files appear in the folder whole or not at all."""

import glob
import hashlib
import json
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

from apache_beam.io.filesystem import CompressionTypes, FileMetadata, FileSystem
from apache_beam.io.filesystems import FileSystems

from mlukit.engine.errors import RefusedError
from mlukit.engine.extras import check_extra
from mlukit.engine.s3 import share_clients
from mlukit.schemas import layout
from mlukit.schemas.manifest import Shard, dump_json

_COPY_BYTES = 8 << 20
_FIRST = 1000  # number of files that a store lists in one call


_EXTRAS = {"gs": "gcp", "s3": "aws"}  # by the scheme of a path


def check_store(path: str) -> None:
    """Refuses a path on a store that this installation does not support.

    Raises:
        RefusedError: Beam does not support the store, or packages for the store are not installed.
    """
    scheme = FileSystems.get_scheme(path)
    if scheme is None or scheme == "file":
        return
    if scheme in _EXTRAS:
        check_extra(path, _EXTRAS[scheme])
    elif scheme not in _known_schemes():
        raise RefusedError(f"{path}: there is no file system for {scheme}://; accepted: local paths, gs:// and s3://")


def _known_schemes() -> set[str | None]:
    return {system.scheme() for system in FileSystem.get_all_subclasses()}


def _prepare(path: str) -> None:
    """Checks a path and patches Beam if necessary; call it before Beam gets the path."""
    check_store(path)
    if FileSystems.get_scheme(path) == "s3":
        share_clients()


def match_files(patterns: Sequence[str]) -> list[FileMetadata]:
    """The files that match one of the patterns, on any filesystem that Beam supports."""
    for pattern in patterns:
        _prepare(pattern)
    return [file for matched in FileSystems.match(list(patterns)) for file in matched.metadata_list]


def file_exists(path: str) -> bool:
    """Whether a file with this path exists."""
    _prepare(path)
    return bool(FileSystems.exists(path))


def open_file(path: str) -> BinaryIO:
    """Opens a file for reading, without the decompression that Beam would choose by the name."""
    _prepare(path)
    return cast(BinaryIO, FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED))


@contextmanager
def _os_errors(path: str) -> Iterator[None]:
    """Turns every error in the block into OSError: Beam's filesystems raise errors of many classes."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(f"{path}: {error}") from error


def is_local(path: str) -> bool:
    """Whether a path is on a local filesystem, so that the file can be memory-mapped."""
    return FileSystems.get_scheme(path) in (None, "file")


class CountingStream:
    """A writable stream that counts the written bytes and computes their SHA-256."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()
        self.bytes = 0
        self.rows = 0  # set by the writer of the rows
        self.closed = False

    def write(self, data: bytes | memoryview) -> int:
        """Writes all of `data`."""
        view = memoryview(data).cast("B")
        self._stream.write(view.tobytes() if not isinstance(data, bytes) else data)
        self._hash.update(view)
        self.bytes += len(view)
        return len(view)

    def tell(self) -> int:
        """The number of bytes written so far."""
        return self.bytes

    def writable(self) -> bool:
        """Always true."""
        return True

    def readable(self) -> bool:
        """Always false."""
        return False

    def seekable(self) -> bool:
        """Always false."""
        return False

    def flush(self) -> None:
        """Does nothing: this stream has no buffer."""

    def close(self) -> None:
        """Does nothing: whoever opened the file closes it."""

    @property
    def sha256(self) -> str:
        """The SHA-256 of the bytes written so far."""
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
        _prepare(root)

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        """Pickles only the root, so that `_prepare` runs in each process."""
        return type(self), (self.root,)

    @property
    def is_object_store(self) -> bool:
        """Whether the folder is on an object store, which shows files whole or not at all, and has no folders."""
        return not (is_local(self.root) or FileSystems.get_filesystem(self.root).has_dirs())

    def path(self, relative: str) -> str:
        """The full path of a file in the folder."""
        return cast(str, FileSystems.join(self.root, *relative.split("/")))

    def open(self, relative: str) -> BinaryIO:
        """Opens a file in the folder for reading."""
        return open_file(self.path(relative))

    def exists(self, relative: str) -> bool:
        """Whether a file with this path exists."""
        with _os_errors(self.path(relative)):
            return bool(FileSystems.exists(self.path(relative)))

    def size(self, relative: str) -> int | None:
        """The size of a file in bytes; None if the file does not exist."""
        path = self.path(relative)
        if is_local(path):
            return Path(path).stat().st_size if Path(path).is_file() else None
        return self._listed(relative).get(relative)

    def files(self) -> Iterator[str]:
        """Paths of files in the folder, in no order. Lists only some files of a store, so the first costs little."""
        if is_local(self.root):
            root = Path(self.root)
            return (p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())
        return iter(self.objects("", limit=_FIRST))

    def sizes(self, folder: str = "") -> dict[str, int]:
        """The sizes of all files below a folder, by path relative to the output folder, sorted."""
        top = self.path(folder) if folder else self.root
        if is_local(top):
            root = Path(self.root)
            found = [p for p in Path(top).rglob("*") if p.is_file()]
            return dict(sorted((p.relative_to(root).as_posix(), p.stat().st_size) for p in found))
        return self._listed(f"{folder}/" if folder else "")

    def _listed(self, prefix: str) -> dict[str, int]:
        """The sizes of files on an object store by path, sorted; costs one call per thousand files."""
        return {path: file.size_in_bytes for path, file in self.objects(prefix).items()}

    def objects(self, prefix: str, limit: int | None = None) -> dict[str, FileMetadata]:
        """The metadata of files on an object store whose paths begin with a prefix, by relative path, sorted."""
        root = self.root.rstrip("/") + "/"
        with _os_errors(root + prefix):
            files = FileSystems.match([f"{glob.escape(root + prefix)}**"], [limit])[0].metadata_list
        return {file.path[len(root) :]: file for file in sorted(files, key=lambda file: cast(str, file.path))}

    def read_json(self, relative: str) -> Any:
        """Reads the value of a JSON file.

        Raises:
            FileNotFoundError: the file does not exist.
            OSError: the file cannot be read, or is not JSON.
        """
        try:
            with _os_errors(self.path(relative)), self.open(relative) as stream:
                content = stream.read()
        except OSError as error:
            if self.exists(relative):
                raise
            raise FileNotFoundError(f"{self.path(relative)} does not exist") from error
        try:
            return json.loads(content)
        except ValueError as error:
            raise OSError(f"{self.path(relative)} is damaged: {error}") from error

    def write_json(self, relative: str, value: Any) -> None:
        """Writes a JSON file, which appears whole or not at all."""
        with self.write(relative) as stream:
            stream.write(dump_json(value))

    def put_json(self, relative: str, value: Any) -> None:
        """Writes a JSON file in place; only on an object store does the file appear whole."""
        with self._create(relative) as stream:
            stream.write(dump_json(value))

    @contextmanager
    def write(self, relative: str) -> Iterator[CountingStream]:
        """Writes a file under a unique temporary name, and publishes the file if the block ends without an error.

        Two attempts may publish the same file at any time, with the same bytes: readers always find a whole file.
        """
        temporary = f"{layout.ASIDE}/{uuid.uuid4().hex}"
        try:
            with self._create(temporary) as stream:
                counting = CountingStream(stream)
                yield counting
            with _os_errors(self.path(relative)):
                self._publish(temporary, relative, counting.bytes)
        except BaseException:
            with suppress(OSError):  # if the store is down, the end of the stage removes the temporary file
                self.discard(temporary)
            raise

    @contextmanager
    def _create(self, relative: str) -> Iterator[BinaryIO]:
        """Opens a file for writing. Closing creates the object, even after an error, when bytes may be missing."""
        path = self.path(relative)
        with _os_errors(path):
            stream = cast(BinaryIO, FileSystems.create(path, compression_type=CompressionTypes.UNCOMPRESSED))
        try:
            yield stream
        finally:
            with _os_errors(path):
                stream.close()

    def _publish(self, temporary: str, relative: str, size: int) -> None:
        """Moves a temporary file to its final path, and checks its size on a store."""
        source, final = self.path(temporary), self.path(relative)
        if is_local(final):
            Path(final).parent.mkdir(parents=True, exist_ok=True)
            Path(source).replace(final)
            return
        if not self.is_object_store and FileSystems.exists(final):
            FileSystems.delete([final])  # HDFS cannot rename a file over another file
        FileSystems.rename([source], [final])  # on an object store, an atomic copy and a deletion
        if (found := self.size(relative)) != size:
            raise OSError(f"{final} has {found} bytes, but {size} bytes were written: the store lost data")

    @contextmanager
    def write_folder(self, relative: str) -> Iterator[Path]:
        """Opens a local folder for writing, and publishes the folder if the block ends without an error.

        On a local disk, the new folder replaces the old folder. On an object store, each file replaces the file of the
        same name, and other files stay, so a late attempt cannot remove files that were added since.
        """
        near = Path(self.path(layout.ASIDE)) if is_local(self.root) else None
        if near is not None:
            near.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=near) as temporary:
            folder = Path(temporary) / "folder"
            folder.mkdir()
            yield folder
            if near is None:
                self.upload_folder(folder, relative)
                return
            self.delete(relative)
            Path(self.path(relative)).parent.mkdir(parents=True, exist_ok=True)
            folder.replace(self.path(relative))

    def upload_folder(self, folder: Path, relative: str) -> None:
        """Copies the files of a local folder into the output folder, one by one."""
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            with path.open("rb") as stream, self.write(f"{relative}/{path.relative_to(folder).as_posix()}") as out:
                while chunk := stream.read(_COPY_BYTES):
                    out.write(chunk)

    def shard(self, relative: str, stream: CountingStream) -> Shard:
        """The description of a file that was just written, for the result of a task."""
        return Shard(relative, stream.rows, stream.bytes, stream.sha256)

    def discard(self, relative: str) -> None:
        """Removes one file, which need not exist, by a single call to an object store."""
        path = self.path(relative)
        if is_local(path):
            Path(path).unlink(missing_ok=True)
            return
        with _os_errors(path):
            FileSystems.delete([path])

    def delete(self, relative: str) -> None:
        """Removes a file, or a folder with its content; neither need exist."""
        path = self.path(relative)
        if is_local(path):
            if Path(path).is_dir():
                shutil.rmtree(path)
            else:
                Path(path).unlink(missing_ok=True)
            return
        listed = self.objects(relative)  # for "a": "a" and "a/b", but also "ab", which must stay
        found = [file.path for name, file in listed.items() if f"{name}/".startswith(f"{relative}/")]
        if found:
            with _os_errors(path):
                FileSystems.delete(found)
