"""Gzipped JSON lines: one object on each line for one row, with the column names as keys; the same bytes on every run.

A null value is written (`"qid":null`), so that every line has the same keys.
"""

import gzip
import zlib
from collections.abc import Iterator
from itertools import islice, pairwise
from types import TracebackType
from typing import Any, BinaryIO, Self

import orjson
import pyarrow as pa

COMPRESSION_LEVEL = 6
_BATCH_ROWS = 1024


class JsonLinesError(ValueError):
    """A file is damaged, or does not have gzipped JSON lines of the schema."""


class JsonLinesWriter:
    """Writes rows to a stream as one gzip member without a name or a time; the stream stays open."""

    def __init__(self, stream: BinaryIO, schema: pa.Schema) -> None:
        self._names = schema.names
        self._gzip = gzip.GzipFile(filename="", mode="wb", compresslevel=COMPRESSION_LEVEL, fileobj=stream, mtime=0)
        self.rows = 0

    def write(self, rows: pa.RecordBatch) -> None:
        """Adds rows."""
        columns = [_values(rows.column(name)) for name in self._names]
        for values in zip(*columns, strict=True):
            self._gzip.write(
                orjson.dumps(dict(zip(self._names, values, strict=True)), option=orjson.OPT_APPEND_NEWLINE)
            )
        self.rows += rows.num_rows

    def close(self) -> None:
        """Ends the gzip member."""
        self._gzip.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _values(column: pa.Array) -> list[Any]:
    """The values of a column as Python objects; lists of integers go through NumPy, which is several times as fast."""
    if pa.types.is_list(column.type) and pa.types.is_integer(column.type.value_type) and not column.null_count:
        numbers = column.values.to_numpy()
        return [numbers[start:end].tolist() for start, end in pairwise(column.offsets.to_pylist())]
    values: list[Any] = column.to_pylist()
    return values


def read_json_lines(stream: BinaryIO, schema: pa.Schema, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """The rows of a file in batches of the schema, or of some of its columns.

    Raises:
        JsonLinesError: the file is truncated or corrupt, or a line is not a row of the schema; the message has the
            line number.
    """
    chosen = schema if columns is None else pa.schema([schema.field(name) for name in columns])
    first = 0
    lines = _lines(stream)
    while rows := list(islice(lines, _BATCH_ROWS)):
        try:
            yield pa.RecordBatch.from_pylist([orjson.loads(line) for line in rows], chosen).cast(chosen)
        except (ValueError, TypeError, AttributeError, pa.ArrowException) as error:
            raise JsonLinesError(f"lines {first + 1} to {first + len(rows)} cannot be read: {error}") from error
        first += len(rows)


def count_json_lines(stream: BinaryIO) -> int:
    """The number of rows.

    Raises:
        JsonLinesError: the file is truncated or corrupt.
    """
    return sum(1 for _ in _lines(stream))


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """The decompressed lines; JsonLinesError for damage, with the number of the last good line."""
    number = 0
    try:
        with gzip.GzipFile(fileobj=stream, mode="rb") as file:
            for line in file:
                number += 1
                yield line
    except (EOFError, OSError, zlib.error) as error:
        raise JsonLinesError(f"the file cannot be read after line {number}: {error}") from error
