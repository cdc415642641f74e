"""The quotation marks of languages: CLDR's, and those of print."""

import pytest

from mlukit.corpus.languages.load import wikipedia_codes
from mlukit.corpus.languages.quotation_marks import quotation_marks


@pytest.mark.parametrize(
    ("code", "opens", "closes"),
    [
        ("en", "“‘\"'", "”’\"'"),
        ("de", "„‚»›", "“‘«‹"),
        ("cs", "„‚»", "“‘«"),
        ("bg", "„", "“"),
        ("ru", "«„", "»“"),
        ("sv", "”’»", "”’»"),
        ("fi", "”’»", "”’»"),
        ("da", "»›“", "«‹”"),
        ("fr", "«", "»"),
        ("pl", "„«»", "”»"),
        ("ja", "“", "”"),
    ],
)
def test_of_a_language(code: str, opens: str, closes: str) -> None:
    marks = quotation_marks(code)
    assert set(opens) <= marks.opening
    assert set(closes) <= marks.closing


@pytest.mark.parametrize(("code", "mark"), [("en", "“"), ("fr", "«"), ("zh", "“"), ("ru", "«")])
def test_what_only_opens(code: str, mark: str) -> None:
    assert mark in quotation_marks(code).opening - quotation_marks(code).closing


def test_every_wikipedia_has_some() -> None:
    assert all({"“", '"'} <= quotation_marks(code).opening for code in wikipedia_codes())
