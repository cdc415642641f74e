"""Parquet shards of records: one schema, zstd, row groups bounded in rows and in bytes, the same bytes on every run."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Generic, TypeVar, cast

import pyarrow as pa
import pyarrow.parquet as pq

from mlukit.engine.storage import CountingStream, Storage
from mlukit.schemas.arrow import FAILURE_ROWS, RecordCodec
from mlukit.schemas.manifest import Shard
from mlukit.schemas.records import Failure

R = TypeVar("R")
ROW_GROUP_ROWS = 1024
ROW_GROUP_BYTES = 16 << 20  # about what a writer, and later a reader, holds of text at once


class ShardWriter(Generic[R]):
    """Writes records to one shard, a row group at a time."""

    def __init__(self, writer: pq.ParquetWriter, codec: RecordCodec[R], row_group_rows: int) -> None:
        self._writer, self._codec, self._row_group_rows = writer, codec, row_group_rows
        self._pending: list[R] = []
        self._pending_bytes = 0
        self.rows = 0

    def write(self, record: R, size: int = 0) -> None:
        """Adds a record; `size` is about its bytes, for records that can be large."""
        self._pending.append(record)
        self._pending_bytes += size
        self.rows += 1
        if len(self._pending) >= self._row_group_rows or self._pending_bytes >= ROW_GROUP_BYTES:
            self.flush()

    def flush(self) -> None:
        """Ends a row group."""
        if self._pending:
            self._writer.write_batch(self._codec.to_batch(self._pending))
            self._pending.clear()
            self._pending_bytes = 0


class BatchWriter:
    """Writes rows to one shard by columns, cut into row groups of the same size whatever batches they come in."""

    def __init__(self, writer: pq.ParquetWriter, schema: pa.Schema, row_group_rows: int) -> None:
        self._writer, self._row_group_rows = writer, row_group_rows
        self._pending = schema.empty_table()
        self.rows = 0

    def write(self, rows: pa.Table) -> None:
        """Adds rows; a row group of them is held back."""
        self.rows += rows.num_rows
        self._pending = pa.concat_tables([self._pending, rows])
        while self._pending.num_rows >= self._row_group_rows:
            self._flush(self._row_group_rows)

    def finish(self) -> None:
        """Writes what is held back."""
        if self._pending.num_rows:
            self._flush(self._pending.num_rows)

    def _flush(self, rows: int) -> None:
        self._writer.write_table(self._pending.slice(0, rows).combine_chunks(), rows)
        self._pending = self._pending.slice(rows).combine_chunks()


@contextmanager
def write_batches(stream: CountingStream, schema: pa.Schema, row_group_rows: int) -> Iterator[BatchWriter]:
    """A writer of rows by columns to `stream`, which then knows their number."""
    with pq.ParquetWriter(cast(BinaryIO, stream), schema, compression="zstd") as file:
        writer = BatchWriter(file, schema, row_group_rows)
        yield writer
        writer.finish()
    stream.rows = writer.rows


@contextmanager
def write_records(
    stream: CountingStream, codec: RecordCodec[R], row_group_rows: int = ROW_GROUP_ROWS
) -> Iterator[ShardWriter[R]]:
    """A writer of records to `stream`, which then knows their number."""
    with pq.ParquetWriter(cast(BinaryIO, stream), codec.schema, compression="zstd") as file:
        writer = ShardWriter(file, codec, row_group_rows)
        yield writer
        writer.flush()
    stream.rows = writer.rows


def read_batches(
    stream: BinaryIO, columns: list[str] | None = None, rows: int = ROW_GROUP_ROWS
) -> Iterator[pa.RecordBatch]:
    """A shard's record batches, of so many rows at most, one row group in memory at a time."""
    with pq.ParquetFile(stream) as file:
        for group in range(file.num_row_groups):
            yield from file.read_row_group(group, columns=columns).to_batches(max_chunksize=rows)


def read_records(stream: BinaryIO, codec: RecordCodec[R]) -> Iterator[R]:
    """A shard's records."""
    for batch in read_batches(stream, codec.schema.names):
        yield from codec.to_records(batch)


def write_failures(storage: Storage, path: str, failures: list[Failure]) -> list[Shard]:
    """Writes a shard of failures where there are any, and nothing else: an old one goes."""
    if not failures:
        storage.delete(path)
        return []
    with storage.write(path) as stream, write_records(stream, FAILURE_ROWS) as writer:
        for failure in failures:
            writer.write(failure)
    return [storage.shard(path, stream)]
