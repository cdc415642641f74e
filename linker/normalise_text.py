"""Text from anyone in the form of articles' text, with the offsets of the given text.

The rules are those of titles (`corpus.titles.normalise`: MediaWikiTitleCodec::splitTitleString and NFC), as far as they
help to find names: special spaces and "_" are spaces, marks of direction are removed, and characters are composed. Soft
hyphens and zero-width spaces, which pages of the web have inside words, are removed too. Runs of spaces stay, because
a name does not go across them.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, pairwise, zip_longest

import icu
import numpy as np
import numpy.typing as npt

_SPACES = [0x5F, 0xA0, 0x1680, 0x180E, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000]
_SURROGATES = range(0xD800, 0xE000)  # no text in UTF-8 has them, but a Python string may
_REPLACED = {**dict.fromkeys(_SPACES, " "), **dict.fromkeys(_SURROGATES, "\ufffd")}
_REMOVED = frozenset(
    map(chr, [0xAD, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060, *range(0x2066, 0x206A), 0xFEFF])
)
_COMPOSER = icu.Normalizer2.getNFCInstance()
_LONGEST = 64  # code points that are composed together; normalisation of longer runs of marks takes quadratic time


@dataclass(frozen=True, slots=True)
class NormalisedText:
    """A text in which names are searched for.

    Attributes:
        text: the normalised text.
        starts: of each code point, where it begins in the given text; None if the offsets are the same.
        ends: of each code point, where it ends in the given text; None if the offsets are the same.
    """

    text: str
    starts: npt.NDArray[np.int64] | None = None
    ends: npt.NDArray[np.int64] | None = None

    def given_spans(
        self, starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Converts spans of the normalised text, which are not empty, to spans of the given text."""
        if self.starts is None or self.ends is None:
            return starts, ends
        return self.starts[starts], self.ends[ends - 1]


def normalise_text(given: str) -> NormalisedText:
    """Normalises a text; takes time in proportion to its length, also for a text of marks only."""
    text = given.translate(_REPLACED)
    odd = _odd_characters(frozenset(text))
    changes = [(match.span(), new) for match in odd.finditer(text) if (new := _changed(match[0])) != match[0]]
    if not changes:
        return NormalisedText(text)
    spans, texts = zip(*changes, strict=True)
    kept = pairwise([0, *(offset for span in spans for offset in span), len(text)])
    parts = [text[start:end] for start, end in islice(kept, 0, None, 2)]
    joined = "".join(part for pair in zip_longest(parts, texts, fillvalue="") for part in pair)
    return NormalisedText(joined, *_offsets(np.array(spans), np.array(list(map(len, texts))), len(text)))


def _offsets(
    changed: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64], size: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where each code point of a normalised text begins and ends in the given text.

    Args:
        changed: the spans of the given text that were changed, ascending.
        lengths: of the text in place of each span.
        size: of the given text.
    """
    inside = np.zeros(size + 1, np.int64)
    np.add.at(inside, changed[:, 0], 1)
    np.add.at(inside, changed[:, 1], -1)
    kept = np.cumsum(inside)[:size] == 0
    unchanged = np.flatnonzero(kept)
    starts = np.concatenate([unchanged, np.repeat(changed[:, 0], lengths)])
    ends = np.concatenate([unchanged + 1, np.repeat(changed[:, 1], lengths)])
    order = np.argsort(starts, kind="stable")
    return starts[order], ends[order]


def _changed(run: str) -> str:
    """The normalised form of a run of odd characters: nothing for a removed one, else the run composed."""
    if run in _REMOVED:
        return ""
    return unicodedata.normalize("NFC", run) if len(run) <= _LONGEST else run


@lru_cache(maxsize=256)
def _odd_characters(characters: frozenset[str]) -> re.Pattern[str]:
    """Matches what may change in a text with these characters: one character, or a character and the marks after it."""
    odd = sorted(char for char in characters if char >= "\xa0")
    marks = [char for char in odd if not _COMPOSER.hasBoundaryBefore(char)]
    alone = [char for char in odd if _changed(char) != char and char not in marks]
    joined, removed = re.escape("".join(marks)), re.escape("".join(sorted(_REMOVED)))
    patterns = [rf"[^{joined}{removed}\s]?[{joined}]+"] * bool(marks)
    patterns += [f"[{re.escape(''.join(alone))}]"] * bool(alone)
    return re.compile("|".join(patterns) or "(?!)")
