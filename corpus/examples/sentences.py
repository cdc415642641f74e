"""Splits a text into sentences, at the sentence breaks of ICU for a language.

The rules come from UAX #29, as ICU applies them for the locale, with lists of abbreviations that do not end sentences
(`@ss=standard`: de, en, es, fr, it, pt in ICU 72; other languages have no list). Thai and Lao do not mark the end of a
sentence, so a paragraph in these languages is mostly one sentence.

The lists lack "Dr." and "U.S.", and in scripts without capitals ICU ends a sentence at every dot. So, unless
`corrections` is off, these dots do not end a sentence (`_Corrections`):

- the dot of an abbreviation in `languages/sentences.toml`;
- the dot of an initial: one capital directly before a letter, or before a word with a capital;
- the dot of a short word directly before another word, and the dots of a row of short words: "ค.ศ.", "কি.মি.".
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
_LOCALES = {"simple": "en"}  # Wikipedias whose code is not a language's; for unknown codes ICU uses its root rules

_TABLE = files("mlukit.corpus.languages") / "sentences.toml"
_TAIL, _HEAD = 24, 16  # characters before and after a break that are examined
_INITIAL = re.compile(r"(?:^|[\s(\[„“”«\"'‐-]|([^\W\d_])\.)([^\W\d_])\.$")
_CASELESS = "\u0590-\u109f\u1780-\u17ff"  # scripts without capitals that use the full stop: Hebrew to Khmer
_SHORT_WORD = re.compile(rf"(?:(?:^|[\s(\[.])[{_CASELESS}]{{1,4}}|[\u0e00-\u0eff])\.$")  # Thai puts no spaces
_ROW_OF_SHORT_WORDS = re.compile(rf"(?:^|[\s(\[.\u0e00-\u0eff])(?:[{_CASELESS}]{{1,4}}\.){{2,}}$")
_WORD_START = r"(?<![^\W_])(?<![\u0900-\u0eff])"  # the second part: `re` does not count marks on letters as letters
_ORDINAL = re.compile(r"(?<![\d.,])\d{1,2}\.$")


class SentenceSplitter:
    """Finds the sentences of texts in one language. It holds an ICU iterator, so each thread needs its own splitter."""

    def __init__(self, language: str, *, abbreviations: bool = True, corrections: bool = True) -> None:
        """Loads the rules of a language.

        Args:
            language: code of a Wikipedia.
            abbreviations: use ICU's list of abbreviations such as "Mr.", which do not end a sentence.
            corrections: with `abbreviations`, also apply the corrections described at the top of this module.
        """
        locale = _LOCALES.get(language, language)
        splitter = SentSplitter(locale)
        if abbreviations:
            splitter.break_iterator = splitter.break_iterator.createSentenceInstance(Locale(f"{locale}@ss=standard"))
        self._iterator = splitter.break_iterator
        self._corrections = _corrections(locale) if abbreviations and corrections else None

    def breaks(self, text: str) -> list[int]:
        """The ends of sentences, in code points; the last is the text's end. Empty for an empty text."""
        breaks = self._breaks_of_icu(text)
        if self._corrections is None or not breaks:
            return breaks
        ends_sentence = self._corrections.ends_sentence
        return [end for end in breaks[:-1] if text[end - 1] == "\n" or ends_sentence(text, end)] + breaks[-1:]

    def _breaks_of_icu(self, text: str) -> list[int]:
        """ICU's breaks, in code points."""
        self._iterator.setText(text)
        breaks = list(self._iterator)  # in UTF-16 code units
        if not breaks or breaks[-1] == len(text):
            return breaks
        units = [match.start() + i for i, match in enumerate(_ASTRAL.finditer(text))]
        return [unit - bisect_left(units, unit) for unit in breaks]

    def spans(self, text: str) -> list[tuple[int, int]]:
        """The (start, end) of the sentences of a text, without the whitespace around them.

        Every character except whitespace is in exactly one sentence. No sentence contains a line feed, which separates
        paragraphs.
        """
        return trimmed_spans(text, (0, *self.breaks(text)))


@dataclass(frozen=True, slots=True)
class _Corrections:
    """Finds dots that do not end a sentence, in one language."""

    abbreviations: re.Pattern[str] | None  # at the end of the text before a break: an abbreviation, or its beginning
    endings: frozenset[str]  # the last three characters of its matches; not used where the last word has one letter
    rests: Mapping[str, Sequence[str]]  # beginning of an abbreviation -> possible rests of it
    before_number: re.Pattern[str] | None  # abbreviations before a number: "No. 5"
    after_number: tuple[str, ...]  # words after an ordinal: "3. Mai"

    def ends_sentence(self, text: str, end: int) -> bool:
        """Whether a sentence ends at `end`, where ICU has a break."""
        before = text[max(0, end - _TAIL) : end]
        tail = before.rstrip()
        after = text[end : end + _HEAD]
        if not tail.endswith(".") or not after or "\n" in before[len(tail) :]:
            return True
        first = after[0]
        attached = tail == before  # the next word follows the dot directly
        one_letter = not tail[-3:-2].isalnum()  # before the dot
        if one_letter and _is_initial(tail, first, attached):
            return False
        if attached and first.isalnum() and _SHORT_WORD.search(tail):
            return False
        if not first.isupper() and _ROW_OF_SHORT_WORDS.search(tail):
            return False
        if self.before_number and first.isdecimal() and self.before_number.search(tail):
            return False
        if self.after_number and after.startswith(self.after_number) and _ORDINAL.search(tail):
            return False
        may_be_abbreviation = one_letter or tail[-3:] in self.endings  # for most words no search is needed
        return not (may_be_abbreviation and self._is_abbreviation(tail, after))

    def _is_abbreviation(self, tail: str, after: str) -> bool:
        """Whether `tail` ends with an abbreviation, or with the beginning of an abbreviation that `after` continues."""
        found = self.abbreviations.search(tail) if self.abbreviations else None
        return found is not None and after.startswith(tuple(self.rests[found[1].replace(" ", "")]))


def _is_initial(tail: str, first: str, attached: bool) -> bool:
    """Whether `tail` ends with an initial.

    Args:
        tail: the text up to a dot.
        first: the first character of the next word.
        attached: whether the next word follows the dot directly.
    """
    initial = _INITIAL.search(tail) if first.isupper() or (attached and first.isalpha()) else None
    return initial is not None and (initial[1] or "A").isupper() and initial[2].isupper()


@cache
def _corrections(language: str) -> _Corrections:
    """The corrections of a language; a language without a table has no additional abbreviations."""
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
    """The stretches of a text between ascending borders, without whitespace around them and without blank ones."""
    spans = []
    for start, end in pairwise(borders):
        stretch = text[start:end].rstrip()
        if stretch:
            end = start + len(stretch)
            spans.append((end - len(stretch.lstrip()), end))
    return spans
