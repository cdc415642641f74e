"""Writes the files of a title index, row after row."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlukit.corpus.linking.title_index import DTYPES, HEADER, VERSION, TitleIndexError

MAX_ROWS = 0xFFFFFFFE


class TitleIndexWriter:
    """The growing files of an index; rows come in the order of (hash, title)."""

    def __init__(self, directory: Path, heap_bytes: int) -> None:
        """Creates the files.

        Args:
            directory: the folder of the index.
            heap_bytes: an upper limit for the bytes of all titles together; it decides the width of offsets.
        """
        self.directory = directory
        self.rows = 0
        self._heap_end = 0
        self._dtypes = {name: dtypes[0] for name, dtypes in DTYPES.items()}
        if heap_bytes >= 1 << 31:
            self._dtypes["offsets"] = DTYPES["offsets"][1]
        self._counts: dict[str, int] = dict.fromkeys(DTYPES, 0)
        self._files = {name: (directory / name).open("w+b") for name in DTYPES}
        self.write("offsets", np.zeros(1, np.int64))

    def write(self, name: str, values: npt.NDArray[Any]) -> None:
        """Appends to one file."""
        self._files[name].write(np.ascontiguousarray(values.astype(self._dtypes[name], copy=False)).data)
        self._counts[name] += len(values)

    def append(self, hashes: pa.Array, titles: pa.BinaryArray, qids: npt.NDArray[Any], flags: npt.NDArray[Any]) -> int:
        """Appends rows, whose targets are set later; returns the number of the first row."""
        first, self.rows = self.rows, self.rows + len(titles)
        if self.rows > MAX_ROWS:
            raise TitleIndexError(f"{self.directory} has too many titles; accepted: at most {MAX_ROWS}")
        _, offsets_buffer, heap = titles.buffers()
        offsets = np.frombuffer(offsets_buffer, np.int32)[titles.offset : titles.offset + len(titles) + 1]
        self.write("hashes", hashes.to_numpy())
        self.write("qids", qids)
        self.write("flags", flags)
        self.write("offsets", offsets[1:].astype(np.int64) - offsets[0] + self._heap_end)
        self.write("heap", np.frombuffer(heap, np.uint8)[offsets[0] : offsets[-1]])
        self.write("targets", np.arange(first, self.rows))
        self._heap_end += int(offsets[-1] - offsets[0])
        return first

    def read_titles(self, start: int, stop: int) -> pa.BinaryArray:
        """The titles of rows that were appended."""
        if start == stop:
            return pa.array([], pa.binary())
        offsets = self._read("offsets", start, stop + 1).astype(np.int64)
        heap = self._read("heap", int(offsets[0]), int(offsets[-1]))
        offsets = (offsets - offsets[0]).astype(np.int32)
        return pa.Array.from_buffers(pa.binary(), stop - start, [None, pa.py_buffer(offsets), pa.py_buffer(heap)])

    def _read(self, name: str, start: int, stop: int) -> npt.NDArray[Any]:
        """Reads values of a file back."""
        file, dtype = self._files[name], np.dtype(self._dtypes[name])
        file.seek(start * dtype.itemsize)
        values = np.frombuffer(file.read((stop - start) * dtype.itemsize), dtype)
        file.seek(0, 2)
        return values

    def map(self, name: str) -> npt.NDArray[Any]:
        """The array of one file, mapped into memory; changes are written to the file."""
        self._files[name].flush()
        if not self._counts[name]:
            return np.empty(0, self._dtypes[name])
        return np.memmap(self.directory / name, self._dtypes[name], "r+").view(np.ndarray)

    def finish(self, counts: Mapping[str, int]) -> None:
        """Closes the files and writes the header."""
        self.close()
        files = {name: {"dtype": self._dtypes[name], "count": self._counts[name]} for name in DTYPES}
        header = {"version": VERSION, "counts": dict(counts), "files": files}
        (self.directory / HEADER).write_text(json.dumps(header, indent=1, sort_keys=True) + "\n")

    def close(self) -> None:
        """Closes the files; without a header the folder is no index."""
        for file in self._files.values():
            file.close()
