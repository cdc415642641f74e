"""Text from anyone: what is normalised, and the offsets of the given text."""

import re
import time
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlukit.linker.normalise_text import normalise_text


@pytest.mark.parametrize(
    ("given_text", "normalised"),
    [
        ("Die Spree", "Die Spree"),
        ("Die_Spree\xa0fließt", "Die Spree fließt"),
        ("Bo\u0308ll", "Böll"),
        ("\u212bngström", "Ångström"),
        ("\u1112\u1161\u11ab", "한"),
        ("Ber\u00adlin\u200b", "Berlin"),
        ("\u202bبرلين\u202c", "برلين"),
        ("نمی\u200cخواهم", "نمی\u200cخواهم"),  # a zero-width non-joiner is a letter of Persian
        ("क\u0958", "क\u0915\u093c"),
        ("a\ud800b", "a\ufffdb"),
        ("two  spaces\tand a tab\nand a line", "two  spaces\tand a tab\nand a line"),
        ("", ""),
    ],
)
def test_what_is_normalised(given_text: str, normalised: str) -> None:
    assert normalise_text(given_text).text == normalised


def test_spans_of_the_given_text() -> None:
    text = "x Bo\u0308ll\u00ads e\u0301"
    found = normalise_text(text)
    assert found.text == "x Bölls é"
    starts, ends = found.given_spans(np.array([2, 2, 8]), np.array([6, 7, 9]))
    assert [text[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True)] == [
        "Bo\u0308ll",
        "Bo\u0308ll\u00ads",
        "e\u0301",
    ]


ODD = st.text(
    st.sampled_from("ab _\u0301\u0323\u0308e\u00ad\u200fÅ\u212b각\u1100\u1161\u11a8\u0958\u093c\ud800\U0001f600")
)


@given(ODD | st.text())
def test_each_span_covers_what_it_was_made_of(text: str) -> None:
    found = normalise_text(text)
    size = len(found.text)
    if not size:
        return
    starts, ends = found.given_spans(np.arange(size), np.arange(1, size + 1))
    assert len(starts) == len(ends) == size
    assert (starts < ends).all() and (np.diff(starts) >= 0).all() and starts[0] >= 0 and ends[-1] <= len(text)
    for start, end in set(zip(starts.tolist(), ends.tolist(), strict=True)):
        made = "".join(char for char, one in zip(found.text, starts.tolist(), strict=True) if one == start)
        assert normalise_text(text[start:end]).text in (made, made.strip("\ufffd"))


@given(st.text())
def test_the_text_is_composed(text: str) -> None:
    plain = re.sub("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]", "", text)
    if plain == text:
        spaced = re.sub("[_\xa0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000]", " ", text)
        assert normalise_text(text).text == unicodedata.normalize("NFC", spaced)


@pytest.mark.parametrize("unit", ["\u0301\u0323", "a\u0301_", "\u00ad", "각\u1100\u1161"])
def test_hostile_texts_take_linear_time(unit: str) -> None:
    began = time.process_time()
    normalise_text(unit * 100_000)
    assert time.process_time() - began < 20
