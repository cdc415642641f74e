"""Closing gaps: what was around them goes, nothing else does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlukit.corpus.wikitext.gaps import close_gaps
from mlukit.corpus.wikitext.markers import GAP


@pytest.mark.parametrize(
    ("text", "closed"),
    [  # "_" is a gap
        ("foo (_) bar", "foo bar"),
        ("foo (_, _), bar", "foo, bar"),
        ("foo (_: _; _).", "foo."),
        ("foo (_, x) y", "foo (x) y"),
        ("foo (x, _) y", "foo (x) y"),
        ("foo (x; _, y) z", "foo (x; y) z"),
        ("foo ((_)) x", "foo x"),
        ('foo "_" and «_» x', "foo and x"),
        ("foo _, bar", "foo, bar"),
        ("foo, _, bar", "foo, bar"),
        ("foo, _.", "foo."),
        ("foo _. Bar", "foo. Bar"),
        ("_, foo", "foo"),
        ("_ – foo", "foo"),
        ("foo: _", "foo:"),
        ("foo _ : bar", "foo : bar"),
        ("foo - _ - bar", "foo - bar"),
        ("a _ _ b_c", "a b c"),
        ("は、_、と", "は、と"),
        ("日本（_、_）は", "日本は"),
        ("_", ""),
    ],
)
def test_what_is_left(text: str, closed: str) -> None:
    assert close_gaps(text.replace("_", GAP), "en") == closed


@given(st.text(alphabet='ab ,;:()"«».-–', max_size=40))
def test_text_without_a_gap_stays(text: str) -> None:
    assert close_gaps(text, "en") == text


@given(st.text(alphabet=f"ab,;:().- {GAP}", max_size=60))
def test_no_gap_stays_and_no_word_is_lost(text: str) -> None:
    closed = close_gaps(text, "en")
    assert GAP not in closed
    assert [c for c in closed if c.isalpha()] == [c for c in text if c.isalpha()]
