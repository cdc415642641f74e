"""Converts training examples to bytes of `tf.train.Example` and back, without TensorFlow.

The features have the names of the columns in `schemas.arrow.EXAMPLES`: `language` and `split` are bytes lists of one
UTF-8 string, everything else is an int64 list. The wire format is that of tensorflow/core/example/example.proto and
feature.proto, with one difference that does not change the bytes: the map of features is declared as repeated entries
of key and value, the wire form of a map (protobuf.dev/programming-guides/proto3, "Backwards Compatibility" of maps).
So the features are written in the order in which they are added, sorted by name, and equal examples have equal bytes.
"""

from collections.abc import Iterable, Iterator
from itertools import islice, pairwise
from types import TracebackType
from typing import Any, BinaryIO, Self

import pyarrow as pa
from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

from mlukit.schemas.arrow import EXAMPLE_ROWS
from mlukit.schemas.records import Example
from mlukit.schemas.tfrecord import TFRecordWriter, read_tfrecords

STRINGS = ("language", "split")
INTEGERS = ("page_id", "index")
INTEGER_LISTS = ("token_ids", "entity_ids", "entity_starts", "entity_ends", "sentence_starts", "sentence_ends")
FEATURES = tuple(sorted(STRINGS + INTEGERS + INTEGER_LISTS))

_BATCH_ROWS = 1024
_PACKAGE = "mlukit"  # not "tensorflow", so that TensorFlow can be loaded in the same process
_Field = descriptor_pb2.FieldDescriptorProto


class ExampleError(ValueError):
    """Bytes that are not a training example of mlukit."""


def _add_message(
    file: descriptor_pb2.FileDescriptorProto, name: str, fields: list[tuple[str, int, bool, Any]]
) -> descriptor_pb2.DescriptorProto:
    """Adds a message to a file; a field is (name, number, repeated, a message's name or a scalar type)."""
    declared = file.message_type.add(name=name)
    for field_name, number, repeated, kind in fields:
        field = declared.field.add(name=field_name, number=number)
        field.label = _Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
        if isinstance(kind, str):
            field.type, field.type_name = _Field.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
        else:
            field.type = kind
    return declared


def _example_class() -> Any:
    """The message class of `tf.train.Example`, built from a description of the .proto files."""
    file = descriptor_pb2.FileDescriptorProto(name="mlukit/example.proto", package=_PACKAGE, syntax="proto3")
    _add_message(file, "BytesList", [("value", 1, True, _Field.TYPE_BYTES)])
    _add_message(file, "Int64List", [("value", 1, True, _Field.TYPE_INT64)])  # packed, as proto3 does by itself
    feature = _add_message(
        file, "Feature", [("bytes_list", 1, False, "BytesList"), ("int64_list", 3, False, "Int64List")]
    )
    feature.oneof_decl.add(name="kind")
    for field in feature.field:
        field.oneof_index = 0
    _add_message(file, "FeatureEntry", [("key", 1, False, _Field.TYPE_STRING), ("value", 2, False, "Feature")])
    _add_message(file, "Features", [("feature", 1, True, "FeatureEntry")])
    _add_message(file, "Example", [("features", 1, False, "Features")])
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Example"))


_Example = _example_class()


def encode_examples(examples: pa.RecordBatch) -> Iterator[bytes]:
    """Serializes each row of `schemas.arrow.EXAMPLES` as a `tf.train.Example`; the same row gives the same bytes."""
    columns = []
    for name in FEATURES:
        column = examples.column(name)
        columns.append(_slices(column) if name in INTEGER_LISTS else column.to_pylist())
    return map(_serialized, zip(*columns, strict=True))


def _slices(lists: pa.ListArray) -> Iterator[list[int]]:
    """The lists of a column, by way of NumPy, which is faster than `to_pylist`."""
    values = lists.values.to_numpy()
    return (values[start:end].tolist() for start, end in pairwise(lists.offsets.to_pylist()))


def _serialized(values: Iterable[Any]) -> bytes:
    """Serializes one example; the values are in the order of FEATURES."""
    proto = _Example()
    add = proto.features.feature.add
    for name, value in zip(FEATURES, values, strict=True):
        feature = add(key=name).value
        if name in STRINGS:
            feature.bytes_list.value.append(value.encode())
        elif name in INTEGERS:
            feature.int64_list.value.append(value)
        elif value:
            feature.int64_list.value.extend(value)
        else:
            feature.int64_list.SetInParent()  # an empty list keeps its type
    serialized: bytes = proto.SerializeToString()
    return serialized


def decode_example(data: bytes) -> Example:
    """Reads one example of `encode_examples`, or one that TensorFlow wrote. Unknown features are ignored.

    Raises:
        ExampleError: `data` is not a `tf.train.Example`, or a feature is missing, or has another kind or length.
    """
    try:
        proto = _Example.FromString(data)
    except message.DecodeError as error:
        raise ExampleError(f"the record is not a tf.train.Example ({len(data)} bytes): {error}") from error
    features = {entry.key: entry.value for entry in proto.features.feature}
    missing = [name for name in FEATURES if name not in features]
    if missing:
        raise ExampleError(f"features are missing: {', '.join(missing)}; the example has {sorted(features)}")
    values: dict[str, Any] = {name: _text(name, features[name]) for name in STRINGS}
    values |= {name: _single(name, features[name], "int64_list") for name in INTEGERS}
    values |= {name: tuple(_values(name, features[name], "int64_list")) for name in INTEGER_LISTS}
    return Example(**values)


def _values(name: str, feature: Any, kind: str) -> Any:
    found = feature.WhichOneof("kind")
    if found not in (kind, None):  # TensorFlow omits the kind of an empty list
        raise ExampleError(f"feature {name!r} is a {found}; accepted: a {kind}")
    return getattr(feature, kind).value


def _text(name: str, feature: Any) -> str:
    value: bytes = _single(name, feature, "bytes_list")
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise ExampleError(f"feature {name!r} is {value!r}; accepted: UTF-8") from error


def _single(name: str, feature: Any, kind: str) -> Any:
    values = _values(name, feature, kind)
    if len(values) != 1:
        raise ExampleError(f"feature {name!r} has {len(values)} values; accepted: one value")
    return values[0]


class TFExampleWriter:
    """Writes each row of `schemas.arrow.EXAMPLES` to a stream as a record; the stream stays open."""

    def __init__(self, stream: BinaryIO, schema: pa.Schema) -> None:
        if missing := [name for name in FEATURES if name not in schema.names]:
            raise ValueError(
                f"the table has no {', '.join(missing)}, which examples need; its columns: {', '.join(schema.names)}"
            )
        self._records = TFRecordWriter(stream)
        self.rows = 0

    def write(self, rows: pa.RecordBatch) -> None:
        """Adds rows."""
        for record in encode_examples(rows):
            self._records.write(record)
        self.rows += rows.num_rows

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._records.close()


def read_tf_examples(stream: BinaryIO, schema: pa.Schema, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """The rows of a TFRecord file in batches of `schemas.arrow.EXAMPLES`, or of some of its columns.

    Raises:
        TFRecordError, ExampleError: the file is damaged, or a record is not a training example.
    """
    examples = map(decode_example, read_tfrecords(stream))
    while rows := list(islice(examples, _BATCH_ROWS)):
        batch = EXAMPLE_ROWS.to_batch(rows)
        yield batch if columns is None else batch.select(columns)


def count_tf_examples(stream: BinaryIO) -> int:
    """The number of records of a TFRecord file, one of them in memory at a time."""
    return sum(1 for _ in read_tfrecords(stream))
