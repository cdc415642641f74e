"""Kinds of pages: literal cases in all languages."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from mlukit.corpus.languages.load import load_language
from mlukit.corpus.titles.page_kind import classify
from mlukit.schemas.records import Kind

CASES = Path(__file__).resolve().parents[2] / "cases" / "kinds.toml"


def cases() -> list[Any]:
    groups = tomllib.loads(CASES.read_text(encoding="utf-8"))["group"]
    return [
        pytest.param(group["kind"], case, id=f"{case['language']}-{case['title']}")
        for group in groups
        for case in group["cases"]
    ]


@pytest.mark.parametrize(("kind", "case"), cases())
def test_case(kind: Kind, case: dict[str, Any]) -> None:
    templates, categories = case.get("templates", []), case.get("categories", [])
    language = load_language(case["language"])
    assert classify(case["title"], case.get("namespace", 0), templates, categories, language) == kind


def test_a_disambiguation_page_is_one_whatever_its_title() -> None:
    assert classify("List of lists", 0, ["disambig"], [], load_language("en")) == "disambiguation"


def test_a_date_is_one_though_it_is_in_a_category_of_lists() -> None:
    assert classify("1987", 0, [], ["Lists of years"], load_language("en")) == "date"
