"""Opens the title indexes of an output folder on the machine that a worker runs on.

An index is memory-mapped, so it has to lie on a local disk: in the output folder where that is local, else in a copy
that the first worker of a machine makes and the others wait for.
"""

import fcntl
import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

from corpus.label_index import LabelIndex
from corpus.title_index import HEADER, TitleIndex
from corpus.vocabulary import TextsOf
from schemas.manifest import Shard
from transforms.storage import Storage, is_local

_COPY_BYTES = 8 << 20


def index_folder(language: str) -> str:
    """Where a language's index lies."""
    return f"index/{language}"


def header_shard(storage: Storage, language: str, layer: str = "") -> Shard:
    """What a receipt says of an index or a layer of it: with its header gone it is no index, and has to be made again.

    Args:
        layer: "" for the index itself, which goes with all its layers when it is made again.
    """
    path = "/".join(filter(None, (index_folder(language), layer, HEADER)))
    with storage.open(path) as stream:
        content = stream.read()
    return Shard(path, 1, len(content), hashlib.sha256(content).hexdigest())


def open_indexes(storage: Storage, languages: Sequence[str]) -> dict[str, TitleIndex]:
    """The title indexes of languages, mapped into memory."""
    return {language: TitleIndex.open(local_folder(storage, index_folder(language))) for language in languages}


def titles_in(storage: Storage, languages: Sequence[str]) -> TextsOf:
    """Looks the titles of items up."""
    indexes = open_indexes(storage, languages)
    return lambda language, qids: indexes[language].titles_of(qids)


def labels_in(storage: Storage, languages: Sequence[str]) -> TextsOf | None:
    """Looks Wikidata's labels up; None where no source had them."""
    indexes = {language: LabelIndex.open(local_folder(storage, index_folder(language))) for language in languages}
    if not any(indexes.values()):
        return None

    def labels_of(language: str, qids: Sequence[int]) -> Sequence[str | None]:
        index = indexes[language]
        return [None] * len(qids) if index is None else index.labels_of(qids)

    return labels_of


def local_folder(storage: Storage, folder: str) -> Path:
    """A folder of the output on a local disk; of a remote one a copy, made once on each machine."""
    if is_local(storage.root):
        return Path(storage.path(folder))
    sizes = storage.sizes(folder)
    name = hashlib.sha256(repr((storage.root, sorted(sizes.items()))).encode()).hexdigest()[:32]
    copy = Path(tempfile.gettempdir()) / "mlukit-index" / name
    copy.mkdir(parents=True, exist_ok=True)
    with (copy / "lock").open("w") as lock:  # held by the one worker that copies
        fcntl.flock(lock, fcntl.LOCK_EX)
        headers_last = sorted(sizes, key=lambda path: (path.endswith(HEADER), path))
        for path in headers_last:
            _copy_file(storage, path, copy / path.removeprefix(f"{folder}/"))
    return copy


def _copy_file(storage: Storage, path: str, local: Path) -> None:
    if local.exists():
        return
    local.parent.mkdir(parents=True, exist_ok=True)
    aside = local.with_name(local.name + ".tmp")
    with storage.open(path) as stream, aside.open("wb") as out:
        while chunk := stream.read(_COPY_BYTES):
            out.write(chunk)
    aside.replace(local)
