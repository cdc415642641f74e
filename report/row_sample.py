"""Reads some row groups of a finished folder, the same ones for the same seed, or all of them."""

from bisect import bisect_right
from collections.abc import Iterator
from heapq import nsmallest
from itertools import accumulate
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mlukit.engine.errors import RunError
from mlukit.engine.manifests import shards_of
from mlukit.engine.storage import Storage
from mlukit.schemas import layout
from mlukit.schemas.formats import FORMATS, PARQUET, READ_ERRORS, Format, format_of
from mlukit.schemas.manifest import Shard
from mlukit.schemas.parquet import ROW_GROUP_ROWS

GROUPS = 4  # row groups read from a folder


class FolderSample:
    """The row groups of a folder in which some random rows lie, so long shards are taken more often than short ones.

    A folder with few rows is read whole. Memory: one row group.

    Args:
        storage: the output folder.
        folder: the folder to read, whose manifest is there.
        seed: decides which row groups are read.
        most_groups: the maximum number of row groups; None for all.
        schema: the schema of the rows, for formats other than Parquet.
    """

    def __init__(
        self, storage: Storage, folder: str, seed: int, most_groups: int | None = GROUPS, schema: pa.Schema = None
    ) -> None:
        self._storage, self._seed, self._schema = storage, f"{seed} {folder}", schema
        self._shards, self._format = _in_one_format(shards_of(storage, folder))
        self.rows = sum(shard.rows for shard in self._shards)  # of the folder
        self.read = 0  # rows read so far
        self._most = None if most_groups is None or self.rows <= most_groups * ROW_GROUP_ROWS else most_groups

    def __iter__(self) -> Iterator[pa.Table]:
        """Yields the row groups in the order of the folder.

        Raises:
            RunError: a shard is missing or damaged.
        """
        for shard, rows in self._chosen():
            try:
                for table in self._groups(shard, rows):
                    self.read += table.num_rows
                    yield table
            except READ_ERRORS as error:
                root = self._storage.root
                raise RunError(f"{root}/{shard.path} cannot be read: {error}: see mlukit verify {root}") from error

    def _chosen(self) -> Iterator[tuple[Shard, list[int] | None]]:
        """The shards to read, each with the random rows in it; None for all rows."""
        if self._most is None:
            yield from ((shard, None) for shard in self._shards if shard.rows)
            return
        chosen = sorted(Random(self._seed).sample(range(self.rows), self._most))
        first = 0
        for shard in self._shards:
            if rows := [row - first for row in chosen if first <= row < first + shard.rows]:
                yield shard, rows
            first += shard.rows

    def _groups(self, shard: Shard, rows: list[int] | None) -> Iterator[pa.Table]:
        with self._storage.open(shard.path) as stream:
            if self._format is not PARQUET:
                yield from self._first_rows(stream, None if rows is None else ROW_GROUP_ROWS * len(rows))
                return
            with pq.ParquetFile(stream) as file:
                lengths = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
                starts = [0, *accumulate(lengths)]
                numbers = range(len(lengths)) if rows is None else sorted({bisect_right(starts, r) - 1 for r in rows})
                for number in numbers:
                    yield file.read_row_group(number, use_threads=False)

    def _first_rows(self, stream: Any, most: int | None) -> Iterator[pa.Table]:
        """The first rows of a file that can be read only from its beginning."""
        read = 0
        for batch in self._format.read(stream, self._schema, None):
            if most is not None and read >= most:
                return
            read += batch.num_rows
            yield pa.Table.from_batches([batch])


def _in_one_format(shards: list[Shard]) -> tuple[list[Shard], Format]:
    """The shards of the first format that a folder has, and the format."""
    for one in FORMATS.values():
        if found := [shard for shard in shards if format_of(shard.path) is one]:
            return found, one
    return [], PARQUET


class RandomRows:
    """Keeps a number of random rows of the row groups that are offered, the same rows for the same seed.

    Args:
        number: the number of rows to keep.
        seed: a text that decides which rows are kept.
    """

    def __init__(self, number: int, seed: str) -> None:
        self._number, self._random = number, Random(seed)
        self._kept: list[tuple[float, dict[str, Any]]] = []

    def offer(self, table: pa.Table) -> None:
        """Keeps a row if its random key is one of the smallest so far."""
        keys = [(self._random.random(), row) for row in range(table.num_rows)]
        last = self._kept[-1][0] if len(self._kept) == self._number and self._kept else 1.0
        fresh = [(key, table.slice(row, 1).to_pylist()[0]) for key, row in nsmallest(self._number, keys) if key <= last]
        self._kept = nsmallest(self._number, [*self._kept, *fresh], key=lambda kept: kept[0])

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows in random order."""
        return [row for _, row in self._kept]


def finished_folder(storage: Storage, record: Any, kind: str, language: str | None) -> str | None:
    """The folder of a kind and language, if the record of its stage names the folder; else None."""
    folder = layout.folder(kind, language)
    return folder if record and folder in record["folders"] else None
