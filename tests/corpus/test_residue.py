"""Remains of markup: literal cases, and tallies that add up in any order."""

import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.residue import WORST_PAGES, ResidueTally, find_residue, residue_classes

CASES = Path(__file__).resolve().parents[1] / "cases" / "residue.toml"


def cases() -> list[Any]:
    groups = tomllib.loads(CASES.read_text(encoding="utf-8"))["group"]
    return [
        pytest.param(group["language"], case["text"], case["found"], id=f"{group['language']}-{case['text']!r}")
        for group in groups
        for case in group["cases"]
    ]


@pytest.mark.parametrize(("code", "text", "expected"), cases())
def test_case(code: str, text: str, expected: list[list[str]]) -> None:
    found = [[name, text[start:end]] for name, start, end in find_residue(text, residue_classes(code))]
    assert found == expected


def test_an_unknown_language_is_an_error() -> None:
    with pytest.raises(ValueError, match="xx"):
        residue_classes("xx")


def test_places_are_those_of_the_whole_text() -> None:
    (found,) = find_residue("one\ntwo [[\nthree", residue_classes("en"))
    assert found == ("[[ ]]", 8, 10)


def tally_of(*pages: tuple[int, str]) -> ResidueTally:
    tally = ResidueTally()
    for page_id, text in pages:
        starts = [0, *(i + 1 for i, character in enumerate(text) if character == "\n")]
        tally.add_page(page_id, f"Page {page_id}", text, starts, residue_classes("en"))
    return tally


def test_tally() -> None:
    tally = tally_of((1, "{{a}}\nclean\nb ,\n{{ , ."), (2, "nothing"))
    assert (tally.pages, tally.paragraphs, tally.marked_paragraphs) == (2, 5, 3)
    assert tally.places == {"{{ }}": 3, "space before punctuation": 2}
    assert tally.paragraphs_of == {"{{ }}": 2, "space before punctuation": 2}
    assert tally.per_thousand() == 600
    assert tally.per_thousand("{{ }}") == 400
    assert tally.worst == [(5, -1, "Page 1", "{{ }} 3, space before punctuation 2")]
    assert {"page_id": 1, "title": "Page 1", "start": 3, "text": "{{a⟦}}⟧⏎clean⏎b ,⏎{{ , ."} in (
        tally.examples["{{ }}"].items()
    )


def test_an_empty_tally_has_rates() -> None:
    assert ResidueTally().per_thousand() == 0


def test_tallies_of_shards_add_up_in_any_order() -> None:
    pages = [(number, "x [[" * (number % 7) + "\ny ,") for number in range(60)]
    whole = tally_of(*pages)
    for first in (range(0, 60, 2), range(40)):
        inside = [pages[i] for i in first]
        outside = [page for page in pages if page not in inside]
        for one, two in ((inside, outside), (outside, inside)):
            added = ResidueTally.from_json(tally_of(*one).to_json())
            added.add(tally_of(*two))
            assert added.to_json() == whole.to_json()
    assert len(whole.worst) == WORST_PAGES
    assert whole.worst[0][:2] == (7, -6)


@given(st.text(st.sampled_from(list("{}[]|<>'=&;:,.() \nab\u00a0、，#*_!-/")), max_size=80))
def test_places_are_within_the_text(text: str) -> None:
    for name, start, end in find_residue(text, residue_classes("en")):
        assert 0 <= start < end <= len(text), name


@pytest.mark.parametrize("piece", ["{{", "[[", "<", "<a ", "( ", "  ", " ,", "&a", "__A", "''", "(, ", "a ."])
def test_time_is_bounded(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    start = time.perf_counter()
    for _ in find_residue(text, residue_classes("en")):
        pass
    assert time.perf_counter() - start < 2
