"""Opens the title indexes of an output folder, and other memory-mapped files, on the machine of a worker.

An index is memory-mapped, so it must be on a local disk: in the output folder if that is local, otherwise in a copy,
which the first worker on a machine makes while the others wait.

Copies are in the folder for temporary files, below `mlukit-index-{user id}`. The folder `files` has each downloaded
file, named by path, size and time in the store. The folders beside it are opened as indexes, and have hard links to
these files. So a layer that is added to an index later does not cause a second download of the index. Copies that were
not used for a week are removed.
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from apache_beam.io.filesystem import FileMetadata

from mlukit.corpus.entities.vocabulary import TextsOf
from mlukit.corpus.linking.label_index import LabelIndex
from mlukit.corpus.linking.title_index import HEADER, VERSION, TitleIndex
from mlukit.engine.errors import RefusedError
from mlukit.engine.storage import Storage, is_local
from mlukit.schemas import layout
from mlukit.schemas.manifest import Shard
from mlukit.schemas.wording import other_version

_COPY_BYTES = 8 << 20
_KEPT = 7 * 24 * 3600.0  # seconds


def header_shard(storage: Storage, language: str, layer: str = "") -> Shard:
    """The header of a title index or of a layer, for the result of a task: without the header, the task is repeated.

    Args:
        storage: the output folder.
        language: the language of the index.
        layer: the layer; "" for the index itself, which loses all its layers when it is rebuilt.
    """
    path = "/".join(filter(None, (layout.title_index(language), layer, HEADER)))
    with storage.open(path) as stream:
        content = stream.read()
    return Shard(path, 1, len(content), hashlib.sha256(content).hexdigest())


def check_index_versions(storage: Storage, languages: Sequence[str]) -> None:
    """Refuses title indexes in the format of another version of mlukit; reads only their headers.

    Raises:
        RefusedError: the message names the header, both versions, and what to do.
    """
    for language in languages:
        name = f"{layout.title_index(language)}/{HEADER}"
        if (version := storage.read_json(name).get("version")) != VERSION:
            raise RefusedError(other_version(storage.path(name), "version", version, VERSION))


def open_indexes(storage: Storage, languages: Sequence[str]) -> dict[str, TitleIndex]:
    """Opens the title indexes of languages, mapped into memory."""
    return {language: TitleIndex.open(folder) for language, folder in local_folders(storage, languages).items()}


def titles_in(storage: Storage, languages: Sequence[str]) -> TextsOf:
    """Returns a function that looks up titles of items."""
    indexes = open_indexes(storage, languages)
    return lambda language, qids: indexes[language].titles_of(qids)


def labels_in(storage: Storage, languages: Sequence[str]) -> TextsOf | None:
    """Returns a function that looks up the labels of items in Wikidata; None if no source had labels."""
    indexes = {language: LabelIndex.open(folder) for language, folder in local_folders(storage, languages).items()}
    if not any(indexes.values()):
        return None

    def labels_of(language: str, qids: Sequence[int]) -> Sequence[str | None]:
        index = indexes[language]
        return [None] * len(qids) if index is None else index.labels_of(qids)

    return labels_of


def local_folders(storage: Storage, languages: Sequence[str]) -> dict[str, Path]:
    """The folders of title indexes on a local disk; copies of a store, which must not be changed."""
    if is_local(storage.root):
        return {language: Path(storage.path(layout.title_index(language))) for language in languages}
    found, folders = storage.objects(f"{layout.TITLE_INDEXES}/"), {}
    for language in languages:
        prefix = f"{layout.title_index(language)}/"
        files = {path.removeprefix(prefix): file for path, file in found.items() if path.startswith(prefix)}
        folders[language] = _copy(storage, prefix, files)
    return folders


def local_file(storage: Storage, path: str) -> Path:
    """A file of the output folder on a local disk; a copy of a store, which must not be changed."""
    if is_local(storage.root):
        return Path(storage.path(path))
    folder, _, name = path.rpartition("/")
    return _copy(storage, f"{folder}/", {name: storage.objects(path)[path]}) / name


@contextmanager
def own_copy(folder: Path) -> Iterator[Path]:
    """Makes a private copy of one of `local_folders`, with hard links, in which new files may be created."""
    with tempfile.TemporaryDirectory(dir=_cache()) as scratch:
        yield Path(shutil.copytree(folder, Path(scratch) / folder.name, copy_function=os.link))


def _cache() -> Path:
    """The folder of the copies.

    Raises:
        OSError: the folder belongs to another user.
    """
    cache = Path(tempfile.gettempdir()) / f"mlukit-index-{os.getuid()}"
    cache.mkdir(mode=0o700, exist_ok=True)
    if cache.stat().st_uid != os.getuid():
        raise OSError(f"{cache} belongs to another user: delete the folder, or set TMPDIR to another folder")
    return cache


def _name(*parts: object) -> str:
    """A file name that depends only on the parts."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _copy(storage: Storage, prefix: str, files: Mapping[str, FileMetadata]) -> Path:
    """A folder with links to copies of the files, each downloaded by one process of the machine.

    A process that is killed meanwhile leaves no lock; its partial file has a name that no process reads.
    """
    cache = _cache()
    fetched = {path: (file.path, file.size_in_bytes, file.last_updated_in_seconds) for path, file in files.items()}
    folder = cache / _name(sorted(fetched.items()))
    (cache / "files").mkdir(exist_ok=True)
    with (cache / f"{_name(storage.root, prefix)}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            os.utime(folder)
            return folder
        _forget(cache)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            temporary = Path(scratch) / folder.name
            for path, file in fetched.items():
                (temporary / path).parent.mkdir(parents=True, exist_ok=True)
                os.link(_fetch(storage, prefix + path, file[1], cache / "files" / _name(*file)), temporary / path)
            temporary.rename(folder)
    return folder


def _fetch(storage: Storage, path: str, size: int, local: Path) -> Path:
    """Downloads a file unless its copy exists, and returns the path of the copy."""
    if not local.exists():
        temporary = local.with_name(local.name + ".part")
        with storage.open(path) as stream, temporary.open("wb") as out:
            shutil.copyfileobj(stream, out, _COPY_BYTES)
        if (got := temporary.stat().st_size) != size:
            raise OSError(f"{storage.path(path)} has {size} bytes, but {got} bytes were received")
        temporary.replace(local)
    return local


def _forget(cache: Path) -> None:
    """Removes folders that were not used for a week, and files that no folder links to."""
    before = time.time() - _KEPT
    for path in (*cache.iterdir(), *(cache / "files").iterdir()):
        try:
            state = path.stat()
            if state.st_mtime < before and path.is_dir() and path.name != "files":
                shutil.rmtree(path, ignore_errors=True)
            elif state.st_mtime < before and path.is_file() and state.st_nlink == 1 and path.suffix != ".lock":
                path.unlink()
        except FileNotFoundError:
            continue  # another process was faster
