"""The mention dictionary of a language: the items that each anchor links to, and how often."""

from collections.abc import Iterable
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlukit.corpus.entities.count_links import MENTION_COUNTS, Tally, read_part
from mlukit.schemas.arrow import MENTIONS

ROW_GROUP_ROWS = 1 << 16


def merge_mentions(shards: Iterable[BinaryIO], part: int, mentions: BinaryIO) -> int:
    """Adds up one part of the mention counts over all shards of a language.

    Args:
        shards: counts written by `count_shard`; each is opened only when it is read.
        part: the number of the hash part; all items of an anchor are in one part.
        mentions: receives `schemas.arrow.MENTIONS`, in the order (anchor, -linked, QID).

    Returns:
        The number of rows written.
    """
    tally = Tally(MENTION_COUNTS)
    for stream in shards:
        tally.add(read_part(stream, part))
    rows = tally.total().sort_by([("anchor", "ascending"), ("linked", "descending"), ("qid", "ascending")])
    names = pc.binary_join_element_wise("Q", rows["qid"].cast(pa.string()), "")
    no_figures = [pa.nulls(len(rows), field.type) for field in MENTIONS if field.nullable]
    table = pa.table([rows["anchor"], names, rows["linked"], pa.array(_priors(rows)), *no_figures], schema=MENTIONS)
    write_mentions(table, mentions)
    return len(table)


def write_mentions(table: pa.Table, mentions: BinaryIO) -> None:
    """Writes a table of `schemas.arrow.MENTIONS`."""
    with pq.ParquetWriter(mentions, MENTIONS, compression="zstd") as writer:
        writer.write_table(table, row_group_size=ROW_GROUP_ROWS)


def first_rows(anchors: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """The first row of each anchor; the rows of an anchor are adjacent."""
    if not len(anchors):
        return np.empty(0, np.int64)
    whole = anchors.combine_chunks()
    changes = pc.not_equal(whole[1:], whole[:-1]).to_numpy(zero_copy_only=False)
    return np.append(0, np.flatnonzero(changes) + 1)


def _priors(rows: pa.Table) -> npt.NDArray[np.float64]:
    """The share of each row in the links of its anchor; the rows of an anchor are adjacent."""
    linked, starts = rows["linked"].to_numpy(), first_rows(rows["anchor"])
    if not len(linked):
        return np.empty(0, np.float64)
    totals = np.add.reduceat(linked, starts)
    priors: npt.NDArray[np.float64] = linked / np.repeat(totals, np.diff(np.append(starts, len(linked))))
    return priors
