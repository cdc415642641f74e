"""The files of an output folder or of an exported model that belong on the Hub."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from mlukit.engine.errors import RefusedError
from mlukit.schemas import layout
from mlukit.schemas.layout import ACCOUNT, CARD, STAGE_FOLDERS, STAGES, TOKENIZER

_DATA = tuple(f"{kind}/*" for kinds in STAGE_FOLDERS.values() for kind in kinds)
# Without run.json, which names hosts, and without what only a build needs: the title index and unfinished work.
DATASET = (CARD, ACCOUNT, *map(layout.stage_record, STAGES), *_DATA, TOKENIZER)
_CONFIG, _WEIGHTS = "config.json", "model.safetensors"
_LENGTH_BYTES = 8  # of the length of a safetensors file's header, at its beginning


@dataclass(frozen=True, slots=True)
class Contents:
    """The files of a repository.

    Attributes:
        repo_type: the type of the repository on the Hub.
        files: the sizes in bytes, by path in the folder.
        patterns: match these files, and none of the others.
        replaced: match files of the repository that are removed if the folder does not have them (any more).
    """

    repo_type: Literal["dataset", "model"]
    files: Mapping[str, int]
    patterns: tuple[str, ...]
    replaced: tuple[str, ...] = ()


def contents_of(folder: Path) -> Contents:
    """Finds what a folder is, and its files that belong on the Hub.

    Raises:
        RefusedError: the folder is neither an output folder nor an exported model, or a file of the model is not whole.
    """
    if (folder / layout.RUN_RECORD).is_file() and (folder / layout.stage_record("link")).is_file():
        sizes = ((path.relative_to(folder).as_posix(), path) for path in sorted(folder.rglob("*")) if path.is_file())
        wanted = {name: path.stat().st_size for name, path in sizes if _matches(name)}
        return Contents("dataset", wanted, DATASET, _DATA)
    if (folder / _CONFIG).is_file() and (folder / _WEIGHTS).is_file():
        check_weights(folder / _WEIGHTS)
        files = {path.name: path.stat().st_size for path in sorted(folder.iterdir()) if _is_of_model(path)}
        return Contents("model", files, tuple(files))
    raise RefusedError(
        f"{folder} is neither an output folder of mlukit build, with link.json and run.json, nor a model that mlukit "
        f"export wrote, with {_CONFIG} and {_WEIGHTS}"
    )


def _matches(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in DATASET)


def _is_of_model(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".")


def check_weights(file: Path) -> None:
    """Compares the size of a safetensors file with its header: https://github.com/huggingface/safetensors#format.

    Raises:
        RefusedError: the file is cut off or is not a safetensors file.
    """
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
        try:
            header = json.loads(stream.read(min(length, file.stat().st_size)))
            ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            raise RefusedError(f"{file} is not a file of safetensors: export the model again") from None
    expected = _LENGTH_BYTES + length + max(ends, default=0)
    if (size := file.stat().st_size) != expected:
        raise RefusedError(f"{file} has {size:,} bytes, but its header says {expected:,}: export the model again")
