"""Exact match and F1 of answers to questions, by the rules of SQuAD 1.1 and of MLQA.

Both rules are those of the official scripts: evaluate-v1.1.py of SQuAD (Rajpurkar et al., 2016), which XQuAD uses in
all languages, and mlqa_evaluation_v1.py of MLQA (Lewis et al., 2020). An answer is lower-cased; punctuation, then
articles are removed; the rest is split into words. SQuAD removes ASCII's punctuation and the English articles. MLQA
removes all punctuation and the articles of the language, and makes each Chinese character a word.
"""

import re
import string
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Words: TypeAlias = list[str]
Normalisation: TypeAlias = Callable[[str], Words]
Counts: TypeAlias = npt.NDArray[np.float64]

_ASCII_PUNCTUATION = dict.fromkeys(map(ord, string.punctuation))
_ENGLISH_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_MLQA_ARTICLES: Mapping[str, re.Pattern[str] | None] = {  # of the languages that MLQA has; None: no articles
    "ar": re.compile("ال"),  # also inside words; the script's other branch, r"\sال^", matches nothing
    "de": re.compile(r"\b(?:ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b"),
    "en": _ENGLISH_ARTICLES,
    "es": re.compile(r"\b(?:un|una|unos|unas|el|la|los|las)\b"),
    "hi": None,
    "vi": re.compile(r"\b(?:của|là|cái|chiếc|những)\b"),
    "zh": None,
}
MLQA_LANGUAGES = tuple(_MLQA_ARTICLES)
_CHINESE = re.compile("([\u4e00-\u9fa5])")


def squad_words(answer: str) -> Words:
    """The words of an answer, as SQuAD 1.1 and XQuAD compare them in every language."""
    return _ENGLISH_ARTICLES.sub(" ", answer.lower().translate(_ASCII_PUNCTUATION)).split()


def mlqa_words(answer: str, language: str) -> Words:
    """The words of an answer, as MLQA compares them.

    Args:
        answer: the answer.
        language: of the context, one of `MLQA_LANGUAGES`.
    """
    text, articles = answer.lower().translate(_all_punctuation()), _MLQA_ARTICLES[language]
    if articles is not None:
        text = articles.sub(" ", text)
    return (_CHINESE.sub(r" \1 ", text) if language == "zh" else text).split()


@cache
def _all_punctuation() -> Mapping[int, None]:
    found = {point for point in range(sys.maxunicode) if unicodedata.category(chr(point)).startswith("P")}
    return dict.fromkeys(found) | _ASCII_PUNCTUATION


def answer_counts(right: Sequence[Sequence[str]], predicted: Sequence[str | None], words_of: Normalisation) -> Counts:
    """What each question adds: 1, its F1, and its exact match.

    Args:
        right: the right answers of each question; a question without a right answer is wrong.
        predicted: the answer to each question; None for no answer, which is wrong.
        words_of: `squad_words`, or `mlqa_words` for a language.
    """
    return np.array([(1.0, *_best(*one, words_of)) for one in zip(right, predicted, strict=True)]).reshape(-1, 3)


def answer_numbers(totals: Counts) -> dict[str, float]:
    """F1 and exact match of the sum of some rows of `answer_counts`."""
    number, f1, exact = totals.tolist()
    return {"F1": f1 / max(1, number), "exact match": exact / max(1, number)}


def _best(right: Sequence[str], predicted: str | None, words_of: Normalisation) -> tuple[float, float]:
    """The highest F1 and exact match over the right answers."""
    if predicted is None or not right:
        return 0.0, 0.0
    words = words_of(predicted)
    answers = [words_of(one) for one in right]
    return max(_f1(words, one) for one in answers), float(words in answers)


def _f1(words: Words, right: Words) -> float:
    common = (Counter(words) & Counter(right)).total()
    if not common:
        return 0.0
    precision, recall = common / len(words), common / len(right)
    return 2 * precision * recall / (precision + recall)
