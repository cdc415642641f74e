"""A sentence in its context, and the spans of its words."""

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from mlukit.evaluation.encoder.word_spans import Window, candidate_spans, window

LENGTHS = st.lists(st.integers(0, 5), min_size=1, max_size=30)


def borders_of(lengths: list[int], start: int = 0) -> list[int]:
    return list(accumulate(lengths, initial=start))


def test_half_of_the_room_on_each_side() -> None:
    pieces = list(range(20))
    assert window(pieces, [8, 10, 12], 10) == Window(list(range(5, 15)), [3, 5, 7], 0)


def test_what_one_side_cannot_use_the_other_side_gets() -> None:
    pieces = list(range(20))
    assert window(pieces, [1, 3], 10) == Window(list(range(10)), [1, 3], 0)
    assert window(pieces, [17, 19], 10) == Window(list(range(10, 20)), [7, 9], 0)
    assert window(pieces, [8, 10], 100) == Window(pieces, [8, 10], 0)


def test_a_longer_sentence_loses_whole_words() -> None:
    assert window(list(range(9)), [0, 3, 6, 9], 7) == Window(list(range(7)), [0, 3, 6], 1)
    assert window(list(range(9)), [0, 9], 7) == Window(list(range(7)), [0], 1)


@given(st.lists(LENGTHS, min_size=1, max_size=5), st.integers(1, 60))
def test_a_window_is_a_part_of_the_document(sentences: list[list[int]], room: int) -> None:
    borders = borders_of([length for lengths in sentences for length in lengths])
    pieces = list(range(borders[-1]))
    first = 0
    for lengths in sentences:
        own = borders[first : first + len(lengths) + 1]
        found = window(pieces, own, room)
        assert len(found.pieces) == min(room, len(pieces))
        assert found.pieces == list(range(found.pieces[0], found.pieces[-1] + 1)) if found.pieces else True
        shift = own[0] - found.borders[0]
        assert [border + shift for border in found.borders] == own[: len(own) - found.clipped]
        assert found.clipped == sum(border > own[0] + room for border in own)
        first += len(lengths)


@given(LENGTHS, st.integers(1, 16))
def test_candidates_are_all_spans_that_begin_and_end_with_a_piece(lengths: list[int], most: int) -> None:
    borders = borders_of(lengths, start=3)
    expected = [
        [start, end]
        for start in range(len(lengths))
        for end in range(start + 1, len(lengths) + 1)
        if lengths[start] and lengths[end - 1] and borders[end] - borders[start] <= most
    ]
    assert candidate_spans(borders, most).tolist() == expected


def test_candidates_take_linear_time() -> None:
    assert len(candidate_spans(borders_of([1] * 100_000), 16)) == 100_000 * 16 - sum(range(16))
    assert len(candidate_spans(borders_of([1, *[0] * 100_000, 1]), 16)) == 3
