"""The file formats of shards. A new format needs an entry here and a module with a codec (CONTRIBUTING.md)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol

import pyarrow as pa
from google.protobuf.message import Error as ProtobufError

from mlukit.schemas.json_lines import JsonLinesError, JsonLinesWriter, count_json_lines, read_json_lines
from mlukit.schemas.layout import ARTICLES, EXAMPLES
from mlukit.schemas.parquet import ParquetWriter, parquet_row_groups, read_parquet, read_parquet_row_group
from mlukit.schemas.tf_example import ExampleError, TFExampleWriter, count_tf_examples, read_tf_examples
from mlukit.schemas.tfrecord import TFRecordError


class TableWriter(Protocol):
    """Writes rows to a stream; the stream stays open."""

    rows: int  # written so far

    def write(self, rows: pa.RecordBatch) -> None:
        """Adds rows."""


@dataclass(frozen=True)
class Format:
    """A file format: how a table is written and read. Streams are binary and seekable.

    `read` takes the schema of the table and the requested columns (None: all), and gives record batches in order.
    `row_groups` gives the number of rows of each part that `read_group` can read separately. A file in a format that
    can be read only from the beginning has one part.
    """

    name: str  # the value of the options that choose a format
    ending: str  # of file names, without the first dot
    tables: frozenset[str]  # the tables that the format can hold, of `layout.ARTICLES` and `layout.EXAMPLES`
    writer: Callable[[BinaryIO, pa.Schema], AbstractContextManager[TableWriter]]
    read: Callable[[BinaryIO, pa.Schema, list[str] | None], Iterator[pa.RecordBatch]]
    row_groups: Callable[[BinaryIO], list[int]]
    group_reader: Callable[[BinaryIO, int, list[str] | None], pa.Table] | None = None

    def read_group(
        self, stream: BinaryIO, schema: pa.Schema, number: int, columns: list[str] | None = None
    ) -> pa.Table:
        """The rows of one part, with the requested columns (None: all)."""
        if self.group_reader is not None:
            return self.group_reader(stream, number, columns)
        chosen = schema if columns is None else pa.schema([schema.field(name) for name in columns])
        return pa.Table.from_batches(self.read(stream, schema, columns), chosen)


PARQUET = Format(
    name="parquet",
    ending="parquet",
    tables=frozenset({ARTICLES, EXAMPLES}),
    writer=ParquetWriter,
    read=read_parquet,
    row_groups=parquet_row_groups,
    group_reader=read_parquet_row_group,
)
TFRECORD = Format(
    name="tfrecord",
    ending="tfrecord.gz",
    tables=frozenset({EXAMPLES}),
    writer=TFExampleWriter,
    read=read_tf_examples,
    row_groups=lambda stream: [count_tf_examples(stream)],
)
JSON_LINES = Format(
    name="jsonl",
    ending="jsonl.gz",
    tables=frozenset({ARTICLES, EXAMPLES}),
    writer=JsonLinesWriter,
    read=read_json_lines,
    row_groups=lambda stream: [count_json_lines(stream)],
)

FORMATS = {one.name: one for one in (PARQUET, TFRECORD, JSON_LINES)}  # readers prefer earlier formats
# The errors of reading a damaged file.
READ_ERRORS = (
    *(OSError, OverflowError, pa.ArrowException),
    *(TFRecordError, ExampleError, JsonLinesError, ProtobufError),
)


def format_names(table: str) -> tuple[str, ...]:
    """The names of the formats that can hold a table, in order of preference."""
    return tuple(name for name, one in FORMATS.items() if table in one.tables)


def in_one_format(paths: Sequence[str]) -> list[str]:
    """The files of the first format that a folder has, in order."""
    by_format = ([path for path in paths if format_of(path) is one] for one in FORMATS.values())
    return next(filter(None, by_format), [])


def format_of(path: str) -> Format | None:
    """The format of a file, by the ending of its name; None for other files."""
    return next((one for one in FORMATS.values() if path.endswith(f".{one.ending}")), None)
