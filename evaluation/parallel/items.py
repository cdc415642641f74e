"""The items that are compared: aligned spans which every language has, each with words of its own."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mlukit.evaluation.parallel.parallel_text import ParallelText


@dataclass(frozen=True, slots=True)
class Items:
    """The chosen items.

    Attributes:
        names: of the items, in the order of the first language.
        languages: codes.
        words: of each item, by language.
        left_out: how many items were left out, by reason.
    """

    names: list[str]
    languages: list[str]
    words: dict[str, list[str]]
    left_out: Counter[str] = field(default_factory=Counter)


def choose_items(texts: Sequence[ParallelText], fits: Callable[[str, str], bool], limit: int | None = None) -> Items:
    """Chooses the items that can be compared in all languages.

    An item is left out if a language does not have it, if it does not fit into the model, or if its words in one of the
    languages are those of an item before it: then two answers would be right. Case, spaces and Unicode's compatibility
    forms make no difference.

    Args:
        texts: of all languages.
        fits: whether the model takes an item in a language: (language, name) -> bool.
        limit: the largest number of items; None for all.
    """
    words: dict[str, dict[str, str]] = {}
    for text in texts:
        of_language = words.setdefault(text.language, {})
        of_language |= {name: text.text[start:end] for name, (start, end) in text.spans.items()}
    names, left_out = list(dict.fromkeys(name for found in words.values() for name in found)), Counter[str]()
    kept, seen = [], {language: set[str]() for language in words}
    for name in names:
        reason = _missing(words, name, fits)
        folded = {language: _folded(found[name]) for language, found in words.items()} if not reason else {}
        if not reason and any(folded[language] in seen[language] for language in words):
            reason = "repeated words"
        if not reason and limit is not None and len(kept) == limit:
            reason = "beyond --limit"
        if reason:
            left_out[reason] += 1
            continue
        kept.append(name)
        for language, form in folded.items():
            seen[language].add(form)
    return Items(kept, list(words), {code: [found[name] for name in kept] for code, found in words.items()}, left_out)


def _missing(words: dict[str, dict[str, str]], name: str, fits: Callable[[str, str], bool]) -> str:
    """Why an item cannot be compared, or an empty string; the first language that lacks it tells the reason."""
    for language, found in words.items():
        if name not in found:
            return f"not in {language}"
        if not fits(language, name):
            return f"behind the end of the model's input in {language}"
    return ""


def _folded(words: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", words).casefold().split())
