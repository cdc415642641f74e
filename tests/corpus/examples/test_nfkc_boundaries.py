import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlukit.corpus.examples.nfkc_boundaries import is_safe_boundary
from mlukit.corpus.examples.tokenizer import Tokenizer

HARD = st.sampled_from(
    "aeo E.(▁�\t\u00a0\u3000\u200b\u200d\u0301\u0307\u3099\u064b\u0653اﬁ㍿´がハﾞ한ᄒ\u1161😀𠮷東กำ\u0e31"
)
TEXTS = st.text(HARD | st.characters(codec="utf-8"), min_size=2, max_size=12)


def is_safe(text: str, place: int) -> bool:
    data = np.frombuffer(text.encode(), np.uint8)
    return bool(is_safe_boundary(data, np.array([len(text[:place].encode())]))[0])


@given(TEXTS, st.data())
@settings(max_examples=1000, deadline=None)
def test_the_two_sides_are_normalised_as_the_whole(xlmr: Tokenizer, text: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(1, len(text) - 1))
    if not is_safe(text, place):
        return
    before, after = xlmr.normalize(text[:place]), xlmr.normalize(text[place:])
    spaced = " " in (text[place - 1], text[place])
    assert xlmr.normalize(text) == before + (after if spaced else after.removeprefix("▁"))


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        ("a b", 1, True),
        ("a b", 2, True),
        ("(x", 1, True),
        ("東京", 1, True),
        ("Киев", 2, True),
        ("กา", 1, True),
        ("กัน", 2, True),  # after a mark
        ("กัน", 1, False),  # before one
        ("e\u0301", 1, False),
        ("\u1100\u1161", 1, False),
        ("a\u00a0b", 2, False),
        ("a\tb", 2, False),
        ("😀a", 1, False),
        ("a\u0300 b", 2, True),
    ],
)
def test_cuts(text: str, place: int, expected: bool) -> None:
    assert is_safe(text, place) == expected
