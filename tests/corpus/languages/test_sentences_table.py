"""Abbreviations that end no sentence: literal cases in every language that has some in `sentences.toml`."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from mlukit.corpus.examples.sentences import SentenceSplitter

CASES = Path(__file__).resolve().parents[2] / "cases" / "sentences.toml"


def cases() -> list[Any]:
    groups = tomllib.loads(CASES.read_text(encoding="utf-8"))["group"]
    return [
        pytest.param(case["language"], case["sentences"], id=f"{case['language']}-{case['sentences'][0]}")
        for group in groups
        for case in group["cases"]
    ]


def sentences(text: str, splitter: SentenceSplitter) -> list[str]:
    return [text[start:end] for start, end in splitter.spans(text)]


@pytest.mark.parametrize(("code", "expected"), cases())
def test_case(code: str, expected: list[str]) -> None:
    assert sentences(" ".join(expected), SentenceSplitter(code)) == expected
    assert sentences(" ".join(expected), SentenceSplitter(code, corrections=False)) != expected
