"""Finds the anchors of a table in texts: at all borders of a text at once, one more segment at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlukit.corpus.detection.match_table import NO_ROW, MatchTable, Rows
from mlukit.corpus.detection.span_hashes import MAX_POINTS, SpanHashes
from mlukit.corpus.detection.word_borders import CodePoints, Offsets, WordBorders, code_points_of

MAX_SEGMENTS = 128  # longer anchors are not searched for, so that the time is linear in the text
MAX_ANCHOR_POINTS = 4096  # as are anchors of more code points
_NO_MATCHES = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.uint32))
_SEPARATOR = 0x110000  # between two texts; not a code point, so no anchor has it


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Places of anchors, in the order of (text, start, end); overlapping places, too."""

    text: npt.NDArray[np.int64]  # the number of the text
    start: Offsets  # in code points of the text
    end: Offsets
    anchor: Rows  # the row of the anchor

    def __len__(self) -> int:
        """The number of matches."""
        return len(self.start)

    def take(self, places: npt.NDArray[np.integer] | npt.NDArray[np.bool]) -> "Matches":
        """Some of the matches."""
        return Matches(self.text[places], self.start[places], self.end[places], self.anchor[places])

    def global_spans(self) -> tuple[Offsets, Offsets]:
        """Starts and ends that ascend over all texts: no text has 2**32 code points."""
        return (self.text << 32) + self.start, (self.text << 32) + self.end


class AnchorFinder:
    """Finds the anchors of a table. It holds an ICU iterator, so each thread needs its own finder."""

    def __init__(self, table: MatchTable, language: str) -> None:
        """Loads the rules for borders of a language, given by the code of a Wikipedia."""
        self.table = table
        self._borders = WordBorders(language)

    def find(self, texts: Sequence[str]) -> Matches:
        """All places of anchors in texts. The texts and their matches are in memory; the time is linear."""
        joined = "\n".join(texts)
        points = code_points_of(joined).copy()
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        firsts = np.cumsum(lengths + 1) - (lengths + 1)
        borders = [
            first + self._borders.find(text, points[first : first + len(text)])
            for first, text in zip(firsts.tolist(), texts, strict=True)
        ]
        points[firsts[1:] - 1] = _SEPARATOR
        found = [_NO_MATCHES, *_windows(self.table, points, np.concatenate([np.empty(0, np.int64), *borders]))]
        starts, ends, rows = map(np.concatenate, zip(*found, strict=True))
        same = self._same(joined, points, starts, ends, rows)
        starts, ends, rows = starts[same], ends[same], rows[same]
        text = np.searchsorted(firsts, starts, "right") - 1
        return Matches(text, starts - firsts[text], ends - firsts[text], rows)

    def _same(self, text: str, points: CodePoints, starts: Offsets, ends: Offsets, rows: Rows) -> npt.NDArray[np.bool]:
        """Whether the text of each match is the anchor, and not another text with the same hash."""
        widths = 1 + (points > 0x7F).astype(np.int64) + (points > 0x7FF) + (points > 0xFFFF)
        widths[points == _SEPARATOR] = 1
        places = np.append(0, np.cumsum(widths))
        utf8 = np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)
        return self.table.equal(rows, utf8, places[starts], places[ends])


def _windows(table: MatchTable, points: CodePoints, borders: Offsets) -> Iterator[tuple[Offsets, Offsets, Rows]]:
    """(starts, ends, rows) of the matches, for one piece of the text after the other; hash matches only."""
    first = 0
    while first < len(borders):
        begin = int(borders[first])
        following = int(np.searchsorted(borders, begin + MAX_POINTS - MAX_ANCHOR_POINTS))
        last = int(np.searchsorted(borders, begin + MAX_POINTS, "right"))
        window = borders[first:last]
        hashes = SpanHashes(points[begin : begin + MAX_POINTS], window - begin)
        starts, ends, rows = _matches(table, hashes, following - first, len(window) - 1)
        order = np.argsort(starts, kind="stable")  # runs of ascending starts, which the stable sort merges
        starts, ends, rows = window[starts[order]], window[ends[order]], rows[order]
        fits = ends - starts <= MAX_ANCHOR_POINTS  # whether longer ones are found depends on the window
        yield starts[fits], ends[fits], rows[fits]
        first = following


def _matches(table: MatchTable, hashes: SpanHashes, count: int, last: int) -> tuple[Offsets, Offsets, Rows]:
    """The matches that begin at one of the first `count` borders, as numbers of borders, shorter ones first."""
    starts = np.arange(min(count, last))
    found = [_NO_MATCHES]
    for length in range(1, MAX_SEGMENTS + 1):
        starts = starts[: np.searchsorted(starts, last - length, "right")]
        values = table.values_of(hashes.between(starts, starts + length))
        anchors = np.flatnonzero(values < 2 * NO_ROW)
        found.append((starts[anchors], starts[anchors] + length, values[anchors] >> np.uint32(1)))
        starts = starts[np.flatnonzero(values & np.uint32(1))]
        if not len(starts):
            break
    all_starts, all_ends, rows = map(np.concatenate, zip(*found, strict=True))
    return all_starts, all_ends, rows


def nested(matches: Matches) -> npt.NDArray[np.bool]:
    """Whether each match lies inside a longer match of the same text."""
    starts, ends = matches.global_spans()
    inside = np.zeros(len(starts), bool)
    inside[1:] = np.maximum.accumulate(ends)[:-1] >= ends[1:]  # a match that begins earlier
    inside[:-1] |= starts[1:] == starts[:-1]  # a longer match with the same start
    return inside


def longest(matches: Matches, accepted: npt.NDArray[np.bool]) -> Matches:
    """The accepted matches without overlaps: from left to right, always the longest match at the next start.

    Args:
        matches: the matches, as `AnchorFinder.find` returns them.
        accepted: whether each match may be chosen.
    """
    places = np.flatnonzero(accepted)
    starts, ends = matches.take(places).global_spans()
    last = np.append(starts[1:] != starts[:-1], True)[: len(starts)]  # the longest match of each start
    places, starts, ends = places[last], starts[last], ends[last]
    following = np.searchsorted(starts, ends).tolist()
    chosen, i = [], 0
    while i < len(following):
        chosen.append(i)
        i = following[i]
    return matches.take(places[np.array(chosen, np.int64)])
