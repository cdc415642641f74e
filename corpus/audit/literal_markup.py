"""Remains of markup that the author himself wrote as text, told from those that extraction left or made.

Two kinds are no fault of an extractor. What is *written* stands in the page's wikitext as it stands in the text. What
is *around a note* is written so, but with a note or a picture in it, of which MediaWiki's page has no text either:
"in 2006 <ref/>." shows "in 2006 [1]." and leaves "in 2006 .". A hole where a template was is none of the two.
"""

from bisect import bisect_left
from itertools import accumulate, takewhile
from typing import Literal, TypeAlias

from mlukit.corpus.audit.residue import Residue, ResidueClass, find_residue
from mlukit.corpus.audit.visible_wikitext import CUT, NOTE, visible_text
from mlukit.corpus.languages.language import Language

Kind: TypeAlias = Literal["written", "around a note"]

SIDE = 12  # characters on one side by which a place is known
_AT_START = "begins with punctuation"
_MADE_BY_HOLES = frozenset({"hole", "doubled spaces", "space before punctuation", _AT_START})
_OPENING = "([（［"


class LiteralMarkup:
    """The places of a page's wikitext, as far as it is seen in the running text, that look like remains of markup.

    Each accounts for one place of the extracted text: of the same class, with the same characters, and the same text
    on one side at least, as far as nothing was cut out there. What a hole is known by does not count after a template.
    """

    def __init__(self, wikitext: str, language: Language, classes: tuple[ResidueClass, ...]) -> None:
        parts = visible_text(wikitext, language).split(NOTE)
        text = "".join(parts)
        notes = list(accumulate(map(len, parts)))[:-1]
        self._kinds: list[Kind | None] = []  # None: it has served
        self._known: dict[tuple[str, str, str, str], list[int]] = {}  # by class, characters, side, what stands there
        for place in find_residue(text, classes):
            if (
                place.name in _MADE_BY_HOLES
                and text[max(0, place.start - 1) : place.start] == CUT
                and text[place.start] not in _OPENING
            ):
                continue
            number = bisect_left(notes, place.start + (place.name != _AT_START))
            around = number < len(notes) and notes[number] < place.end
            for side, context in zip("<>", _contexts(text, place), strict=True):
                key = (place.name, text[place.start : place.end], side, context)
                self._known.setdefault(key, []).append(len(self._kinds))
            self._kinds.append("around a note" if around else "written")

    def claim(self, text: str, place: Residue) -> Kind | None:
        """How the author wrote this place of the extracted text; None if he did not. Each of his places serves once."""
        marks = text[place.start : place.end]
        before, after = _contexts(text, place)
        for length in range(SIDE, -1, -1):
            for side, context in (("<", before[max(0, len(before) - length) :]), (">", after[:length])):
                if len(context) == length and (kind := self._take((place.name, marks, side, context))):
                    return kind
        return None

    def _take(self, key: tuple[str, str, str, str]) -> Kind | None:
        numbers = self._known.get(key, [])
        while numbers:
            number = numbers.pop()
            kind, self._kinds[number] = self._kinds[number], None
            if kind:
                return kind
        return None


def _contexts(text: str, place: Residue) -> tuple[str, str]:
    """Up to SIDE characters before and after, as far as neither a paragraph ends nor a template was cut out."""
    before = takewhile(_goes_on, reversed(text[max(0, place.start - SIDE) : place.start]))
    return "".join(before)[::-1], "".join(takewhile(_goes_on, text[place.end : place.end + SIDE]))


def _goes_on(character: str) -> bool:
    return character not in (CUT, "\n")
