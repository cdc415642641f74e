"""Names of a dictionary in texts."""

import pytest

from mlukit.evaluation.linking.found_names import FoundName, NameDictionary

NAMES = {
    "New York": "Q60",
    "New York Times": "Q9684",
    "Times Square": "Q11259",
    "York": "Q42462",
    "ab": "Q1",
    "京都": "Q34600",
}
LONG = "a b c d e f g h i j"


@pytest.mark.parametrize(
    ("language", "text", "found"),
    [
        ("en", "The New York Times Square", ["New York Times"]),  # the longest name first, then behind it
        ("en", "New York, Yorkshire, York.", ["New York", "York"]),  # whole words
        ("en", "new york NEW YORK", []),  # exactly as written
        ("en", "in\u00a0New\u00a0York", ["New\u00a0York"]),  # as `mlukit annotate` reads texts
        ("en", "cab ab abc", ["ab"]),
        ("zh", "在京都府abc ab", ["京都", "ab"]),  # between any characters, except inside words of other scripts
        ("en", "", []),
    ],
)
def test_names(language: str, text: str, found: list[str]) -> None:
    names = NameDictionary.make(language, NAMES).find(text)
    assert [text[one.start : one.end] for one in names] == found
    assert [one.entity for one in names] == [NAMES[name.replace("\u00a0", " ")] for name in found]


def test_offsets_are_those_of_the_given_text() -> None:
    (found,) = NameDictionary.make("fr", {"Orléans": "Q6548"}).find("la\u200b ville Orle\u0301ans")
    assert found == FoundName(10, 18, "Q6548")


def test_names_of_more_than_ten_words_are_left_out() -> None:
    names = NameDictionary.make("en", {LONG: "Q1", f"{LONG} k": "Q2", "": "Q3"})
    assert names.entities == {LONG: "Q1"}
    assert names.longest == len(LONG)
