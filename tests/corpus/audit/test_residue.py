"""Remains of markup: literal cases."""

import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlukit.corpus.audit.residue import find_residue, residue_classes

CASES = Path(__file__).resolve().parents[2] / "cases" / "residue.toml"


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


@given(st.text(st.sampled_from(list("{}[]|<>'=&;:,.() \nab\u00a0、，#*_!-/")), max_size=80))
def test_places_are_within_the_text(text: str) -> None:
    for name, start, end in find_residue(text, residue_classes("en")):
        assert 0 <= start < end <= len(text), name


@pytest.mark.parametrize("piece", ["{{", "[[", "<", "<a ", "( ", "  ", " ,", "&a", "__A", "''", "(, ", "a ."])
def test_time_is_bounded(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    start = time.process_time()
    for _ in find_residue(text, residue_classes("en")):
        pass
    assert time.process_time() - start < 2
