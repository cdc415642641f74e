"""Arrow schemas of the Parquet files, and conversion between records and record batches.

After a dump is parsed, stages work on batches of these schemas, not on records. A `RecordCodec` writes the parsed
records, and reads rows back for people and tests (`schemas.records` tells the purpose of each class).

The columns are the contract with users (docs/data.md). A record's fields and its schema's columns have the same
names in the same order; an integer `qid` is written as the string a person looks up ("Q64"). Nested fields are lists
of structs, which every reader of Parquet knows, rather than maps.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from operator import attrgetter, itemgetter
from typing import Any, Generic, TypeVar

import pyarrow as pa

from mlukit.schemas.records import (
    Article,
    Entity,
    Example,
    Failure,
    Link,
    LinkedArticle,
    Mention,
    PageTitle,
    Section,
    Span,
    qid_name,
    qid_number,
)

SCHEMA_VERSION = 1

R = TypeVar("R")


def _required(name: str, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, nullable=False)


def _structs(name: str, *fields: pa.Field) -> pa.Field:
    return _required(name, pa.list_(_required("element", pa.struct(fields))))


def _integers(name: str) -> pa.Field:
    return _required(name, pa.list_(_required("element", pa.int32())))


_START, _END = _required("start", pa.int32()), _required("end", pa.int32())
_LANGUAGE, _TITLE = _required("language", pa.string()), _required("title", pa.string())
_PAGE_ID, _QID = _required("page_id", pa.int64()), pa.field("qid", pa.string())
_PARAGRAPHS = _structs("paragraphs", _START, _END)
_SECTIONS = _structs("sections", _START, _END, _required("level", pa.int32()), _required("heading", pa.string()))

PARSED_ARTICLES = pa.schema(
    [
        _LANGUAGE,
        _PAGE_ID,
        _required("revision_id", pa.int64()),
        _TITLE,
        _required("kind", pa.string()),
        _required("text", pa.string()),
        _PARAGRAPHS,
        _SECTIONS,
        _structs("links", _START, _END, _LANGUAGE, _required("target", pa.string())),
        _structs("interlanguage", _LANGUAGE, _TITLE),
    ]
)

PAGE_TITLES = pa.schema(
    [
        _PAGE_ID,
        _TITLE,
        pa.field("redirect", pa.string()),
        _structs("interlanguage", _LANGUAGE, _TITLE),
        _required("revision_id", pa.int64()),
        pa.field("place", pa.int64()),
    ]
)

ARTICLES = pa.schema(
    [
        _LANGUAGE,
        _PAGE_ID,
        _required("revision_id", pa.int64()),
        _TITLE,
        _QID,
        _required("kind", pa.string()),
        _required("split", pa.string()),
        _required("text", pa.string()),
        _PARAGRAPHS,
        _SECTIONS,
        _structs(
            "links",
            _START,
            _END,
            _LANGUAGE,
            _required("target", pa.string()),
            pa.field("page", pa.string()),
            _QID,
            _required("status", pa.string()),
        ),
    ]
)

ARTICLE_TEXTS = [  # the input of examples: columns of ARTICLES, and fields of columns, by their paths in Parquet
    *("language", "page_id", "title", "kind", "split", "text", "paragraphs"),
    *(f"sections.list.element.{name}" for name in ("start", "heading")),
    *(f"links.list.element.{name}" for name in ("start", "end", "qid")),
]

VOCABULARY = pa.schema(
    [
        _required("entity_id", pa.int32()),
        _required("name", pa.string()),
        _QID,
        _required("count", pa.int64()),
        _structs("counts", _LANGUAGE, _required("count", pa.int64())),
        _structs("titles", _LANGUAGE, _TITLE),
        _structs("labels", _LANGUAGE, _required("label", pa.string())),
    ]
)

MENTIONS = pa.schema(
    [
        _required("anchor", pa.string()),
        _required("qid", pa.string()),
        _required("linked", pa.int64()),  # links with this anchor to this item, on pages of the train split
        _required("prior", pa.float64()),  # share of the anchor's links that go to this item
        # Figures of the anchor, the same in all of its rows; null until the mentions stage has run.
        pa.field("pages", pa.int64()),  # train pages that have the anchor in the text as a sequence of words
        pa.field("linked_pages", pa.int64()),  # those of these pages that have a link with the anchor to an item
        pa.field("occurrences", pa.int64()),  # places of the anchor on train pages
        pa.field("nested", pa.int64()),  # those of these places that lie inside a place of a longer anchor
        pa.field("link_probability", pa.float64()),  # linked_pages / pages
    ]
)

EXAMPLES = pa.schema(
    [
        _LANGUAGE,
        _PAGE_ID,
        _required("index", pa.int32()),
        _required("split", pa.string()),
        *(
            _integers(name)
            for name in (
                "token_ids",
                "entity_ids",
                "entity_starts",
                "entity_ends",
                "sentence_starts",
                "sentence_ends",
            )
        ),
    ]
)

FAILURES = pa.schema(
    [
        _required("stage", pa.string()),
        _required("reason", pa.string()),
        _LANGUAGE,
        pa.field("page_id", pa.int64()),
        pa.field("title", pa.string()),
        _required("detail", pa.string()),
    ]
)


@dataclass(frozen=True)
class RecordCodec(Generic[R]):
    """Turns records of one class into record batches of one schema, and back."""

    record: Callable[..., R]
    schema: pa.Schema
    nested: dict[str, Callable[..., Any]]  # column of structs -> class of its elements; tuple for plain pairs

    def to_batch(self, records: Sequence[R]) -> pa.RecordBatch:
        """A batch of the schema with a row for each record."""
        columns = [self._column(field, [getattr(r, field.name) for r in records]) for field in self.schema]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def _column(self, field: pa.Field, values: list[Any]) -> pa.Array:
        """The column of a field, from the values that the records have; a nested field becomes a list of structs."""
        if field.name not in self.nested:
            return _flat_array(field, values)
        make, struct = self.nested[field.name], field.type.value_type
        rows = list(chain.from_iterable(values))
        getters = (itemgetter(i) if make is tuple else attrgetter(f.name) for i, f in enumerate(struct))
        arrays = [_flat_array(f, map(get, rows)) for f, get in zip(struct, getters, strict=True)]
        elements = pa.StructArray.from_arrays(arrays, fields=list(struct))
        offsets = pa.array([0, *accumulate(map(len, values))], pa.int32())
        return pa.ListArray.from_arrays(offsets, elements, type=field.type)

    def to_records(self, batch: pa.RecordBatch) -> list[R]:
        """The records of a batch; the columns may be in any order, and columns that the schema lacks are ignored."""
        columns = [self._values(field, batch.column(field.name)) for field in self.schema]
        return list(map(self.record, *columns))

    def _values(self, field: pa.Field, array: pa.Array) -> list[Any]:
        """The inverse of `_column`: one value for each record; a list of structs becomes a tuple of elements."""
        if field.name not in self.nested:
            return _flat_values(field, array)
        make = self.nested[field.name]
        struct, elements = field.type.value_type, array.flatten()
        parts = [_flat_values(f, elements.field(f.name)) for f in struct]
        rows = list(zip(*parts, strict=True) if make is tuple else map(make, *parts))
        lengths = array.value_lengths().to_pylist()
        values, offset = [], 0
        for length in lengths:
            values.append(tuple(rows[offset : offset + length]))
            offset += length
        return values


def _flat_array(field: pa.Field, values: Iterable[Any]) -> pa.Array:
    """A column without structs; QIDs are given as numbers and written as strings."""
    if field.name == "qid":
        values = [None if q is None else qid_name(q) for q in values]
    return pa.array(values, field.type)


def _flat_values(field: pa.Field, array: pa.Array) -> list[Any]:
    """The inverse of `_flat_array`; lists become tuples."""
    values: list[Any] = array.to_pylist()
    if field.name == "qid":
        return [None if q is None else qid_number(q) for q in values]
    if pa.types.is_list(field.type):
        return [tuple(v) for v in values]
    return values


_ARTICLE_PARTS: dict[str, Callable[..., Any]] = {"paragraphs": Span, "sections": Section}
PARSED_ARTICLE_ROWS = RecordCodec(Article, PARSED_ARTICLES, {**_ARTICLE_PARTS, "links": Link, "interlanguage": tuple})
PAGE_TITLE_ROWS = RecordCodec(PageTitle, PAGE_TITLES, {"interlanguage": tuple})
ARTICLE_ROWS = RecordCodec(LinkedArticle, ARTICLES, {**_ARTICLE_PARTS, "links": Mention})
VOCABULARY_ROWS = RecordCodec(Entity, VOCABULARY, {"counts": tuple, "titles": tuple, "labels": tuple})
EXAMPLE_ROWS = RecordCodec(Example, EXAMPLES, {})
FAILURE_ROWS = RecordCodec(Failure, FAILURES, {})

_CODECS: dict[type, RecordCodec[Any]] = {
    Article: PARSED_ARTICLE_ROWS,
    PageTitle: PAGE_TITLE_ROWS,
    LinkedArticle: ARTICLE_ROWS,
    Entity: VOCABULARY_ROWS,
    Example: EXAMPLE_ROWS,
    Failure: FAILURE_ROWS,
}


def as_row(record: Article | PageTitle | LinkedArticle | Entity | Example | Failure) -> dict[str, Any]:
    """A record as its row in Parquet: names of columns -> plain values, "Q64" for 64.

    Raises:
        TypeError: no table has rows of this class, such as `Page`.
    """
    codec = _CODECS.get(type(record))
    if codec is None:
        raise TypeError(
            f"no table holds records of {type(record).__name__}; accepted: {', '.join(c.__name__ for c in _CODECS)}"
        )
    (row,) = codec.to_batch([record]).to_pylist()
    return dict(row)
