"""Adds the figures of all shards of articles to a shard of the mention dictionary."""

from collections.abc import Iterable
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from mlukit.corpus.detection.count_anchors import FIGURES
from mlukit.corpus.entities.count_links import read_part
from mlukit.corpus.entities.mention_dictionary import first_rows, write_mentions
from mlukit.schemas.arrow import MENTIONS

_MENTION_COLUMNS = [field.name for field in MENTIONS if not field.nullable]


def merge_figures(mentions: BinaryIO, figures: Iterable[BinaryIO], part: int, first_row: int, merged: BinaryIO) -> int:
    """Adds up the figures of the anchors in a shard of the mention dictionary.

    Args:
        mentions: the shard.
        figures: the figures of each shard of articles; each is opened only when it is read.
        part: the number of the shard, and of its row group in `figures`.
        first_row: the row of the first anchor of the shard.
        merged: receives the rows of the shard with their figures: `schemas.arrow.MENTIONS`.

    Returns:
        The number of rows.
    """
    table = pq.read_table(mentions, columns=_MENTION_COLUMNS, use_threads=False)
    firsts = first_rows(table["anchor"])
    names = FIGURES.names[1:]
    totals = np.zeros((len(names), len(firsts)), np.int64)
    for stream in figures:
        found = read_part(stream, part)
        totals[:, found["row"].to_numpy().astype(np.int64) - first_row] += np.stack(
            [found[n].to_numpy() for n in names]
        )
    lengths = np.diff(np.append(firsts, len(table)))
    columns = {name: pa.array(np.repeat(total, lengths)) for name, total in zip(names, totals, strict=True)}
    columns["link_probability"] = _probabilities(*(columns[name].to_numpy() for name in ("linked_pages", "pages")))
    columns |= {name: table[name] for name in _MENTION_COLUMNS}
    write_mentions(pa.table([columns[name] for name in MENTIONS.names], schema=MENTIONS), merged)
    return len(table)


def _probabilities(linked: npt.NDArray[np.int64], pages: npt.NDArray[np.int64]) -> pa.Array:
    """The share of pages that are linked; null for an anchor that is on no page."""
    return pa.array(linked / np.maximum(pages, 1), pa.float64(), mask=pages == 0)
