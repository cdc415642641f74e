"""Stores rows in parts, by a hash of a key, so that one part can be read without the others."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

PARTS = 128


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """An empty folder, removed at the end; files of an earlier attempt are removed first."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


class PartitionedRows:
    """A temporary file of rows in `PARTS` parts; removed when it is closed.

    In a part, rows keep the order in which they were added. Memory: one batch when rows are added, one part when rows
    are read, and 16 bytes for each part and batch.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.schema = schema
        self._path = path
        self._file = path.open("w+b")
        self._end = 0
        self._blocks: list[list[tuple[int, int]]] = [[] for _ in range(PARTS)]

    def add(self, rows: pa.RecordBatch, part_of: npt.NDArray[np.integer]) -> None:
        """Adds rows of the schema, each to its part: 0 to PARTS - 1."""
        part_of = part_of.astype(np.uint8)
        order = np.argsort(part_of, kind="stable")
        borders = np.searchsorted(part_of[order], np.arange(PARTS + 1))
        rows = rows.take(pa.array(order))
        for part in np.flatnonzero(np.diff(borders)).tolist():
            block = rows.slice(borders[part], borders[part + 1] - borders[part]).serialize()
            self._file.write(block)
            self._blocks[part].append((self._end, block.size))
            self._end += block.size

    def holds(self, part: int) -> bool:
        """Whether a part has rows."""
        return bool(self._blocks[part])

    def read(self, part: int) -> pa.Table:
        """All rows of a part."""
        return pa.Table.from_batches([self._read_block(start, size) for start, size in self._blocks[part]], self.schema)

    def _read_block(self, start: int, size: int) -> pa.RecordBatch:
        self._file.seek(start)
        return pa.ipc.read_record_batch(pa.py_buffer(self._file.read(size)), self.schema)

    def close(self) -> None:
        """Removes the file; does nothing the second time."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
