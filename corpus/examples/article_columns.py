"""Articles by columns: the sentences and links of many articles as arrays.

A *place* is an offset, in code points, into the concatenated texts of all articles. So the places of a later article
are larger than the places of an earlier article.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple, Self, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Integers: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]

NO_ITEM = -1


class Links(NamedTuple):
    """Links in ascending order of their places."""

    start: Integers
    end: Integers
    qid: Integers  # NO_ITEM for a link without an item
    over_feed: Flags  # whether the link contains a line feed, which separates paragraphs


class Spans(NamedTuple):
    """Stretches of text in ascending order; they do not overlap."""

    start: Integers
    end: Integers

    def contain(self, places: Integers) -> Flags:
        """Whether each place lies in one of the stretches."""
        before = np.searchsorted(self.start, places, "right") - 1
        return (before >= 0) & (places < np.append(self.end, 0)[before])


@dataclass(frozen=True, slots=True)
class ArticleColumns:
    """The texts, headings and links of several articles."""

    texts: Sequence[str]
    data: npt.NDArray[np.uint8]  # the texts in UTF-8, one after the other
    bases: Integers  # where each text starts, and where the last one ends
    headings: Spans
    links: Links
    _continuations: (
        Integers  # for each byte that continues a character: the number of characters that begin before the byte
    )

    @classmethod
    def from_batch(cls, articles: pa.RecordBatch) -> Self:
        """Reads the columns of a batch of articles.

        Args:
            articles: rows with the columns text, sections (start, heading) and links (start, end, qid) of
                `schemas.arrow.ARTICLES`.
        """
        texts = articles.column("text")
        offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset :][: len(texts) + 1].astype(np.int64)
        data = np.frombuffer(texts.buffers()[2] or b"", np.uint8)[offsets[0] : offsets[-1]]
        continuing = np.flatnonzero((data & 0xC0) == 0x80)
        offsets -= offsets[0]
        bases = offsets - np.searchsorted(continuing, offsets)
        feeds = np.flatnonzero(data == 0x0A)
        feeds -= np.searchsorted(continuing, feeds)
        links, sections = articles.column("links"), articles.column("sections")
        fields, heads = links.flatten(), sections.flatten()
        start, end = (_places(fields.field(name), links, bases) for name in ("start", "end"))
        head = _places(heads.field("start"), sections, bases)
        length = pc.utf8_length(heads.field("heading")).to_numpy()
        order = np.argsort(head, kind="stable")
        return cls(
            texts.to_pylist(),
            data,
            bases,
            Spans(head[order], (head + length)[order]),
            Links(start, end, _numbers(fields.field("qid")), feeds.searchsorted(start) < feeds.searchsorted(end)),
            continuing - np.arange(len(continuing)),
        )

    def bytes_before(self, places: Integers) -> Integers:
        """Converts places to offsets into `data`."""
        return places + np.searchsorted(self._continuations, places, "right")

    def articles_of(self, places: Integers) -> Integers:
        """The number of the article that each place lies in; no place lies in an empty article."""
        return np.searchsorted(self.bases, places, "right") - 1

    def spans(self, by_article: Iterable[Sequence[tuple[int, int]]]) -> Spans:
        """Converts (start, end) offsets into the text of each article to columns of places."""
        found = list(by_article)
        rows = np.fromiter(chain.from_iterable(chain.from_iterable(found)), np.int64).reshape(-1, 2)
        rows += np.repeat(self.bases[:-1], list(map(len, found)))[:, None]
        return Spans(rows[:, 0], rows[:, 1])


def _places(starts: pa.Array, rows: pa.ListArray, bases: Integers) -> Integers:
    """Converts offsets into the text of each article to places.

    Args:
        starts: the offsets of all articles, one article after the other.
        rows: the lists that the offsets come from; their lengths tell the article of each offset.
        bases: the place at which each text starts.
    """
    lengths = rows.value_lengths().to_numpy()
    places: Integers = starts.to_numpy().astype(np.int64) + np.repeat(bases[:-1], lengths)
    return places


def _numbers(qids: pa.StringArray) -> Integers:
    """Converts "Q64" to 64, and null to NO_ITEM."""
    numbers = pc.cast(pc.utf8_slice_codeunits(qids, 1), pa.int64())
    filled: Integers = pc.fill_null(numbers, NO_ITEM).to_numpy()
    return filled
