"""One file of named arrays, written as a stream and mapped into memory.

    array, array, …          each begins at a multiple of 64 bytes
    footer                   JSON: {"kind", "version", "facts", "arrays": {name: [dtype, first byte, count]}}
    length of the footer     uint64, little endian
    b"mlukit\\0\\1"

The footer comes last, so that arrays of unknown length can be written as they are made.
"""

import json
import mmap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, Self

import numpy as np
import numpy.typing as npt

from mlukit.schemas.wording import other_version

_MAGIC = b"mlukit\0\1"
_ALIGNMENT = 64
_DTYPES = ("|u1", "<u4", "<u8", "<f4")


class ArrayFileError(ValueError):
    """A file has no arrays of the kind: it is missing, damaged, or of another kind or version."""


class ArrayFileWriter:
    """Writes arrays to a stream one after the other, and the footer at the end."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._end = stream, 0
        self._arrays: dict[str, list[Any]] = {}

    def write(self, name: str, dtype: str, pieces: Iterable[npt.NDArray[Any]]) -> int:
        """Writes an array, given in pieces; returns the number of its elements."""
        self._append(bytes(-self._end % _ALIGNMENT))
        start, count = self._end, 0
        for piece in pieces:
            self._append(np.ascontiguousarray(piece.astype(dtype, copy=False)).view(np.uint8).data)
            count += len(piece)
        self._arrays[name] = [dtype, start, count]
        return count

    def finish(self, kind: str, version: int, facts: Mapping[str, Any]) -> None:
        """Writes the footer; without a footer, the file cannot be opened."""
        footer = {"kind": kind, "version": version, "facts": dict(facts), "arrays": self._arrays}
        content = json.dumps(footer, sort_keys=True).encode()
        self._append(content + len(content).to_bytes(8, "little") + _MAGIC)

    def _append(self, content: bytes | memoryview) -> None:
        self._stream.write(content)
        self._end += len(content)


@dataclass(frozen=True, slots=True, eq=False)
class ArrayFile:
    """An open file: its facts, and its arrays, which are read-only maps of the file."""

    path: Path
    facts: Mapping[str, Any]
    arrays: Mapping[str, npt.NDArray[Any]]

    @classmethod
    def open(cls, path: Path, kind: str, version: int, names: Iterable[str]) -> Self:
        """Maps a file; reads only its footer.

        Args:
            path: the file.
            kind: the kind of the file, such as "mention dictionary".
            version: the version of the format that this program reads.
            names: the arrays that the file must have.

        Raises:
            ArrayFileError: the file is missing, damaged, or of another kind or version.
        """
        try:
            with path.open("rb") as file:
                content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError:
            raise ArrayFileError(f"{path} does not exist") from None
        except ValueError:
            raise ArrayFileError(f"{path} is damaged: the file is empty") from None
        footer = _read_footer(path, content)
        if footer.get("kind") != kind:
            raise ArrayFileError(f"{path} is a {footer.get('kind')!r} file; accepted: a {kind!r} file")
        if footer.get("version") != version:
            raise ArrayFileError(other_version(str(path), "version", footer.get("version"), version))
        try:
            arrays = {name: _map_array(content, *footer["arrays"][name]) for name in names}
            return cls(path, dict(footer["facts"]), arrays)
        except (KeyError, TypeError, ValueError) as error:
            raise ArrayFileError(f"{path} is damaged: {type(error).__name__} {error}") from error


def _read_footer(path: Path, content: mmap.mmap) -> dict[str, Any]:
    try:
        return _footer_of(content)
    except ValueError as error:
        raise ArrayFileError(f"{path} is damaged: {error}") from error


def _footer_of(content: bytes | mmap.mmap) -> dict[str, Any]:
    """The footer at the end of a file; ValueError if there is none."""
    tail = len(content) - len(_MAGIC) - 8
    if tail < 0 or content[-len(_MAGIC) :] != _MAGIC:
        raise ValueError("the end of the file is missing")
    length = int.from_bytes(content[tail : tail + 8], "little")
    footer = json.loads(content[max(0, tail - length) : tail])
    return footer if isinstance(footer, dict) else {}


def _map_array(content: mmap.mmap, dtype: str, start: int, count: int) -> npt.NDArray[Any]:
    if dtype not in _DTYPES:
        raise ValueError(f"dtype {dtype!r}; accepted: {', '.join(_DTYPES)}")
    return np.frombuffer(content, dtype, count, start)


def read_rows(stream: BinaryIO) -> int:
    """The number of rows that a file of arrays says it has, read from its end.

    Raises:
        ArrayFileError: the file is damaged.
    """
    size, tail = stream.seek(0, 2), len(_MAGIC) + 8
    stream.seek(max(0, size - tail))
    end = stream.read(tail)
    length = int.from_bytes(end[:8], "little")
    stream.seek(max(0, size - tail - length))
    try:
        return int(_footer_of(stream.read(length) + end)["facts"]["rows"])
    except (KeyError, TypeError, ValueError) as error:
        raise ArrayFileError(f"the end of the file is damaged: {error}") from error
