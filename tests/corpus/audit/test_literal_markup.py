"""What of a text's oddities the author wrote: literal cases, and time."""

import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from mlukit.corpus.audit.literal_markup import LiteralMarkup
from mlukit.corpus.audit.residue import find_residue, residue_classes
from mlukit.corpus.languages.load import any_language

CASES = Path(__file__).resolve().parents[2] / "cases" / "literal_markup.toml"


def cases() -> list[Any]:
    groups = tomllib.loads(CASES.read_text(encoding="utf-8"))["group"]
    return [
        pytest.param(group["language"], case, id=repr(case["wikitext"])) for group in groups for case in group["cases"]
    ]


@pytest.mark.parametrize(("code", "case"), cases())
def test_case(code: str, case: dict[str, Any]) -> None:
    classes = residue_classes(code)
    author = LiteralMarkup(case["wikitext"], any_language(code), classes)
    places = list(find_residue(case["text"], classes))
    assert [author.claim(case["text"], place) or "left" for place in places] == case["sides"]


@pytest.mark.parametrize(
    "piece", ["{{", "[[", "<ref>", "<ref name=a/>", "[http://x ", "\n<!--", "=", "''", "[[a|", "\n{|", " ,"]
)
def test_time_is_bounded(piece: str) -> None:
    start = time.process_time()
    LiteralMarkup(piece * (80_000 // len(piece)) + "-->", any_language("en"), residue_classes("en"))
    assert time.process_time() - start < 3
