"""Shards of articles and examples: a file for each split and format, from the rows of one range of a dump."""

from collections.abc import Iterable
from contextlib import ExitStack
from itertools import chain
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self, cast

import pyarrow as pa
import pyarrow.compute as pc

from mlukit.engine.storage import CountingStream, Storage
from mlukit.schemas import layout
from mlukit.schemas.formats import FORMATS, Format, TableWriter
from mlukit.schemas.manifest import Shard
from mlukit.schemas.records import SPLITS, Split


class SplitShards:
    """Writes rows to the files of their split, in every format.

    Every range has train files, even without rows. A range has validation files only if it has validation rows:
    Hugging Face's `load_dataset` refuses a split whose files are all empty.

    Args:
        storage: the output folder.
        table: `layout.ARTICLES` or `layout.EXAMPLES`.
        schema: the schema of the rows, with a column `split`.
        language: the language of the rows.
        number: the number of the range.
        formats: names in `schemas.formats.FORMATS`.
    """

    def __init__(
        self, storage: Storage, table: str, schema: pa.Schema, *, language: str, number: int, formats: Iterable[str]
    ) -> None:
        self._storage, self._schema = storage, schema
        self._table, self._language, self._number = table, language, number
        self._formats = [FORMATS[name] for name in formats]
        self._open = ExitStack()
        self._files: dict[Split, list[_File]] = {}
        self.shards: list[Shard] = []  # filled when the block ends without an error

    def __enter__(self) -> Self:
        self._files_of(SPLITS[0])
        return self

    def write(self, rows: pa.RecordBatch) -> None:
        """Adds rows to the files of their splits.

        Raises:
            ValueError: a row has an unknown split.
        """
        written = 0
        for split in SPLITS:
            chosen = pc.equal(rows.column("split"), split)
            if count := chosen.true_count:
                written += count
                part = rows if count == rows.num_rows else rows.filter(chosen)
                for file in self._files_of(split):
                    file.writer.write(part)
        if written != rows.num_rows:
            raise ValueError(f"{rows.num_rows - written} rows have no valid split; accepted: {', '.join(SPLITS)}")

    def _files_of(self, split: Split) -> list["_File"]:
        if split not in self._files:
            self._files[split] = [self._begin(split, one) for one in self._formats]
        return self._files[split]

    def _begin(self, split: Split, one: Format) -> "_File":
        path = layout.split_shard(self._table, self._language, split, self._number, one.ending)
        stream = self._open.enter_context(self._storage.write(path))
        writer = self._open.enter_context(one.writer(cast(BinaryIO, stream), self._schema))
        return _File(path, stream, writer)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)
        if error is None:
            for file in chain.from_iterable(self._files.get(split, ()) for split in SPLITS):
                file.stream.rows = file.writer.rows
                self.shards.append(self._storage.shard(file.path, file.stream))


class _File(NamedTuple):
    """An open file of one split and format."""

    path: str
    stream: CountingStream
    writer: TableWriter
