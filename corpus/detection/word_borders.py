"""The places of a text at which an anchor may begin or end.

In most languages these places are the word boundaries of UAX #29, as ICU finds them for the language: "New York" has
three segments, one of them the blank. Languages that write words without blanks (`languages/word_breaks.toml`) have a
border at every character, except before a combining mark, and between two letters or digits of a script that has
blanks: "IBM" stays whole in a Japanese text. ICU would look these words up in its dictionaries, which is slow, and
which misses most names.
"""

from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from icu import BreakIterator, Locale, UnicodeSet

from mlukit.corpus.languages.tables import read_shared_table

CodePoints: TypeAlias = npt.NDArray[np.uint32]
Offsets: TypeAlias = npt.NDArray[np.int64]

_MARK, _SPACED = 1, 2  # classes of characters
_MARKS = r"[\p{M}\u200D]"
# The properties Line_Break and Script of UAX #14 and #24: SA are the scripts of South East Asia without blanks.
_LETTERS_WITH_BLANKS = r"[[\p{L}\p{N}]-[\p{lb=SA}\p{lb=ID}\p{lb=CJ}\p{sc=Hani}\p{sc=Hira}\p{sc=Kana}\p{sc=Bopo}\u30FC]]"


def code_points_of(text: str) -> CodePoints:
    """The code points of a text; lone surrogates stay as they are."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


class WordBorders:
    """Finds the borders in texts of one language. It holds an ICU iterator, so each thread needs its own object."""

    def __init__(self, language: str) -> None:
        """Loads the rules of a language, given by the code of a Wikipedia; ICU's root rules if ICU does not know it."""
        unspaced = language in read_shared_table("word_breaks.toml")["unspaced"]
        self._iterator = None if unspaced else BreakIterator.createWordInstance(Locale(language))

    def find(self, text: str, code_points: CodePoints) -> Offsets:
        """The borders of a text, in ascending order, from 0 to the length of the text; only 0 for an empty text.

        Args:
            text: the text.
            code_points: the code points of the text.
        """
        if self._iterator is None:
            return _unspaced_borders(code_points)
        self._iterator.setText(text)
        breaks = np.fromiter(self._iterator, np.int64)  # in UTF-16 code units
        if len(breaks) and breaks[-1] != len(text):
            units = np.cumsum(np.where(code_points > 0xFFFF, 2, 1))  # the end of each code point
            breaks = np.searchsorted(units, breaks) + 1
        return np.concatenate((np.zeros(1, np.int64), breaks))


def _unspaced_borders(code_points: CodePoints) -> Offsets:
    classes = _classes()[np.minimum(code_points, 0x10FFFF)]
    inside = (classes[1:] == _MARK) | ((classes[1:] == _SPACED) & (_letters_before(classes)[:-1] == _SPACED))
    borders = np.ones(len(code_points) + 1, bool)
    borders[1:-1] = ~inside
    return np.flatnonzero(borders)


def _letters_before(classes: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The classes with each mark replaced by the class of the letter that the mark stands on: in "é" of two points."""
    places = np.where(classes == _MARK, 0, np.arange(len(classes)))
    found: npt.NDArray[np.uint8] = classes[np.maximum.accumulate(places)]
    return found


@cache
def _classes() -> npt.NDArray[np.uint8]:
    """The class of every code point."""
    classes = np.zeros(0x110000, np.uint8)
    for kind, pattern in ((_SPACED, _LETTERS_WITH_BLANKS), (_MARK, _MARKS)):
        characters = UnicodeSet(pattern)
        for number in range(characters.getRangeCount()):
            classes[ord(characters.getRangeStart(number)) : ord(characters.getRangeEnd(number)) + 1] = kind
    return classes
