"""Sentences of a text: the stretches between the sentence breaks of ICU for a language.

The rules are those of UAX #29 as ICU has them for the locale, with its lists of abbreviations that end no sentence
(`@ss=standard`: de, en, es, fr, it, pt in ICU 72; elsewhere it changes nothing). Thai and Lao have no mark at a
sentence's end, so a paragraph of theirs is mostly one sentence.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable
from itertools import pairwise

from icu import Locale
from icu_tokenizer import SentSplitter

from schemas.records import Span

_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
_LOCALES = {"simple": "en"}  # Wikipedias whose code is no language's; ICU takes its root rules for those it lacks


class SentenceSplitter:
    """Finds the sentences of texts in one language; holds an ICU iterator, so one for each thread."""

    def __init__(self, language: str, *, abbreviations: bool = True) -> None:
        """Args:
        language: code of a Wikipedia.
        abbreviations: whether "Mr." and the like, where ICU lists them, end no sentence.
        """
        locale = _LOCALES.get(language, language)
        splitter = SentSplitter(locale)
        if abbreviations:
            splitter.break_iterator = splitter.break_iterator.createSentenceInstance(Locale(f"{locale}@ss=standard"))
        self._iterator = splitter.break_iterator

    def breaks(self, text: str) -> list[int]:
        """Where ICU ends a sentence, in code points; the last is the text's end. Empty for an empty text."""
        self._iterator.setText(text)
        breaks = list(self._iterator)  # in UTF-16 code units
        if not breaks or breaks[-1] == len(text):
            return breaks
        units = [match.start() + i for i, match in enumerate(_ASTRAL.finditer(text))]
        return [unit - bisect_left(units, unit) for unit in breaks]

    def spans(self, text: str) -> list[Span]:
        """The sentences of a text, without the whitespace around them.

        Everything but whitespace lies in exactly one sentence; none reaches over a line feed, the border of
        paragraphs.
        """
        return trimmed_spans(text, (0, *self.breaks(text)))


def trimmed_spans(text: str, borders: Iterable[int]) -> list[Span]:
    """The stretches of a text between ascending borders, without whitespace around them; blank ones left out."""
    spans = []
    for start, end in pairwise(borders):
        stretch = text[start:end]
        bare = stretch.lstrip()
        if bare:
            start = end - len(bare)
            spans.append(Span(start, start + len(bare.rstrip())))
    return spans
