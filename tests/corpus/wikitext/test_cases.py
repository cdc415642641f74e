"""The data-file cases in tests/cases/wikitext: wikitext, and what a reader sees of it."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from mlukit.corpus.languages.load import any_language
from mlukit.corpus.wikitext import parse_wikitext

CASES = Path(__file__).parents[2] / "cases" / "wikitext"


def cases() -> list[Any]:
    """Every case of every file, named after both."""
    return [
        pytest.param(case, id=f"{path.stem}: {case['name']}")
        for path in sorted(CASES.glob("*.toml"))
        for case in tomllib.loads(path.read_text(encoding="utf-8"))["case"]
    ]


@pytest.mark.parametrize("case", cases())
def test_case(case: dict[str, Any]) -> None:
    language = case["language"]
    parsed = parse_wikitext(case["wikitext"], case.get("title", "T"), any_language(language))
    assert parsed.text == case["text"]
    links = [
        [parsed.text[link.start : link.end], link.target, *([link.language] if link.language != language else [])]
        for link in parsed.links
    ]
    assert links == case.get("links", [])
    sections = [[s.level, s.heading, parsed.text[s.start : s.end]] for s in parsed.sections]
    assert sections == case.get("sections", [])
    assert list(parsed.categories) == case.get("categories", [])
    assert [list(pair) for pair in parsed.interlanguage] == case.get("interlanguage", [])
    assert dict(parsed.left_out) == case.get("left_out", {})
    assert len(parsed.unclosed_tables) == case.get("unclosed_tables", 0)
    if "templates" in case:
        assert list(parsed.templates) == case["templates"]


def test_every_case_has_a_source_and_a_name_of_its_own() -> None:
    names = [parameters.id for parameters in cases()]
    assert len(names) == len(set(names)) >= 250
    assert all(parameters.values[0]["source"] for parameters in cases())
