"""Hashes of spans."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mlukit.corpus.detection.span_hashes import MAX_POINTS, SpanHashes, hash_texts
from mlukit.corpus.detection.word_borders import code_points_of


@given(st.text(max_size=40), st.data())
def test_a_span_has_the_hash_of_its_text(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    hashes = SpanHashes(code_points_of(text), np.arange(len(text) + 1))
    found = hashes.between(np.array([start]), np.array([end]))
    assert found.tolist() == hash_texts([text[start:end]]).tolist()


def test_texts_have_their_own_hashes() -> None:
    texts = ["", "a", "b", "ab", "ba", "aa", "a\0", "\0", "\0\0", "東京", "京東"]
    assert len(set(hash_texts(texts).tolist())) == len(texts)
    assert hash_texts([]).tolist() == []


def test_long_texts_are_hashed_from_their_start() -> None:
    text = "abc" * MAX_POINTS
    assert hash_texts([text, "abc", text])[[0, 2]].tolist() == [hash_texts([text])[0]] * 2
    assert hash_texts(["x" * (MAX_POINTS - 1), "abc"])[1] == hash_texts(["abc"])[0]
