"""Parquet: row groups bounded in rows and in bytes, zstd, the same bytes on every run."""

from collections.abc import Iterator
from types import TracebackType
from typing import BinaryIO, Self

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP_ROWS = 1024
ROW_GROUP_BYTES = 16 << 20  # about what a writer, and later a reader, holds of text at once


class ParquetWriter:
    """Writes rows to a stream in row groups of equal size; the sizes of the batches do not matter.

    Args:
        stream: receives the file; stays open when the writer is closed.
        schema: the schema of the rows.
        row_group_rows: number of rows in a row group; fewer if the rows reach `ROW_GROUP_BYTES`.
    """

    def __init__(self, stream: BinaryIO, schema: pa.Schema, row_group_rows: int = ROW_GROUP_ROWS) -> None:
        self._writer = pq.ParquetWriter(stream, schema, compression="zstd")
        self._row_group_rows = row_group_rows
        self._pending = schema.empty_table()
        self.rows = 0

    def write(self, rows: pa.RecordBatch | pa.Table) -> None:
        """Adds rows; holds back fewer rows than a row group has."""
        table = pa.Table.from_batches([rows]) if isinstance(rows, pa.RecordBatch) else rows
        self.rows += table.num_rows
        self._pending = pa.concat_tables([self._pending, table])
        while self._pending.num_rows >= self._row_group_rows:
            self._flush(self._row_group_rows)
        if self._pending.nbytes >= ROW_GROUP_BYTES:
            self._flush(self._pending.num_rows)

    def close(self) -> None:
        """Writes the rows that are held back, and the footer."""
        if self._pending.num_rows:
            self._flush(self._pending.num_rows)
        self._writer.close()

    def _flush(self, rows: int) -> None:
        """Writes the first `rows` of the rows that are held back as a row group."""
        self._writer.write_table(self._pending.slice(0, rows).combine_chunks(), rows)
        self._pending = self._pending.slice(rows).combine_chunks()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self._writer.close()


def read_parquet(
    stream: BinaryIO, schema: pa.Schema | None = None, columns: list[str] | None = None, rows: int = ROW_GROUP_ROWS
) -> Iterator[pa.RecordBatch]:
    """The rows in batches of at most `rows`, with one row group in memory at a time; the schema is the file's own."""
    with pq.ParquetFile(stream) as file:
        for group in range(file.num_row_groups):
            yield from file.read_row_group(group, columns=columns).to_batches(max_chunksize=rows)


def parquet_row_groups(stream: BinaryIO) -> list[int]:
    """The number of rows of each row group."""
    with pq.ParquetFile(stream) as file:
        return [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]


def read_parquet_row_group(stream: BinaryIO, number: int, columns: list[str] | None = None) -> pa.Table:
    """The rows of one row group, read by this thread alone."""
    with pq.ParquetFile(stream) as file:
        return file.read_row_group(number, columns=columns, use_threads=False)
