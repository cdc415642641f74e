"""Where wikitext has its links: literal cases, and hostile pages in bounded time."""

import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlukit.corpus.audit.written_links import PLACES, written_links
from mlukit.corpus.languages.load import load_language

CASES = Path(__file__).resolve().parents[2] / "cases" / "written_links.toml"
PIECES = ["[[", "]]", "{{", "}}", "{|", "|}", "\n", "<ref>", "</ref>", "<!--", "-->", "a", "|", "File:", "<nowiki>"]


def cases() -> list[Any]:
    groups = tomllib.loads(CASES.read_text(encoding="utf-8"))["group"]
    return [
        pytest.param(group["language"], case["text"], case["found"], id=f"{group['language']}-{case['text']!r}")
        for group in groups
        for case in group["cases"]
    ]


@pytest.mark.parametrize(("code", "text", "expected"), cases())
def test_case(code: str, text: str, expected: dict[str, str]) -> None:
    assert written_links(text, load_language(code)) == expected


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_any_markup_is_read(text: str) -> None:
    for title, place in written_links(text, load_language("en")).items():
        assert title
        assert place in PLACES


@pytest.mark.parametrize(
    "piece", ["{{", "[[", "]]", "<ref>", "<!--", "<nowiki>", "{|\n", "[[a|", "[[File:a|", "{{a}}", "<ref"]
)
def test_time_is_bounded(piece: str) -> None:
    start = time.process_time()
    written_links(piece * (200_000 // len(piece)), load_language("en"))
    assert time.process_time() - start < 2
