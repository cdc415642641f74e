"""Tells remains of markup that the author of a page wrote as text from remains that extraction left or made.

Two classes of remains are not faults of the extractor. A *written* remain has the same characters in the page's
wikitext as in the extracted text. A remain *around a note* has a note or a picture between its characters in the
wikitext; a note has no text on MediaWiki's page either: "in 2006 <ref/>." shows "in 2006 [1]." and leaves "in 2006 .".
A gap that a template left belongs to neither class.
"""

from bisect import bisect_left
from itertools import accumulate, takewhile
from typing import Literal, TypeAlias

from mlukit.corpus.audit.residue import Residue, ResidueClass, find_residue
from mlukit.corpus.audit.visible_wikitext import CUT, NOTE, visible_text
from mlukit.corpus.languages.language import Language

Authorship: TypeAlias = Literal["written", "around a note"]

SIDE = 12  # characters on one side that identify a place
_AT_START = "begins with punctuation"
_MADE_BY_GAPS = frozenset({"hole", "doubled spaces", "space before punctuation", _AT_START})
_OPENING = "([（［"


class LiteralMarkup:
    """The places in the running text of a page's wikitext that look like remains of markup.

    Each place can be claimed for one place of the extracted text with the same class, the same characters, and the same
    text on at least one side, up to where something was cut out. A place after a template that looks like a gap does
    not count as the author's.
    """

    def __init__(self, wikitext: str, language: Language, classes: tuple[ResidueClass, ...]) -> None:
        parts = visible_text(wikitext, language).split(NOTE)
        text = "".join(parts)
        notes = list(accumulate(map(len, parts)))[:-1]
        self._places: list[Authorship | None] = []  # None: the place is claimed
        self._known: dict[tuple[str, str, str, str], list[int]] = {}  # by class, characters, side, text on that side
        for place in find_residue(text, classes):
            if (
                place.name in _MADE_BY_GAPS
                and text[max(0, place.start - 1) : place.start] == CUT
                and text[place.start] not in _OPENING
            ):
                continue
            number = bisect_left(notes, place.start + (place.name != _AT_START))
            has_note = number < len(notes) and notes[number] < place.end
            for side, context in zip("<>", _contexts(text, place), strict=True):
                key = (place.name, text[place.start : place.end], side, context)
                self._known.setdefault(key, []).append(len(self._places))
            self._places.append("around a note" if has_note else "written")

    def claim(self, text: str, place: Residue) -> Authorship | None:
        """How the author wrote this place of the extracted text; None if the author did not write the place.

        Each place in the wikitext is used once.
        """
        characters = text[place.start : place.end]
        before, after = _contexts(text, place)
        for length in range(SIDE, -1, -1):
            for side, context in (("<", before[max(0, len(before) - length) :]), (">", after[:length])):
                if len(context) == length and (authorship := self._take((place.name, characters, side, context))):
                    return authorship
        return None

    def _take(self, key: tuple[str, str, str, str]) -> Authorship | None:
        """Claims the last place with this key that is not claimed yet."""
        numbers = self._known.get(key, [])
        while numbers:
            number = numbers.pop()
            authorship, self._places[number] = self._places[number], None
            if authorship:
                return authorship
        return None


def _contexts(text: str, place: Residue) -> tuple[str, str]:
    """Up to SIDE characters before and after a place, up to a paragraph's end or a template that was cut out."""
    before = takewhile(_goes_on, reversed(text[max(0, place.start - SIDE) : place.start]))
    return "".join(before)[::-1], "".join(takewhile(_goes_on, text[place.end : place.end + SIDE]))


def _goes_on(character: str) -> bool:
    """Whether a character ends neither the paragraph nor the text before a cut."""
    return character not in (CUT, "\n")
