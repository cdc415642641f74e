"""The opening and closing quotation marks of a language: “ opens in English and closes in German."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from icu import LocaleData, ULocaleDataDelimiterType

from mlukit.corpus.languages.tables import read_shared_table

# In every language, because texts quote other languages with their marks. “ closes, and ” opens, only if CLDR or the
# table says so.
_OPENING = frozenset("\"'“‘„‚‟‛«‹")
_CLOSING = frozenset("\"'”’»›")
_BRACKETS = frozenset("「」『』")
_STARTS = (ULocaleDataDelimiterType.QUOTATION_START, ULocaleDataDelimiterType.ALT_QUOTATION_START)
_ENDS = (ULocaleDataDelimiterType.QUOTATION_END, ULocaleDataDelimiterType.ALT_QUOTATION_END)


@dataclass(frozen=True, slots=True)
class QuotationMarks:
    """The marks that can open a quotation, and the marks that can close it; many marks can do both."""

    opening: frozenset[str]
    closing: frozenset[str]


@cache
def quotation_marks(code: str) -> QuotationMarks:
    """The quotation marks of a Wikipedia's language: from CLDR (by ICU), from print, and for all languages.

    For unknown languages CLDR returns English marks. The brackets 「」 and 『』 are left out, because each of them
    always opens or always closes.
    """
    delimiters = LocaleData(code)
    return QuotationMarks(
        _OPENING | _in_print("opening", code) | _among_marks(delimiters.getDelimiter(start) for start in _STARTS),
        _CLOSING | _in_print("closing", code) | _among_marks(delimiters.getDelimiter(end) for end in _ENDS),
    )


def _in_print(role: str, code: str) -> frozenset[str]:
    """The marks that the table gives a language for a role."""
    rows = read_shared_table("quotation_marks.toml")[role]
    return frozenset(mark for marks, codes in rows.items() if code in codes for mark in marks)


def _among_marks(found: Iterable[str]) -> frozenset[str]:
    """The marks without brackets."""
    return frozenset(found) - _BRACKETS
