"""The mention dictionary of a language as one file that is mapped into memory: for the detection of mentions in texts.

Besides the arrays of a `match_table`, the file has:

    link_probability   float32  by row of the anchors
    first_candidates   uint64   n + 1 values: the candidates of row i are first_candidates[i] to [i + 1]
    qids, linked       uint32   by candidate: its item, and the links with the anchor to this item, most links first
    priors             float32  by candidate: its share of the anchor's links
    items              uint32   the items of all candidates, in ascending order
    title_offsets, title_heap   by item: the title of its page in this language; empty without a page
    label_offsets, label_heap   by item: its label in this language; empty if the label is the title
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlukit.corpus.detection.array_file import ArrayFile, ArrayFileError, ArrayFileWriter
from mlukit.corpus.detection.find_anchors import AnchorFinder, Matches
from mlukit.corpus.detection.match_table import ARRAYS, MatchTable, Rows, heap_piece, offsets_of
from mlukit.corpus.entities.mention_dictionary import first_rows
from mlukit.corpus.entities.vocabulary import labels_of_titles

KIND, VERSION = "mention dictionary", 1
_TEXTS = ("title", "label")
_MORE_ARRAYS = (
    *("link_probability", "first_candidates", "qids", "linked", "priors", "items"),
    *(f"{text}_{array}" for text in _TEXTS for array in ("offsets", "heap")),
)
_PIECE = 1 << 20  # elements copied at a time
_ITEMS = 1 << 16  # items looked up at a time


class MentionTable:
    """An open mention dictionary. It holds an ICU iterator, so each thread needs its own object."""

    def __init__(self, file: ArrayFile) -> None:
        """Takes an open file; see `open`."""
        arrays = file.arrays
        self.language: str = file.facts["language"]
        self.match_table = MatchTable.from_file(file)
        self.link_probability: npt.NDArray[np.float32] = arrays["link_probability"]  # by row of the anchors
        self._arrays = arrays
        self._finder = AnchorFinder(self.match_table, self.language)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Maps the file of a dictionary; reads only its end, so it is open at once, whatever its size.

        Raises:
            ArrayFileError: the file is missing, damaged, or of another kind or version.
        """
        file = ArrayFile.open(path, KIND, VERSION, (*ARRAYS, *_MORE_ARRAYS))
        try:
            return cls(file)
        except KeyError as error:
            raise ArrayFileError(f"{path} is damaged: it has no {error}") from error

    def __len__(self) -> int:
        """The number of anchors."""
        return len(self.match_table)

    def find(self, text: str) -> Matches:
        """All places of anchors in a text, in the order of (start, end); overlapping places, too."""
        return self._finder.find([text])

    def find_each(self, texts: Sequence[str]) -> Matches:
        """`find` for several texts, which is faster if the texts are short; `Matches.text` numbers the texts."""
        return self._finder.find(texts)

    def anchor(self, row: int) -> str:
        """The anchor of a row."""
        return self.match_table.anchor(row)

    def candidates(self, anchor: int) -> tuple[Rows, npt.NDArray[np.float32]]:
        """The items of an anchor, given by its row, and their priors: the highest prior first."""
        first, end = self._arrays["first_candidates"][anchor : anchor + 2].tolist()
        return self._arrays["qids"][first:end], self._arrays["priors"][first:end]

    def linked(self, anchor: int) -> Rows:
        """The number of links with an anchor, given by its row, to each of its `candidates`."""
        first, end = self._arrays["first_candidates"][anchor : anchor + 2].tolist()
        linked: Rows = self._arrays["linked"][first:end]
        return linked

    def title_of(self, qid: int) -> str | None:
        """The title of an item's page in this language; None without a page, and for items of no candidate."""
        return self._text("title", qid) or None

    def label_of(self, qid: int) -> str | None:
        """The label of an item in this language; as in the vocabulary: without a label, the title."""
        return self._text("label", qid) or self.title_of(qid)

    def _text(self, name: str, qid: int) -> str:
        items = self._arrays["items"]
        row = int(np.searchsorted(items, np.uint32(qid))) if 0 <= qid < 1 << 32 else len(items)
        if row == len(items) or items[row] != qid:
            return ""
        start, end = self._arrays[f"{name}_offsets"][row : row + 2].tolist()
        return bytes(self._arrays[f"{name}_heap"][start:end]).decode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class MentionSource:
    """The content of a mention dictionary."""

    language: str
    anchors: ArrayFile  # a match table
    mentions: Callable[[list[str]], Iterable[pa.Table]]  # columns of `schemas.arrow.MENTIONS`, all rows of an anchor
    #                                                      in one table, in the order of rows; called for each array
    titles_of: Callable[[Sequence[int]], Sequence[str | None]]  # titles of items
    labels_of: Callable[[Sequence[int]], Sequence[str | None]]  # labels of items


def write_mention_table(writer: ArrayFileWriter, source: MentionSource) -> dict[str, int]:
    """Writes a dictionary as a stream. Memory: a table of `mentions`, and the QIDs of all items.

    Returns:
        The number of anchors, candidates and items.
    """
    for name in ARRAYS:
        array = source.anchors.arrays[name]
        writer.write(name, array.dtype.str, (array[i : i + _PIECE] for i in range(0, len(array), _PIECE)))
    anchors = writer.write("link_probability", "<f4", map(_of_anchors, source.mentions(["anchor", "link_probability"])))
    writer.write("first_candidates", "<u8", offsets_of(map(_candidates, source.mentions(["anchor"]))))
    candidates = writer.write("qids", "<u4", map(_qids, source.mentions(["qid"])))
    writer.write("linked", "<u4", (table["linked"].to_numpy() for table in source.mentions(["linked"])))
    writer.write("priors", "<f4", (table["prior"].to_numpy() for table in source.mentions(["prior"])))
    items = np.empty(0, np.uint32)
    for table in source.mentions(["qid"]):
        items = np.union1d(items, _qids(table))
    writer.write("items", "<u4", [items])
    for name, texts in (("title", source.titles_of), ("label", _Labels(source))):
        writer.write(f"{name}_offsets", "<u8", offsets_of(lengths for lengths, _ in _heap_pieces(items, texts)))
        writer.write(f"{name}_heap", "|u1", (heap for _, heap in _heap_pieces(items, texts)))
    writer.finish(KIND, VERSION, {**source.anchors.facts, "language": source.language, "rows": candidates})
    return {"anchors": anchors, "candidates": candidates, "items": len(items)}


@dataclass(frozen=True, slots=True)
class _Labels:
    """Labels of items as in the vocabulary; None for a label that is the title."""

    source: MentionSource

    def __call__(self, qids: Sequence[int]) -> Sequence[str | None]:
        titles = self.source.titles_of(qids)
        short: list[str | None] = labels_of_titles(pa.array(titles, pa.string())).to_pylist()
        labels = [label or other for label, other in zip(self.source.labels_of(qids), short, strict=True)]
        return [None if label == title else label for label, title in zip(labels, titles, strict=True)]


def _of_anchors(table: pa.Table) -> npt.NDArray[Any]:
    probabilities: npt.NDArray[Any] = table["link_probability"].to_numpy()[first_rows(table["anchor"])]
    return probabilities


def _candidates(table: pa.Table) -> npt.NDArray[np.int64]:
    """The number of candidates of each anchor."""
    return np.diff(np.append(first_rows(table["anchor"]), table.num_rows))


def _qids(table: pa.Table) -> npt.NDArray[np.uint32]:
    qids: npt.NDArray[np.uint32] = pc.cast(pc.utf8_slice_codeunits(table["qid"], 1), pa.uint32()).to_numpy()
    return qids


def _heap_pieces(
    items: Rows, texts_of: Callable[[Sequence[int]], Sequence[str | None]]
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]]:
    for start in range(0, len(items), _ITEMS):
        yield heap_piece([text or "" for text in texts_of(items[start : start + _ITEMS].tolist())])
