"""An array that grows on disk, in a temporary file, and is then read in pieces or mapped into memory."""

import tempfile
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import numpy.typing as npt

_PIECE = 1 << 20  # elements that are read at once


class SpooledArray:
    """An array of numbers in a temporary file; the file vanishes when the object is closed."""

    def __init__(self, dtype: str) -> None:
        self._dtype = np.dtype(dtype)
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  closed by __exit__
        self._length = 0

    def append(self, piece: npt.NDArray[Any]) -> None:
        """Adds numbers at the end."""
        self._file.write(np.ascontiguousarray(piece.astype(self._dtype, copy=False)).view(np.uint8).data)
        self._length += len(piece)

    def pieces(self) -> Iterator[npt.NDArray[Any]]:
        """Yields all numbers, in order."""
        self._file.flush()
        for first in range(0, self._length, _PIECE):
            self._file.seek(first * self._dtype.itemsize)
            count = min(_PIECE, self._length - first)
            yield np.frombuffer(self._file.read(count * self._dtype.itemsize), self._dtype)

    def mapped(self) -> npt.NDArray[Any]:
        """All numbers, mapped into memory."""
        self._file.flush()
        if not self._length:
            return np.empty(0, self._dtype)
        return np.memmap(self._file, self._dtype, "r", shape=(self._length,)).view(np.ndarray)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
