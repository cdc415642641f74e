"""A table of all anchors of a language, by hash, mapped into memory; workers on a machine share its pages.

Arrays of the file:

    keys      uint64  hashes by open addressing; 0: the slot is empty
    values    uint32  2 · (row of the anchor, or NO_ROW) + (1 if longer anchors begin with this sequence of segments)
    offsets   uint64  n + 1 values: the UTF-8 of row i is heap[offsets[i] : offsets[i + 1]]
    heap      uint8

The keys are anchors and the beginnings of anchors at the borders of words, see `anchor_entries`. They are in ascending
order: key i is in the slot max(ideal slot, slot of key i - 1, plus 1), where the ideal slot is proportional to the key.
So the table can be written as a stream, and a search ends at the first empty slot or larger key.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from mlukit.corpus.detection.array_file import ArrayFile, ArrayFileWriter
from mlukit.corpus.detection.span_hashes import Hashes, hash_texts

Rows: TypeAlias = npt.NDArray[np.uint32]
Entries: TypeAlias = tuple[Hashes, Rows]  # keys in ascending order, and the value of each key

KIND, VERSION = "match table", 1
ARRAYS = ("keys", "values", "offsets", "heap")
NO_ROW = 0x7FFFFFFF
NOTHING = 2 * NO_ROW  # the value of what is not in the table
MAX_ROWS = NO_ROW
_LOAD = 0.6  # share of the slots that have a key


@dataclass(frozen=True, slots=True, eq=False)
class MatchTable:
    """An open table."""

    facts: dict[str, Any]
    capacity: int  # number of ideal slots
    keys: Hashes
    values: Rows
    offsets: npt.NDArray[np.uint64]
    heap: npt.NDArray[np.uint8]

    @classmethod
    def open(cls, path: Path) -> Self:
        """Maps the file of a table.

        Raises:
            ArrayFileError: the file is missing, damaged, or of another kind or version.
        """
        return cls.from_file(ArrayFile.open(path, KIND, VERSION, ARRAYS))

    @classmethod
    def from_file(cls, file: ArrayFile) -> Self:
        """The table in an open file, which may have other arrays, too."""
        return cls(dict(file.facts), file.facts["capacity"], *(file.arrays[name] for name in ARRAYS))

    def __len__(self) -> int:
        """The number of anchors."""
        return len(self.offsets) - 1

    def values_of(self, hashes: Hashes) -> Rows:
        """The value of each hash; NOTHING for a hash that is not a key."""
        slots = _ideal_slots(hashes, self.capacity)
        found = self.keys[slots]
        values = np.where(found == hashes, self.values[slots], np.uint32(NOTHING))
        going = np.flatnonzero((found < hashes) & (found != 0))
        slots, wanted = slots[going], hashes[going]
        while len(going):
            slots += np.uint64(1)
            found = self.keys[slots]
            hit = found == wanted
            values[going[hit]] = self.values[slots[hit]]
            on = (found < wanted) & (found != 0)
            going, slots, wanted = going[on], slots[on], wanted[on]
        return values

    def rows_of(self, anchors: Sequence[str]) -> npt.NDArray[np.int64]:
        """The row of each anchor; -1 for a text that is not an anchor."""
        rows = (self.values_of(hash_texts(anchors)) >> np.uint32(1)).astype(np.int64)
        rows[rows == NO_ROW] = -1
        for i in np.flatnonzero(rows >= 0).tolist():
            if self.anchor(rows[i]) != anchors[i]:
                rows[i] = -1
        return rows

    def anchor(self, row: int) -> str:
        """The anchor of a row."""
        return bytes(self.heap[int(self.offsets[row]) : int(self.offsets[row + 1])]).decode("utf-8", "surrogatepass")

    def equal(
        self,
        rows: Rows,
        utf8: npt.NDArray[np.uint8],
        starts: npt.NDArray[np.int64],
        ends: npt.NDArray[np.int64],
    ) -> npt.NDArray[np.bool]:
        """Whether each anchor is the same as a span of a text.

        Args:
            rows: the rows of the anchors.
            utf8: the text.
            starts: the first byte of each span.
            ends: the end of each span, which is not empty.
        """
        begins, lengths = self.offsets[rows].astype(np.int64), ends - starts
        same: npt.NDArray[np.bool] = self.offsets[rows + np.uint32(1)].astype(np.int64) - begins == lengths
        checked = np.flatnonzero(same)
        for some in np.array_split(checked, 1 + int(lengths[checked].sum()) // _COMPARED_BYTES):
            same[some] = _same_bytes(self.heap, begins[some], utf8, starts[some], lengths[some])
        return same


_COMPARED_BYTES = 1 << 20  # bytes compared at a time


def _same_bytes(one: Any, one_starts: Any, other: Any, other_starts: Any, lengths: Any) -> npt.NDArray[np.bool]:
    """Whether each slice of an array is the same as a slice of another array, of the same length."""
    if not len(lengths):
        return np.empty(0, bool)
    firsts = np.cumsum(lengths) - lengths
    places = np.arange(int(lengths.sum()))
    equal = (
        one[places + np.repeat(one_starts - firsts, lengths)]
        == other[places + np.repeat(other_starts - firsts, lengths)]
    )
    same: npt.NDArray[np.bool] = np.logical_and.reduceat(equal, firsts)
    return same


def write_match_table(
    writer: ArrayFileWriter,
    entries: Callable[[], Iterable[Entries]],
    count: int,
    anchors: Callable[[], Iterable[tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]]],
) -> dict[str, int]:
    """Writes the arrays of a table as a stream.

    Args:
        writer: receives the arrays.
        entries: gives the entries in ascending order of the keys, in pieces; called twice.
        count: the number of entries.
        anchors: gives the lengths and the UTF-8 of the anchors, in the order of rows, in pieces; called twice.

    Returns:
        Facts that `MatchTable` needs.
    """
    capacity = max(1, int(count / _LOAD))
    writer.write("keys", "<u8", (keys for keys, _ in _placed(entries(), capacity)))
    writer.write("values", "<u4", (values for _, values in _placed(entries(), capacity)))
    rows = writer.write("offsets", "<u8", offsets_of(lengths for lengths, _ in anchors()))
    writer.write("heap", "|u1", (heap for _, heap in anchors()))
    return {"capacity": capacity, "rows": rows - 1}


def _ideal_slots(hashes: Hashes, capacity: int) -> npt.NDArray[np.uint64]:
    """The slot that is proportional to each hash."""
    slots: npt.NDArray[np.uint64] = ((hashes >> np.uint64(32)) * np.uint64(capacity)) >> np.uint64(32)
    return slots


def _placed(entries: Iterable[Entries], capacity: int) -> Iterator[Entries]:
    """The slots of a table, in pieces; the last slot is empty."""
    free = 0  # the first slot that is not yet given
    for hashes, values in entries:
        counted = np.arange(len(hashes))
        ideal = _ideal_slots(hashes, capacity).astype(np.int64)
        slots = np.maximum(np.maximum.accumulate(ideal - counted), free) + counted
        if len(slots):
            yield _spread(hashes, values, slots - free, int(slots[-1]) + 1 - free)
            free = int(slots[-1]) + 1
    nothing = np.empty(0, np.uint64), np.empty(0, np.uint32), np.empty(0, np.int64)
    yield _spread(*nothing, max(capacity - free, 0) + 1)


def _spread(hashes: Hashes, values: Rows, slots: npt.NDArray[np.int64], length: int) -> Entries:
    keys, numbers = np.zeros(length, np.uint64), np.full(length, NOTHING, np.uint32)
    keys[slots], numbers[slots] = hashes, values
    return keys, numbers


def offsets_of(lengths_of_pieces: Iterable[npt.NDArray[np.int64]]) -> Iterator[npt.NDArray[np.int64]]:
    """The offsets of a heap, one more than texts, from the lengths of the texts."""
    end = 0
    yield np.zeros(1, np.int64)
    for lengths in lengths_of_pieces:
        ends = end + np.cumsum(lengths)
        yield ends
        end = int(ends[-1]) if len(ends) else end


def heap_piece(texts: Sequence[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """The lengths of texts in UTF-8, and their bytes."""
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
    return lengths, np.frombuffer(b"".join(encoded), np.uint8)
