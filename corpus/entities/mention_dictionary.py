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
    table = pa.table([rows["anchor"], names, rows["linked"], pa.array(_priors(rows))], schema=MENTIONS)
    with pq.ParquetWriter(mentions, MENTIONS, compression="zstd") as writer:
        writer.write_table(table, row_group_size=ROW_GROUP_ROWS)
    return len(table)


def _priors(rows: pa.Table) -> npt.NDArray[np.float64]:
    """The share of each row in the links of its anchor; the rows of an anchor are adjacent."""
    linked, anchors = rows["linked"].to_numpy(), rows["anchor"].combine_chunks()
    if not len(linked):
        return np.empty(0, np.float64)
    changes = pc.not_equal(anchors[1:], anchors[:-1]).to_numpy(zero_copy_only=False)
    starts = np.append(0, np.flatnonzero(changes) + 1)
    totals = np.add.reduceat(linked, starts)
    priors: npt.NDArray[np.float64] = linked / np.repeat(totals, np.diff(np.append(starts, len(linked))))
    return priors
