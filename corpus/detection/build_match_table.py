"""Builds the match table of a language from the shards of its mention dictionary, one hash part at a time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from mlukit.corpus.detection.anchor_entries import anchor_entries, merge_entries
from mlukit.corpus.detection.array_file import ArrayFileWriter
from mlukit.corpus.detection.match_table import KIND, NO_ROW, VERSION, Entries, heap_piece, write_match_table
from mlukit.corpus.detection.word_borders import WordBorders
from mlukit.corpus.entities.count_links import read_part, write_parts
from mlukit.corpus.entities.mention_dictionary import first_rows

Open: TypeAlias = Callable[[str], AbstractContextManager[BinaryIO]]  # opens a file of the output folder

ENTRIES = pa.schema([pa.field("hash", pa.uint64(), nullable=False), pa.field("value", pa.uint32(), nullable=False)])


def hash_anchors(mentions: BinaryIO, borders: WordBorders, parts: int, entries: BinaryIO) -> tuple[int, int, int]:
    """Hashes the anchors of a shard of a mention dictionary, and the beginnings of the anchors.

    Args:
        mentions: the shard.
        borders: the rules of the language.
        parts: the number of hash parts.
        entries: receives ENTRIES, a row group for each part, in ascending order; rows count from 0 in each shard.

    Returns:
        The number of anchors, of entries, and of anchors that are too long to be searched for.
    """
    anchors = distinct_anchors(mentions)
    (hashes, values), too_long = anchor_entries(anchors, 0, borders)
    part_of = ((hashes >> np.uint64(32)) * np.uint64(parts)) >> np.uint64(32)
    write_parts(pa.table([hashes, values], schema=ENTRIES), part_of.astype(np.int64), parts, entries)
    return len(anchors), len(hashes), too_long


def distinct_anchors(mentions: BinaryIO) -> list[str]:
    """The anchors of a shard of a mention dictionary, in the order of their rows."""
    column = pq.read_table(mentions, columns=["anchor"], use_threads=False)["anchor"]
    anchors: list[str] = column.take(pa.array(first_rows(column))).to_pylist()
    return anchors


def build_match_table(
    open_file: Open, mentions: Sequence[str], entries: Sequence[str], anchors: Sequence[int], table: BinaryIO
) -> int:
    """Builds the table. Memory: one hash part of the entries, or the anchors of one shard.

    Args:
        open_file: opens the files.
        mentions: the shards of the mention dictionary.
        entries: what `hash_anchors` made of each shard.
        anchors: the number of anchors in each shard.
        table: receives the table.

    Returns:
        The number of entries.
    """

    def merged() -> Iterator[Entries]:
        return _merged_parts(open_file, entries, anchors)

    def texts() -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]]:
        for path in mentions:
            with open_file(path) as stream:
                yield heap_piece(distinct_anchors(stream))

    count = sum(len(hashes) for hashes, _ in merged())
    writer = ArrayFileWriter(table)
    writer.finish(KIND, VERSION, write_match_table(writer, merged, count, texts))
    return count


def _merged_parts(open_file: Open, entries: Sequence[str], anchors: Sequence[int]) -> Iterator[Entries]:
    """The entries of all shards in ascending order, one part at a time; rows count over all shards."""
    firsts = np.cumsum([0, *anchors])
    for part in range(len(entries)):
        yield merge_entries(_part_of_shards(open_file, entries, part, firsts.tolist()))


def _part_of_shards(open_file: Open, entries: Sequence[str], part: int, firsts: Iterable[int]) -> Iterator[Entries]:
    for path, first in zip(entries, firsts, strict=False):
        with open_file(path) as stream:
            table = read_part(stream, part)
        values = table["value"].to_numpy()
        moved = np.where(values >> np.uint32(1) == NO_ROW, values, values + np.uint32(2 * first))
        yield table["hash"].to_numpy(), moved
