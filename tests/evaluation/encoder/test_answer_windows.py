"""Windows of a context: every answer is in one of them, and the best span is cut from the text as it stands."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.evaluation.encoder.answer_windows import (
    MOST_PIECES,
    Entity,
    LinkedText,
    Window,
    answer_windows,
    best_answer,
)
from mlukit.evaluation.encoder.inputs import IGNORED, Input
from mlukit.evaluation.encoder.text_encoder import PlacedPieces, TextEncoder
from mlukit.evaluation.errors import ExampleError
from tests.small_dumps import sentencepiece_model

LETTERS = "abcd"
TOKENIZER = Tokenizer.load(sentencepiece_model(["▁", "ab", "▁ab", "▁c", ".", *LETTERS]))
TEXTS = st.text(st.sampled_from("aabbcd .  \u00a0\u200b"), min_size=1, max_size=60)


def encoder(most_tokens: int) -> TextEncoder:
    return TextEncoder(TOKENIZER, None, most_tokens, 0, 2, TOKENIZER.mask_id, 0, 0, 2, 3, 1)


def linked(text: str, *entities: Entity) -> LinkedText:
    return LinkedText(encoder(64).encode_placed(text), entities)


def logits_of(one: Input, start: int, end: int) -> np.ndarray:
    """Scores that say where the answer is."""
    found = np.zeros((len(one.rows), 2))
    found[start, 0], found[end, 1] = 5, 5
    return found


@given(TEXTS, st.data(), st.integers(12, 40))
def test_the_right_answer_is_cut_from_the_text(context: str, data: st.DataObject, most_tokens: int) -> None:
    start = data.draw(st.integers(0, len(context) - 1))
    end = data.draw(st.integers(start + 1, len(context)))
    texts = linked(context).pieces
    first, after = texts.overlapping(start, end)
    inputs = answer_windows(linked("ab d"), linked(context), (start, end), encoder(most_tokens))
    assert all(len(one.token_ids) <= most_tokens for one in inputs)
    seen = sorted({piece for one in inputs for piece in one.details.starts.tolist()})
    assert seen == sorted(set(texts.starts.tolist()))  # no piece of the context is lost
    whole = [one for one in inputs if one.targets[0] > 0]
    for one in whole:
        logits = [logits_of(other, *(other.targets if other is one else (0, 0))) for other in inputs]
        if after - first <= MOST_PIECES:
            best = best_answer([other.details for other in inputs], logits)
            assert best is not None and best.score == 10
            assert (best.start, best.end) == (texts.starts[first], texts.ends[after - 1])
            inside = context[start:end].strip(" \u00a0\u200b")
            assert inside in context[best.start : best.end]
    assert whole or after == first or after - first > 4 or most_tokens < 20


def test_a_window_is_question_and_context() -> None:
    pieces = TOKENIZER.pieces
    (one,) = answer_windows(
        linked("ab d", Entity(9, 0, 1)), linked("c ab.", Entity(8, 1, 2), Entity(7, 0, 3)), (2, 4), encoder(64)
    )
    assert pieces(one.token_ids) == ["<s>", "▁ab", "▁", "d", "</s>", "</s>", "▁c", "▁ab", ".", "</s>"]
    assert (one.entity_ids, one.spans) == ([9, 8, 7], [(1, 2), (7, 8), (6, 9)])
    assert (one.rows.tolist(), one.targets.tolist()) == ([[number] for number in range(10)], [7, 7])
    assert (one.details.of_question, one.details.first, one.details.is_cut) == (1, 6, False)


def test_windows_overlap_and_only_those_with_the_whole_answer_have_its_target() -> None:
    context = "a" * 12  # the pieces are ▁ and a
    inputs = answer_windows(linked("d"), linked(context, Entity(5, 1, 2), Entity(6, 7, 9)), (6, 8), encoder(14))
    assert [one.details.starts.tolist() for one in inputs] == [
        [0, 0, 1, 2, 3, 4, 5, 6],
        list(range(3, 11)),
        list(range(7, 12)),
    ]
    assert [one.targets.tolist() for one in inputs] == [[0, 0], [8, 9], [0, 0]]
    assert [(one.entity_ids, one.spans) for one in inputs] == [([5], [(6, 7)]), ([6], [(8, 10)]), ([], [])]
    without = answer_windows(linked("d"), linked(context), None, encoder(14))
    assert [one.targets.tolist() for one in without] == [[IGNORED, IGNORED]] * 3


def test_a_long_question_is_cut_and_more_than_128_entities_are() -> None:
    question = linked("a" * 70, Entity(1, 1, 2), Entity(2, 63, 65))
    context = linked("a" * 200, *(Entity(3, place, place + 1) for place in range(200)))
    first, *_ = answer_windows(question, context, None, encoder(512))
    assert len(first.token_ids) == 64 + 201 + 4
    assert (len(first.entity_ids), first.details.of_question, first.details.is_cut) == (128, 1, True)
    with pytest.raises(ExampleError, match="with a question that fills the 68 tokens that the model takes"):
        answer_windows(question, context, None, encoder(68))


@pytest.mark.parametrize("size", [383, 384, 385, 500, 640])
def test_384_tokens_that_overlap_by_128(size: int) -> None:
    context = "a" * (size - 1)  # and ▁
    inputs = answer_windows(linked("d"), linked(context), None, encoder(512))
    places = [
        range(number, number + len(one.details.starts))
        for number, one in zip(range(0, 9999, 250), inputs, strict=False)
    ]
    room = 384 - 4 - 2
    assert all(len(place) == room for place in places[:-1]) and places[-1].stop == size
    assert len(inputs) == 1 + max(0, -(-(size - room) // 250))


def test_the_best_answer_over_windows() -> None:
    def window(start: int) -> Window:
        places = np.arange(start, start + 4)
        return Window(2, places, places + 1, 0, is_cut=False)

    def scores(starts: list[float], ends: list[float]) -> np.ndarray:
        return np.array([starts, ends]).T

    windows = [window(0), window(10)]
    low = scores([0, 9, 1, 2, 0, 0, 9], [0, 9, 0, 1, 2, 0, 9])  # outside the context, numbers are higher
    high = scores([-4, 9, 0, 0, 0, 2, 9], [-4, 9, 0, 3, 0, 0, 9])
    assert best_answer(windows, [low, high]) == (
        10,
        12,
        11.0,
    )  # 0 + 3 - (-8); the start with 2 is behind the end with 3
    assert best_answer(windows[:1], [low]) == (1, 3, 4.0)
    long = Window(1, np.arange(40), np.arange(40) + 1, 0, is_cut=False)
    far = np.zeros((42, 2))
    far[1:6, 0] = far[36:41, 1] = 5  # spans of more than 30 pieces are no answers
    far[1:40, 0] += np.linspace(0, 0.1, 39)
    best = best_answer([long], [far])
    assert best is not None and best.end - best.start <= MOST_PIECES
    assert best_answer([Window(1, np.arange(0), np.arange(0), 0, is_cut=False)], [np.zeros((2, 2))]) is None


def test_pieces_that_overlap_a_span() -> None:
    pieces = PlacedPieces([1, 2, 3], np.array([0, 3, 5]), np.array([3, 5, 6]))
    assert [pieces.overlapping(*span) for span in ((0, 3), (1, 4), (3, 5), (5, 6), (2, 6))] == [
        *((0, 1), (0, 2), (1, 2), (2, 3), (0, 3))
    ]
