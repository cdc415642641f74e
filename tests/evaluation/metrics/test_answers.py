"""Exact match and F1 are those of the official scripts, to the last digit."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from mlukit.evaluation.metrics.answers import (
    MLQA_LANGUAGES,
    Normalisation,
    answer_counts,
    answer_numbers,
    mlqa_words,
    squad_words,
)

FILE = Path(__file__).resolve().parents[2] / "cases/answers.toml"
CASES = tomllib.loads(FILE.read_text(encoding="utf-8"))["case"]


def official(case: dict[str, Any], words_of: Normalisation) -> dict[str, float]:
    """The numbers as the official scripts give them: in percent."""
    questions = case["questions"]
    counts = answer_counts([one["right"] for one in questions], [one.get("predicted") for one in questions], words_of)
    number, f1, exact = counts.sum(axis=0).tolist()
    assert answer_numbers(counts.sum(axis=0)) == {"F1": f1 / number, "exact match": exact / number}
    return {"exact_match": 100.0 * exact / number, "f1": 100.0 * f1 / number}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["language"])
def test_squad(case: dict[str, Any]) -> None:
    assert official(case, squad_words) == case["squad"]


@pytest.mark.parametrize("case", [case for case in CASES if "mlqa" in case], ids=lambda case: case["language"])
def test_mlqa(case: dict[str, Any]) -> None:
    assert official(case, lambda answer: mlqa_words(answer, case["language"])) == case["mlqa"]


def test_all_languages_of_xquad_and_mlqa_have_cases() -> None:
    assert {case["language"] for case in CASES} == {
        "ar",
        "de",
        "el",
        "en",
        "es",
        "hi",
        "ro",
        "ru",
        "th",
        "tr",
        "vi",
        "zh",
    }
    assert {case["language"] for case in CASES if "mlqa" in case} == set(MLQA_LANGUAGES)


@pytest.mark.parametrize(
    ("language", "answer", "words"),
    [
        ("en", "The U.S.A., a country", ["usa", "country"]),
        ("de", "Die Spree der Bären", ["spree", "bären"]),
        ("es", "¿El río?", ["río"]),
        ("ar", "الكتاب، القلم", ["كتاب", "قلم"]),
        ("hi", "भारत।", ["भारत"]),
        ("vi", "cái bàn của tôi", ["bàn", "tôi"]),
        ("zh", "柏林 Wall（墙）", ["柏", "林", "wall", "墙"]),
    ],
)
def test_words_of_mlqa(language: str, answer: str, words: list[str]) -> None:
    assert mlqa_words(answer, language) == words


def test_words_of_squad_keep_punctuation_outside_ascii() -> None:
    assert squad_words("The  «Spree», a River!") == ["«spree»", "river"]


def test_no_prediction_and_no_right_answer_are_wrong() -> None:
    counts = answer_counts([["a b"], [], ["the"], ["x"]], [None, "a", "", "X."], squad_words)
    assert counts.tolist() == [[1, 0, 0], [1, 0, 0], [1, 0, 1], [1, 1, 1]]  # "the" is no word, and so is ""
    assert answer_numbers(counts[:0].sum(axis=0)) == {"F1": 0.0, "exact match": 0.0}
