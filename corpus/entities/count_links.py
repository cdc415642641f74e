"""Counts the links of a shard of articles, in parts that are later added up over all shards.

The number of links to an entity, and the anchors of these links, are known only for the whole corpus. So the counts of
each shard are written to a file with a row group for each hash part. A key is in the same part in every shard, so part
k of the corpus is the sum of part k of all shards, and only one part is in memory.
"""

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlukit.schemas.manifest import Flow

PARTS = 64

ENTITY_COUNTS = pa.schema([pa.field("qid", pa.int64(), nullable=False), pa.field("count", pa.int64(), nullable=False)])
MENTION_COUNTS = pa.schema(
    [
        pa.field("anchor", pa.string(), nullable=False),
        pa.field("qid", pa.int64(), nullable=False),
        pa.field("linked", pa.int64(), nullable=False),
    ]
)
COLUMNS = ["kind", "split", "text", *(f"links.list.element.{field}" for field in ("start", "end", "qid", "status"))]
_PENDING_ROWS = 1 << 20


class Tally:
    """Adds up the last columns of a table over the rows that are equal in all other columns.

    Memory: at most twice the number of distinct rows, or 2**20 rows.
    """

    def __init__(self, schema: pa.Schema, numbers: int = 1) -> None:
        """Begins with no rows; the last columns, as many as `numbers`, are added up."""
        self._schema = schema
        self._keys, self._numbers = schema.names[:-numbers], schema.names[-numbers:]
        self._pending = [schema.empty_table()]
        self._rows, self._limit = 0, _PENDING_ROWS

    def add(self, rows: pa.Table) -> None:
        """Adds rows of the schema."""
        self._pending.append(rows)
        self._rows += rows.num_rows
        if self._rows > self._limit:
            self._combine()
            self._limit = max(_PENDING_ROWS, 2 * self._rows)

    def total(self) -> pa.Table:
        """The distinct rows, in ascending order of their keys."""
        self._combine()
        return self._pending[0].sort_by([(name, "ascending") for name in self._keys])

    def _combine(self) -> None:
        """Merges the pending tables into one, in which the keys are distinct."""
        rows = pa.concat_tables(self._pending)
        summed = rows.group_by(self._keys, use_threads=False).aggregate([(name, "sum") for name in self._numbers])
        table = (
            summed.rename_columns({f"{name}_sum": name for name in self._numbers})
            .select(self._schema.names)
            .cast(self._schema)
        )
        self._pending, self._rows = [table], table.num_rows


def count_shard(
    batches: Iterable[pa.RecordBatch], kinds: Set[str], parts: int, entities: BinaryIO, mentions: BinaryIO
) -> dict[str, Flow]:
    """Counts the links with an item on the pages of some kinds.

    Args:
        batches: batches of `schemas.arrow.ARTICLES`, with at least COLUMNS.
        kinds: the kinds of pages that count.
        parts: the number of hash parts, the same for all shards.
        entities: receives the number of links to each item, on pages of both splits.
        mentions: receives the number of links of each anchor to each item, on pages of the train split.

    Returns:
        The flows "pages" (out: pages of the kinds), "links" (out: links with an item) and "mentions" (out: links on
        pages of the train split).
    """
    flows = {"pages": Flow(), "links": Flow(), "mentions": Flow()}
    entity_tally, mention_tally = Tally(ENTITY_COUNTS), Tally(MENTION_COUNTS)
    for batch in batches:
        pages = pages_of_kinds(batch.select(["kind", "split", "text", "links"]), kinds, flows["pages"])
        links = links_with_item(pages, flows["links"])
        ones = pa.array(np.ones(links.num_rows, np.int64))
        entity_tally.add(pa.table([links["qid"], ones], schema=ENTITY_COUNTS))
        links = _links_of_train_pages(links, pages, flows["mentions"])
        columns = [_anchors(links, pages), links["qid"], ones[: links.num_rows]]
        mention_tally.add(pa.table(columns, schema=MENTION_COUNTS))
    entity_total, mention_total = entity_tally.total(), mention_tally.total()
    write_parts(entity_total, part_of_qids(entity_total["qid"].to_numpy(), parts), parts, entities)
    write_parts(mention_total, part_of_anchors(mention_total["anchor"], parts), parts, mentions)
    return flows


def part_of_qids(qids: npt.NDArray[np.int64], parts: int) -> npt.NDArray[np.int64]:
    """The part of each QID, by the upper bits of its product with 2**64 / golden ratio (Knuth, TAOCP 3, 6.4)."""
    mixed = (qids.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32)
    return (mixed % np.uint64(parts)).astype(np.int64)


def part_of_anchors(anchors: pa.ChunkedArray, parts: int) -> npt.NDArray[np.int64]:
    """The part of each anchor, by CRC-32 of its UTF-8: all items of an anchor are in one part."""
    values = anchors.cast(pa.binary()).to_pylist()
    return np.fromiter((zlib.crc32(value) % parts for value in values), np.int64, len(values))


def read_part(stream: BinaryIO, part: int) -> pa.Table:
    """One part of a shard's counts.

    Raises:
        ValueError: the shard was counted in fewer parts.
    """
    with pq.ParquetFile(stream) as file:
        if not 0 <= part < file.num_row_groups:
            raise ValueError(f"the file has {file.num_row_groups} parts, but no part {part}; count it with more parts")
        return file.read_row_group(part, use_threads=False)


def pages_of_kinds(batch: pa.RecordBatch, kinds: Set[str], flow: Flow) -> pa.RecordBatch:
    """The pages of the kinds; the other pages are counted by kind."""
    chosen = batch.filter(pc.is_in(batch["kind"], pa.array(sorted(kinds), pa.string())))
    found = Counter(batch["kind"].to_pylist())
    flow.entered += batch.num_rows
    flow.out += chosen.num_rows
    flow.skipped.update({f"kind {kind}": n for kind, n in found.items() if kind not in kinds})
    return chosen


def links_with_item(pages: pa.RecordBatch, flow: Flow) -> pa.Table:
    """A row for each link with an item: the row of its page, start, end, QID as a number.

    The other links are counted by status.
    """
    links, rows = pages["links"].flatten(), pc.list_parent_indices(pages["links"])
    qids = links.field("qid")
    lacking = Counter(links.field("status").filter(pc.is_null(qids)).to_pylist())
    flow.entered += len(links)
    flow.out += len(links) - lacking.total()
    flow.skipped.update(lacking)
    table = pa.table({"row": rows, "start": links.field("start"), "end": links.field("end"), "qid": qids})
    table = table.filter(pc.is_valid(qids))
    numbers = pc.cast(pc.utf8_slice_codeunits(table["qid"], 1), pa.int64())
    return table.set_column(3, ENTITY_COUNTS.field("qid"), numbers)


def _links_of_train_pages(links: pa.Table, pages: pa.RecordBatch, flow: Flow) -> pa.Table:
    """The links on pages of the train split; the number of other links is counted."""
    train = links.filter(pc.equal(pages["split"], "train").take(links["row"].combine_chunks()))
    flow.entered += links.num_rows
    flow.out += train.num_rows
    flow.skipped.update(
        {"split validation": links.num_rows - train.num_rows} if links.num_rows > train.num_rows else {}
    )
    return train


def _anchors(links: pa.Table, pages: pa.RecordBatch) -> pa.Array:
    """`text[start:end]` of each link; offsets are code points, as in Python strings."""
    return pa.array(_slices(links, pages), pa.string())


def _slices(links: pa.Table, pages: pa.RecordBatch) -> Iterator[str]:
    """The anchors, one by one; rows ascend, so each text is read from its column only once."""
    texts, current_row, text = pages["text"], -1, ""
    for row, start, end in zip(*(links[name].to_pylist() for name in ("row", "start", "end")), strict=True):
        if row != current_row:
            current_row, text = row, texts[row].as_py()
        yield text[start:end]


def write_parts(table: pa.Table, part_of: npt.NDArray[np.int64], parts: int, stream: BinaryIO) -> None:
    """Writes a row group for each part, also for empty parts; in a part, rows keep their order."""
    order = np.argsort(part_of, kind="stable")
    borders = np.searchsorted(part_of[order], np.arange(parts + 1))
    table = table.take(pa.array(order))
    with pq.ParquetWriter(stream, table.schema, compression="zstd", write_statistics=False) as writer:
        for start, end in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True):
            writer.write_table(table.slice(start, end - start), row_group_size=max(1, end - start))
