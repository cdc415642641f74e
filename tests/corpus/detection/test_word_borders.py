"""Borders of words: where an anchor may begin or end."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlukit.corpus.detection.word_borders import WordBorders, code_points_of


def segments(language: str, text: str) -> list[str]:
    borders = WordBorders(language).find(text, code_points_of(text)).tolist()
    assert (borders[0], borders[-1]) == (0, len(text))
    return [text[start:end] for start, end in pairwise(borders)]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "New York's 3.5 km", ["New", " ", "York's", " ", "3.5", " ", "km"]),
        ("de", "Spree-Athen", ["Spree", "-", "Athen"]),
        ("fi", "EU:n jäsen", ["EU:n", " ", "jäsen"]),  # ICU's rules for Finnish
        ("ko", "베를린은 수도", ["베를린은", " ", "수도"]),
        ("en", "😀 a𝔘b", ["😀", " ", "a𝔘b"]),  # characters of two UTF-16 units
        ("ja", "東京のIBM社", ["東", "京", "の", "IBM", "社"]),
        ("ja", "プリン 2001年", ["プ", "リ", "ン", " ", "2001", "年"]),
        ("zh", "café（A1）", ["café", "（", "A1", "）"]),
        ("ja", "か\u3099e\u0301a", ["か\u3099", "e\u0301a"]),  # marks stay with their letters
        ("th", "ที่นี่", ["ที่", "นี่"]),
        ("simple", "a b", ["a", " ", "b"]),  # ICU does not know the code
        ("en", "", []),
        ("ja", "", []),
    ],
)
def test_segments(language: str, text: str, expected: list[str]) -> None:
    assert segments(language, text) == expected


@given(st.sampled_from(["en", "ja", "th", "ko"]), st.text(st.characters(), max_size=30))
def test_borders_ascend_in_any_text(language: str, text: str) -> None:
    borders = WordBorders(language).find(text, code_points_of(text)).tolist()
    assert borders == sorted(set(borders))
    assert (borders[0], borders[-1]) == (0, len(text))


def test_lone_surrogates_are_texts() -> None:
    assert segments("en", "a\ud800 b") == ["a", "\ud800", " ", "b"]
    assert segments("ja", "東\udfff") == ["東", "\udfff"]
