"""Anchors in texts: all places, places inside longer places, and the longest places."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlukit.corpus.detection import find_anchors, span_hashes
from mlukit.corpus.detection.find_anchors import MAX_SEGMENTS, AnchorFinder, Matches, longest, nested
from mlukit.corpus.detection.match_table import MatchTable
from mlukit.corpus.detection.word_borders import WordBorders, code_points_of
from tests.written_mention_table import write_match_table

Found = list[tuple[int, int, int, str]]  # (text, start, end, anchor)


def finder(folder: Path, language: str, anchors: list[str]) -> AnchorFinder:
    write_match_table(folder / "table", language, anchors)
    return AnchorFinder(MatchTable.open(folder / "table"), language)


def rows(finder: AnchorFinder, found: Matches) -> Found:
    columns = (values.tolist() for values in (found.text, found.start, found.end, found.anchor))
    return [(text, start, end, finder.table.anchor(row)) for text, start, end, row in zip(*columns, strict=True)]


def naive(language: str, anchors: list[str], texts: list[str]) -> Found:
    """All spans between two borders that are anchors, if every beginning of the span is the beginning of an anchor."""
    borders = WordBorders(language)

    def of(text: str) -> list[int]:
        return [int(place) for place in borders.find(text, code_points_of(text))]

    begins = {anchor[:place] for anchor in anchors for place in of(anchor)[1:-1]}
    found = []
    for number, text in enumerate(texts):
        places = of(text)
        for i, start in enumerate(places):
            for end in places[i + 1 : i + 1 + MAX_SEGMENTS]:
                if text[start:end] in anchors:
                    found.append((number, start, end, text[start:end]))
                if text[start:end] not in begins:
                    break
    return found


def test_all_places(tmp_path: Path) -> None:
    find = finder(tmp_path, "en", ["York", "New York", "New York City", "City Hall", "the"])
    texts = ["The New York City Hall", "", "Newer York, the York", "new york"]
    found = find.find(texts)
    assert rows(find, found) == [
        (0, 4, 12, "New York"),
        (0, 4, 17, "New York City"),
        (0, 8, 12, "York"),
        (0, 13, 22, "City Hall"),
        (2, 6, 10, "York"),
        (2, 12, 15, "the"),
        (2, 16, 20, "York"),
    ]
    assert nested(found).tolist() == [True, False, True, False, False, False, False]
    assert rows(find, longest(found, np.ones(len(found), bool))) == [
        (0, 4, 17, "New York City"),
        (2, 6, 10, "York"),
        (2, 12, 15, "the"),
        (2, 16, 20, "York"),
    ]
    without = found.anchor != 2
    assert rows(find, longest(found, without))[:2] == [(0, 4, 12, "New York"), (0, 13, 22, "City Hall")]
    assert rows(find, find.find([])) == rows(find, find.find([""])) == []
    assert len(longest(find.find([]), np.empty(0, bool))) == 0


def test_languages_without_blanks(tmp_path: Path) -> None:
    find = finder(tmp_path, "ja", ["東京", "京都", "東京都", "BM", "IBM"])
    assert rows(find, find.find(["東京都IBM"])) == [
        (0, 0, 2, "東京"),
        (0, 0, 3, "東京都"),
        (0, 1, 3, "京都"),
        (0, 3, 6, "IBM"),
    ]


WORDS = st.lists(st.sampled_from(["a", "b", " ", "-", "ä", "😀", "東", "京", "e\u0301"]), min_size=1, max_size=8).map(
    "".join
)


@given(
    language=st.sampled_from(["en", "ja"]),
    anchors=st.lists(WORDS, unique=True, min_size=1, max_size=12),
    texts=st.lists(st.text(max_size=8) | WORDS | st.lists(WORDS, max_size=5).map(" ".join), max_size=4),
    window=st.sampled_from([17, 24, 1 << 18]),
)
def test_find_equals_a_naive_search(
    tmp_path_factory: pytest.TempPathFactory, language: str, anchors: list[str], texts: list[str], window: int
) -> None:
    find = finder(tmp_path_factory.mktemp("tables"), language, anchors)
    with SmallWindows(window):
        found = find.find(texts)
    assert rows(find, found) == naive(language, anchors, texts)
    spans = [(number, start, end) for number, start, end, _ in rows(find, found)]
    assert nested(found).tolist() == [
        any(other[0] == one[0] and other[1] <= one[1] and one[2] <= other[2] and other != one for other in spans)
        for one in spans
    ]
    chosen = rows(find, longest(found, np.ones(len(found), bool)))
    assert [one[:3] for one in chosen] == list(leftmost_longest(spans))


def leftmost_longest(spans: list[tuple[int, int, int]]) -> Iterator[tuple[int, int, int]]:
    text, free = -1, 0
    for number, start, end in sorted(spans, key=lambda span: (span[0], span[1], -span[2])):
        if number > text or start >= free:
            text, free = number, end
            yield number, start, end


class SmallWindows:
    """Searches texts in small pieces."""

    def __init__(self, points: int) -> None:
        self._patch = pytest.MonkeyPatch()
        self._points = points

    def __enter__(self) -> None:
        for module in (find_anchors, span_hashes):
            self._patch.setattr(module, "MAX_POINTS", self._points)
        if self._points < 1 << 18:
            self._patch.setattr(find_anchors, "MAX_ANCHOR_POINTS", 16)
        span_hashes._powers.cache_clear()

    def __exit__(self, *_: object) -> None:
        self._patch.undo()
        span_hashes._powers.cache_clear()


def test_the_longest_anchors(tmp_path: Path) -> None:
    fits, too_long = " ".join("a" * 64), " ".join("b" * 65)  # 127 and 129 segments
    huge = "c" * 4097
    find = finder(tmp_path, "en", [fits, too_long, huge])
    assert rows(find, find.find([fits, too_long, huge])) == [(0, 0, 127, fits)]
    assert find.table.rows_of([too_long, huge]).tolist() == [1, 2]


@pytest.mark.parametrize(
    "text", ["a " * 500_000, "a" * 1_000_000, "b a " * 250_000, "\ud800" * 100_000, "\n" * 500_000]
)
def test_hostile_texts_take_linear_time(tmp_path: Path, text: str) -> None:
    find = finder(tmp_path, "en", [" ".join("a" * 64), "a", "b"])
    began = time.process_time()
    find.find([text])
    assert time.process_time() - began < 30  # two or three seconds


def test_another_text_with_the_hash_of_an_anchor_is_no_match(tmp_path: Path) -> None:
    find = finder(tmp_path, "en", ["York"])
    heap = find.table.heap.copy()
    heap[:] = list(b"Bork")
    other = MatchTable(
        find.table.facts, find.table.capacity, find.table.keys, find.table.values, find.table.offsets, heap
    )
    assert rows(find, AnchorFinder(other, "en").find(["York Bork"])) == []
