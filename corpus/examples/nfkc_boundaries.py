"""Finds places where a text can be cut so that normalising both parts gives the same text as normalising the whole."""

import unicodedata
from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from mlukit.corpus.examples.article_columns import Flags, Integers

Bytes: TypeAlias = npt.NDArray[np.uint8]

SPACE = 0x20
_NEVER = {0x2581, 0xFFFD}  # SentencePiece's mark of a space, and a character that its rules treat as a space
_JAMO = range(0x1100, 0x1200)  # these compose to syllables
_SURROGATES = range(0xD800, 0xE000)


def is_safe_boundary(data: Bytes, places: Integers) -> Flags:
    """Whether a cut is safe under SentencePiece's NFKC rules (nmt_nfkc).

    A cut next to a space is safe. A cut between two characters that NFKC keeps is safe too, if the second character
    composes with no character before it. Some safe cuts are not recognised.

    Args:
        data: text in UTF-8.
        places: byte offsets at which characters begin, greater than 0.
    """
    before, after = data[places - 1], data[places]
    spaced = (before == SPACE) | (after == SPACE)
    starts, ends = _kept()
    safe: Flags = spaced | (ends[_last_character(data, places)] & starts[_character(data, places)])
    return safe


def _character(data: Bytes, places: Integers) -> Integers:
    """The code points at the places; 0 for code points beyond U+FFFF."""
    last = len(data) - 1
    first, second, third = (data[np.minimum(places + i, last)].astype(np.int64) for i in range(3))
    second &= 0x3F
    third &= 0x3F
    of_two, of_three = (first & 0x1F) << 6 | second, (first & 0x0F) << 12 | second << 6 | third
    return np.select([first < 0x80, first < 0xE0, first < 0xF0], [first, of_two, of_three], 0)


def _last_character(data: Bytes, places: Integers) -> Integers:
    """The code points before the places."""
    starts = places - 1
    for _ in range(3):
        starts = np.where((data[starts] & 0xC0) == 0x80, starts - 1, starts)
    return _character(data, starts)


@cache
def _kept() -> tuple[Flags, Flags]:
    """For each code point up to U+FFFF: whether it may stand after a cut, and whether it may stand before a cut."""
    starts, ends = np.zeros(0x10000, np.bool_), np.zeros(0x10000, np.bool_)
    composed_last = set()  # characters that compose with one before them
    for code in range(SPACE + 1, 0x10000):
        if code in _SURROGATES:
            continue
        character = chr(code)
        parts = unicodedata.decomposition(character).split()
        if len(parts) == 2 and parts[0][0] != "<":
            composed_last.add(int(parts[1], 16))
        category = unicodedata.category(character)[0]
        if category in "LMNPS" and code not in _NEVER and unicodedata.is_normalized("NFKC", character):
            ends[code] = True
            starts[code] = category != "M" and code not in _JAMO
    starts[[code for code in composed_last if code < 0x10000]] = False
    return starts, ends
