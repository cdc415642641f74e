"""Parquet shards of records: zstd, row groups limited in rows and bytes, and the same bytes on every run."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, Generic, TypeVar, cast

import pyarrow as pa
import pyarrow.parquet as pq

from mlukit.engine.storage import CountingStream, Storage
from mlukit.schemas.arrow import FAILURE_ROWS, RecordCodec
from mlukit.schemas.manifest import Shard
from mlukit.schemas.parquet import ROW_GROUP_BYTES, ROW_GROUP_ROWS, ParquetWriter, read_parquet
from mlukit.schemas.records import Failure

R = TypeVar("R")


class ShardWriter(Generic[R]):
    """Writes records to one shard, a row group at a time."""

    def __init__(self, writer: pq.ParquetWriter, codec: RecordCodec[R], row_group_rows: int) -> None:
        self._writer, self._codec, self._row_group_rows = writer, codec, row_group_rows
        self._pending: list[R] = []
        self._pending_bytes = 0
        self.rows = 0

    def write(self, record: R, size: int = 0) -> None:
        """Adds a record; `size` is the approximate number of its bytes, needed only for large records."""
        self._pending.append(record)
        self._pending_bytes += size
        self.rows += 1
        if len(self._pending) >= self._row_group_rows or self._pending_bytes >= ROW_GROUP_BYTES:
            self.flush()

    def flush(self) -> None:
        """Writes the pending records as a row group."""
        if self._pending:
            self._writer.write_batch(self._codec.to_batch(self._pending))
            self._pending.clear()
            self._pending_bytes = 0


@contextmanager
def write_batches(stream: CountingStream, schema: pa.Schema, row_group_rows: int) -> Iterator[ParquetWriter]:
    """Opens a writer of record batches to `stream`; sets the number of rows of `stream` at the end."""
    with ParquetWriter(cast(BinaryIO, stream), schema, row_group_rows) as writer:
        yield writer
    stream.rows = writer.rows


@contextmanager
def write_records(
    stream: CountingStream, codec: RecordCodec[R], row_group_rows: int = ROW_GROUP_ROWS
) -> Iterator[ShardWriter[R]]:
    """Opens a writer of records to `stream`; sets the number of rows of `stream` at the end."""
    with pq.ParquetWriter(cast(BinaryIO, stream), codec.schema, compression="zstd") as file:
        writer = ShardWriter(file, codec, row_group_rows)
        yield writer
        writer.flush()
    stream.rows = writer.rows


def read_shards(
    storage: Storage,
    paths: Iterable[str],
    columns: list[str] | None = None,
    report: Callable[[int], None] = lambda _: None,
) -> Iterator[pa.RecordBatch]:
    """Yields the record batches of several Parquet files in order.

    Args:
        storage: the folder of the files.
        paths: the files.
        columns: the columns to read; None for all columns.
        report: called with the number of bytes read so far.
    """
    before = 0
    for path in paths:
        with storage.open(path) as stream:
            for batch in read_parquet(stream, columns=columns):
                report(before + stream.tell())
                yield batch
            before += stream.seek(0, os.SEEK_END)


def read_records(stream: BinaryIO, codec: RecordCodec[R]) -> Iterator[R]:
    """Yields the records of a shard."""
    for batch in read_parquet(stream, columns=codec.schema.names):
        yield from codec.to_records(batch)


def write_failures(storage: Storage, path: str, failures: list[Failure]) -> list[Shard]:
    """Writes a shard of failures if there are any; otherwise deletes an old shard at this path."""
    if not failures:
        storage.delete(path)
        return []
    with storage.write(path) as stream, write_records(stream, FAILURE_ROWS) as writer:
        for failure in failures:
            writer.write(failure)
    return [storage.shard(path, stream)]
