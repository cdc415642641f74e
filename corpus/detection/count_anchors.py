"""Counts how often the anchors of a language stand in the texts of a shard of articles, linked or not."""

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlukit.corpus.detection.find_anchors import MAX_ANCHOR_POINTS, AnchorFinder, Matches, nested
from mlukit.corpus.entities.count_links import Tally, links_with_item, pages_of_kinds, write_parts
from mlukit.schemas.manifest import Flow

FIGURES = pa.schema(
    [
        pa.field("row", pa.uint32(), nullable=False),  # of the anchor
        *(pa.field(name, pa.int64(), nullable=False) for name in ("pages", "linked_pages", "occurrences", "nested")),
    ]
)
COLUMNS = ["kind", "split", "text", *(f"links.list.element.{field}" for field in ("start", "end", "qid", "status"))]
_CHARACTERS = 1 << 20  # characters of pages that are searched together
_LENGTH_BITS = (MAX_ANCHOR_POINTS).bit_length()


@dataclass(frozen=True, slots=True, eq=False)
class _Links:
    """Links with an item."""

    text: npt.NDArray[np.int64]  # the number of the text
    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]


def count_anchors(
    batches: Iterable[pa.RecordBatch], kinds: Set[str], finder: AnchorFinder, anchors: Sequence[int], stream: BinaryIO
) -> dict[str, Flow]:
    """Counts the anchors on the train pages of some kinds.

    A link with an item counts as a place of its anchor, also if an end of the link is not a border of words.

    Args:
        batches: batches of `schemas.arrow.ARTICLES`, with at least COLUMNS.
        kinds: the kinds of pages that count.
        finder: finds the anchors of the language.
        anchors: the number of anchors in each shard of the mention dictionary.
        stream: receives FIGURES, a row group for each shard of the mention dictionary.

    Returns:
        The flows "pages" (out: the pages that count), "links" (out: links of these pages with an item) and "places"
        (out: places of anchors).
    """
    flows = {"pages": Flow(), "links": Flow(), "places": Flow()}
    tally = Tally(FIGURES, 4)
    for batch in batches:
        pages = _train_pages(pages_of_kinds(batch, kinds, flows["pages"]), flows["pages"])
        for some in _some_pages(pages):
            links = links_with_item(some, flows["links"])
            numbers = [links[name].to_numpy().astype(np.int64) for name in ("row", "start", "end")]
            places, linked = _places(finder, some["text"].to_pylist(), _Links(*numbers))
            flows["places"].entered += len(places)
            flows["places"].out += len(places)
            tally.add(_figures(places, linked))
    total = tally.total()
    part_of = np.searchsorted(np.cumsum(anchors), total["row"].to_numpy(), "right")
    write_parts(total, part_of, len(anchors), stream)
    return flows


def _train_pages(pages: pa.RecordBatch, flow: Flow) -> pa.RecordBatch:
    train = pages.filter(pc.equal(pages["split"], "train"))
    flow.leave_out("split validation", pages.num_rows - train.num_rows)
    return train


def _some_pages(pages: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The pages in groups of about _CHARACTERS characters."""
    group = np.cumsum(pc.utf8_length(pages["text"]).to_numpy()) // _CHARACTERS
    borders = [*np.flatnonzero(np.diff(group, prepend=-1)).tolist(), pages.num_rows]
    for start, end in pairwise(borders):
        yield pages.slice(start, end - start)


def _places(finder: AnchorFinder, texts: Sequence[str], links: _Links) -> tuple[Matches, npt.NDArray[np.bool]]:
    """All places of anchors in the order of (text, start, end), and whether each place is a link."""
    found = finder.find(texts)
    keys = _keys(found.text, found.start, found.end, texts)
    wanted = _keys(links.text, links.start, links.end, texts)
    nearest = np.searchsorted(keys, wanted)
    known = np.zeros(len(wanted), bool)
    inside = nearest < len(keys)
    known[inside] = keys[nearest[inside]] == wanted[inside]
    known &= links.end - links.start <= MAX_ANCHOR_POINTS
    linked = np.zeros(len(found), bool)
    linked[nearest[known]] = True
    others = np.flatnonzero(~known)
    spans = zip(*(values[others].tolist() for values in (links.text, links.start, links.end)), strict=True)
    rows = finder.table.rows_of([texts[text][start:end] for text, start, end in spans])
    others, rows = others[rows >= 0], rows[rows >= 0]
    more = Matches(links.text[others], links.start[others], links.end[others], rows.astype(np.uint32))
    return _in_order(found, more, np.append(linked, np.ones(len(more), bool)))


def _keys(
    text: npt.NDArray[np.int64], start: npt.NDArray[np.int64], end: npt.NDArray[np.int64], texts: Sequence[str]
) -> npt.NDArray[np.int64]:
    """A number for each span, in the order of (text, start, end); spans have at most MAX_ANCHOR_POINTS code points."""
    firsts = np.cumsum([0, *map(len, texts)])[:-1] + np.arange(len(texts))
    keys: npt.NDArray[np.int64] = ((firsts[text] + start) << _LENGTH_BITS) + np.minimum(end - start, MAX_ANCHOR_POINTS)
    return keys


def _in_order(one: Matches, other: Matches, linked: npt.NDArray[np.bool]) -> tuple[Matches, npt.NDArray[np.bool]]:
    """Both matches together in order; `linked` is in the order of first `one`, then `other`."""
    if not len(other):
        return one, linked
    pairs = ((getattr(one, name), getattr(other, name)) for name in ("text", "start", "end", "anchor"))
    together = Matches(*map(np.concatenate, pairs))
    order = np.lexsort((together.end, together.start, together.text))
    return together.take(order), linked[order]


def _figures(places: Matches, linked: npt.NDArray[np.bool]) -> pa.Table:
    """Rows of FIGURES."""
    rows, anchor = np.unique(places.anchor, return_inverse=True)

    def pages(texts: npt.NDArray[np.int64], anchors: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """For each anchor, the number of different texts."""
        pairs = np.unique((texts << 32) + anchors)
        return np.bincount(pairs & 0xFFFFFFFF, minlength=len(rows))

    columns = [
        rows,
        pages(places.text, anchor),
        pages(places.text[linked], anchor[linked]),
        np.bincount(anchor, minlength=len(rows)),
        np.bincount(anchor[nested(places)], minlength=len(rows)),
    ]
    return pa.table(columns, schema=FIGURES)
