"""Redirects: literal cases in all languages, and the dumps, which say what each redirect leads to."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from mlukit.corpus.languages.load import load_language
from mlukit.corpus.titles.normalise import Title
from mlukit.corpus.titles.redirect_target import redirect_target

CASES = Path(__file__).resolve().parents[2] / "cases" / "redirects.toml"


def cases() -> list[Any]:
    groups = tomllib.loads(CASES.read_text(encoding="utf-8"))["group"]
    return [
        pytest.param(
            code := case.get("code", group.get("language", case.get("language"))), case, id=f"{code}-{case['text']!r}"
        )
        for group in groups
        for case in group["cases"]
    ]


@pytest.mark.parametrize(("code", "case"), cases())
def test_case(code: str, case: dict[str, Any]) -> None:
    target = redirect_target(case["text"], load_language(code))
    if "title" not in case:
        assert target is None
    else:
        assert target is not None
        assert (target.title, target.fragment) == (case["title"], case.get("fragment"))
        assert target.language == case.get("language", code)


def test_a_redirect_to_another_wiki_says_which() -> None:
    assert redirect_target("#REDIRECT [[wikt:foo]]", load_language("en")) == Title(None, 0, "foo")


@pytest.mark.parametrize(
    "text", ["#REDIRECT [[" + "|" * 1_000_000, "#REDIRECT [[" * 100_000, "#REDIRECT" + " " * 1_000_000]
)
@pytest.mark.timeout(5)
def test_hostile_text_takes_no_time(text: str) -> None:
    assert redirect_target(text, load_language("en")) is None
