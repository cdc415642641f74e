"""Sentences of a text: the stretches between the sentence breaks of ICU for a language.

The rules are those of UAX #29 as ICU has them for the locale, with its lists of abbreviations that end no sentence
(`@ss=standard`: de, en, es, fr, it, pt in ICU 72; elsewhere it changes nothing). Thai and Lao have no mark at a
sentence's end, so a paragraph of theirs is mostly one sentence.

Those lists lack "Dr." and "U.S.", and in scripts without capitals ICU sees a sentence's end in every dot. So, unless
`corrections` is off, a dot ends none (`_Corrections`)

- of an abbreviation in `languages/sentences.toml`;
- of an initial: one capital before a letter that follows at once, or before a capital;
- of a short word before another one that follows at once, and of a row of such: "ค.ศ.", "কি.মি.".
"""

import re
import tomllib
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise

from icu import Locale
from icu_tokenizer import SentSplitter

_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
_LOCALES = {"simple": "en"}  # Wikipedias whose code is no language's; ICU takes its root rules for those it lacks

_TABLE = files("mlukit.corpus.languages") / "sentences.toml"
_TAIL, _HEAD = 24, 16  # characters before and after a break that are looked at
_INITIAL = re.compile(r"(?:^|[\s(\[„“”«\"'‐-]|([^\W\d_])\.)([^\W\d_])\.$")
_CASELESS = "\u0590-\u109f\u1780-\u17ff"  # scripts without capitals that use the full stop: Hebrew to Khmer
_SHORT_WORD = re.compile(rf"(?:(?:^|[\s(\[.])[{_CASELESS}]{{1,4}}|[\u0e00-\u0eff])\.$")  # Thai puts no spaces
_ROW_OF_SHORT_WORDS = re.compile(rf"(?:^|[\s(\[.\u0e00-\u0eff])(?:[{_CASELESS}]{{1,4}}\.){{2,}}$")
_WORD_START = r"(?<![^\W_])(?<![\u0900-\u0eff])"  # the latter: marks on letters are no letters to `re`
_ORDINAL = re.compile(r"(?<![\d.,])\d{1,2}\.$")


class SentenceSplitter:
    """Finds the sentences of texts in one language; holds an ICU iterator, so one for each thread."""

    def __init__(self, language: str, *, abbreviations: bool = True, corrections: bool = True) -> None:
        """Args:
        language: code of a Wikipedia.
        abbreviations: whether "Mr." and the like, where ICU lists them, end no sentence.
        corrections: whether those that ICU does not list, initials and dots within words end none either.
        """
        locale = _LOCALES.get(language, language)
        splitter = SentSplitter(locale)
        if abbreviations:
            splitter.break_iterator = splitter.break_iterator.createSentenceInstance(Locale(f"{locale}@ss=standard"))
        self._iterator = splitter.break_iterator
        self._corrections = _corrections(locale) if abbreviations and corrections else None

    def breaks(self, text: str) -> list[int]:
        """Where a sentence ends, in code points; the last is the text's end. Empty for an empty text."""
        breaks = self._breaks_of_icu(text)
        if self._corrections is None or not breaks:
            return breaks
        ends_sentence = self._corrections.ends_sentence
        return [end for end in breaks[:-1] if text[end - 1] == "\n" or ends_sentence(text, end)] + breaks[-1:]

    def _breaks_of_icu(self, text: str) -> list[int]:
        self._iterator.setText(text)
        breaks = list(self._iterator)  # in UTF-16 code units
        if not breaks or breaks[-1] == len(text):
            return breaks
        units = [match.start() + i for i, match in enumerate(_ASTRAL.finditer(text))]
        return [unit - bisect_left(units, unit) for unit in breaks]

    def spans(self, text: str) -> list[tuple[int, int]]:
        """The sentences of a text, without the whitespace around them.

        Everything but whitespace lies in exactly one sentence; none reaches over a line feed, the border of
        paragraphs.
        """
        return trimmed_spans(text, (0, *self.breaks(text)))


@dataclass(frozen=True, slots=True)
class _Corrections:
    """Dots of one language that end no sentence."""

    abbreviations: re.Pattern[str] | None  # at the end of the text before a break: an abbreviation, or its beginning
    endings: frozenset[str]  # the last three characters of what it finds, but where the last word has one letter
    rests: Mapping[str, Sequence[str]]  # what was found there -> what follows of the abbreviation
    before_number: re.Pattern[str] | None
    after_number: tuple[str, ...]

    def ends_sentence(self, text: str, end: int) -> bool:
        """Whether ICU's break at `end` is one."""
        before = text[max(0, end - _TAIL) : end]
        tail = before.rstrip()
        after = text[end : end + _HEAD]
        if not tail.endswith(".") or not after or "\n" in before[len(tail) :]:
            return True
        first = after[0]
        one_letter = not tail[-3:-2].isalnum()  # before the dot: only then it can be an initial
        initial = _INITIAL.search(tail) if one_letter else None
        before_word = first.isupper() or (tail == before and first.isalpha())
        if before_word and initial and (initial[1] or "A").isupper() and initial[2].isupper():
            return False
        if tail == before and first.isalnum() and _SHORT_WORD.search(tail):
            return False
        if not first.isupper() and _ROW_OF_SHORT_WORDS.search(tail):
            return False
        if self.before_number and first.isdecimal() and self.before_number.search(tail):
            return False
        if self.after_number and after.startswith(self.after_number) and _ORDINAL.search(tail):
            return False
        if not self.abbreviations or not (one_letter or tail[-3:] in self.endings):  # most words: no need to search
            return True
        found = self.abbreviations.search(tail)
        return not found or not after.startswith(tuple(self.rests[found[1].replace(" ", "")]))


@cache
def _corrections(language: str) -> _Corrections:
    """The corrections for the language, which may have no table."""
    table = tomllib.loads(_TABLE.read_text(encoding="utf-8")).get(language, {})
    rests: dict[str, set[str]] = {}
    patterns: set[str] = set()
    for written in table.get("abbreviations", ()):
        for dot in re.finditer(r"\.", written):
            patterns.add(re.escape(written[: dot.end()]).replace(r"\ ", " ?"))
            rests.setdefault(written[: dot.end()].replace(" ", ""), set()).add(written[dot.end() :].strip())
    before_number = "|".join(map(re.escape, table.get("before_number", ())))
    longest_first = "|".join(sorted(patterns, key=len, reverse=True))
    return _Corrections(
        re.compile(f"{_WORD_START}({longest_first})$") if patterns else None,
        frozenset(beginning[-3:] for beginning in rests),
        {beginning: tuple(sorted(found)) for beginning, found in rests.items()},
        re.compile(f"{_WORD_START}(?:{before_number})$") if before_number else None,
        tuple(table.get("after_number", ())),
    )


def trimmed_spans(text: str, borders: Iterable[int]) -> list[tuple[int, int]]:
    """The stretches of a text between ascending borders, without whitespace around them; blank ones left out."""
    spans = []
    for start, end in pairwise(borders):
        stretch = text[start:end].rstrip()
        if stretch:
            end = start + len(stretch)
            spans.append((end - len(stretch.lstrip()), end))
    return spans
