"""Shards of articles and examples: a file for each split and format, from the rows of one range of a dump."""

from collections.abc import Iterable
from contextlib import ExitStack
from types import TracebackType
from typing import BinaryIO, Self, cast

import pyarrow as pa
import pyarrow.compute as pc

from mlukit.engine.storage import CountingStream, Storage
from mlukit.schemas import layout
from mlukit.schemas.formats import FORMATS, TableWriter
from mlukit.schemas.manifest import Shard
from mlukit.schemas.records import SPLITS, Split


class SplitShards:
    """Writes rows to the files of their split, in every format; a split without rows has files of the schema alone.

    Args:
        table: `layout.ARTICLES` or `layout.EXAMPLES`.
        schema: of the rows, with a column `split`.
        number: of the range.
        formats: names of `schemas.formats.FORMATS`.
    """

    def __init__(
        self, storage: Storage, table: str, schema: pa.Schema, language: str, number: int, formats: Iterable[str]
    ) -> None:
        self._storage, self._schema = storage, schema
        self._paths = {
            (split, name): layout.split_shard(table, language, split, number, FORMATS[name].ending)
            for split in SPLITS
            for name in formats
        }
        self._open = ExitStack()
        self._streams: dict[tuple[Split, str], CountingStream] = {}
        self._writers: dict[tuple[Split, str], TableWriter] = {}
        self.shards: list[Shard] = []  # once all is written

    def __enter__(self) -> Self:
        for (split, name), path in self._paths.items():
            stream = self._open.enter_context(self._storage.write(path))
            self._streams[split, name] = stream
            writer = FORMATS[name].writer(cast(BinaryIO, stream), self._schema)
            self._writers[split, name] = self._open.enter_context(writer)
        return self

    def write(self, rows: pa.RecordBatch) -> None:
        """Adds rows; ValueError where one is of no split."""
        written = 0
        for split in SPLITS:
            chosen = pc.equal(rows.column("split"), split)
            count = chosen.true_count
            written += count
            if count:
                part = rows if count == rows.num_rows else rows.filter(chosen)
                for (of_split, _), writer in self._writers.items():
                    if of_split == split:
                        writer.write(part)
        if written != rows.num_rows:
            raise ValueError(f"{rows.num_rows - written} rows are of no split; there are {', '.join(SPLITS)}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)
        if error is None:
            for key, stream in self._streams.items():
                stream.rows = self._writers[key].rows
            self.shards = [self._storage.shard(path, self._streams[key]) for key, path in self._paths.items()]
