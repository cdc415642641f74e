"""Counts the remains of markup on the pages of a language, by the side that caused them."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from itertools import chain
from typing import Any

from mlukit.corpus.audit.hash_sample import HashSample
from mlukit.corpus.audit.literal_markup import LiteralMarkup
from mlukit.corpus.audit.residue import Residue, ResidueClass, find_residue

WORST_PAGES = 12
CONTEXT = 40  # characters shown on either side of an example

UNTOLD = "untold"
LEFT = "left"
SIDES = {  # who caused a remain of markup -> what this means
    UNTOLD: "the page's wikitext was not read, so residue of the extractor and text of the author are counted together",
    LEFT: "the extractor left or made the residue",
    "around a note": "the author wrote these characters with a note or a picture between them, which is not text on "
    "MediaWiki's page",
    "written": "the author wrote these characters as text",
}


@dataclass
class Found:
    """The places that one side caused: their number, the paragraphs with them, and examples of each class."""

    paragraphs: int = 0
    places: Counter[str] = field(default_factory=Counter)  # by class
    paragraphs_of: Counter[str] = field(default_factory=Counter)  # by class
    examples: dict[str, HashSample] = field(default_factory=dict)

    def add_page(self, paragraphs_of: Mapping[str, Sequence[int]]) -> None:
        """Counts a page; `paragraphs_of` has, for each class, the number of the paragraph of every place."""
        self.paragraphs += len(set(chain.from_iterable(paragraphs_of.values())))
        self.places.update({name: len(where) for name, where in paragraphs_of.items()})
        self.paragraphs_of.update({name: len(set(where)) for name, where in paragraphs_of.items()})

    def add(self, other: "Found") -> None:
        """Adds the counts of another shard."""
        self.paragraphs += other.paragraphs
        self.places.update(other.places)
        self.paragraphs_of.update(other.paragraphs_of)
        for name, sample in other.examples.items():
            self.examples.setdefault(name, HashSample()).add_json(sample.to_json())

    def to_json(self) -> dict[str, Any]:
        """As written to disk."""
        return {
            "paragraphs": self.paragraphs,
            "places": dict(self.places),
            "paragraphs_of": dict(self.paragraphs_of),
            "examples": {name: sample.to_json() for name, sample in self.examples.items()},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Found":
        """The inverse of `to_json`."""
        found = cls(value["paragraphs"], Counter(value["places"]), Counter(value["paragraphs_of"]))
        for name, rows in value["examples"].items():
            found.examples.setdefault(name, HashSample()).add_json(rows)
        return found


@dataclass
class ResidueTally:
    """The results for the pages of one language; shards can be added in any order. Memory: some 100 pages."""

    pages: int = 0
    paragraphs: int = 0
    all: Found = field(default_factory=Found)  # of all sides; without examples
    sides: dict[str, Found] = field(default_factory=dict)  # by SIDES
    worst: list[tuple[int, int, str, str]] = field(default_factory=list)  # (places, -page id, title, classes)

    def add_page(
        self,
        page_id: int,
        title: str,
        text: str,
        starts: Sequence[int],
        classes: tuple[ResidueClass, ...],
        author: LiteralMarkup | None = None,
    ) -> None:
        """Counts a page.

        Args:
            page_id: the id of the page.
            title: the title of the page.
            text: the extracted text.
            starts: the offsets at which its paragraphs begin.
            classes: for the page's language.
            author: the author's own places; None if the page's wikitext was not read.
        """
        self.pages += 1
        self.paragraphs += len(starts)
        found: dict[str, list[int]] = {}
        by_side: dict[str, dict[str, list[int]]] = {}
        for place in find_residue(text, classes):
            side = UNTOLD if author is None else author.claim(text, place) or LEFT
            paragraph = bisect_right(starts, place.start)
            found.setdefault(place.name, []).append(paragraph)
            by_side.setdefault(side, {}).setdefault(place.name, []).append(paragraph)
            examples = self.sides.setdefault(side, Found()).examples.setdefault(place.name, HashSample())
            examples.add(f"{page_id}:{place.start}", _example(page_id, title, text, place))
        self.all.add_page(found)
        for side, where in by_side.items():
            self.sides[side].add_page(where)
        if bad := by_side.get(LEFT, by_side.get(UNTOLD)):
            often = Counter({name: len(where) for name, where in bad.items()}).most_common(3)
            self._add_worst([(sum(map(len, bad.values())), -page_id, title, ", ".join(f"{k} {n}" for k, n in often))])

    def _add_worst(self, pages: Iterable[tuple[int, int, str, str]]) -> None:
        """Keeps the WORST_PAGES pages with the most places, of the pages known so far and `pages`."""
        self.worst = nlargest(WORST_PAGES, [*self.worst, *pages])

    def per_thousand(self, name: str | None = None, side: str | None = None) -> float:
        """How many paragraphs in a thousand have remains of a class (None: any class), caused by a side (None: any)."""
        found = self.all if side is None else self.sides.get(side, Found())
        marked = found.paragraphs if name is None else found.paragraphs_of[name]
        return 1000 * marked / max(self.paragraphs, 1)

    def add(self, other: "ResidueTally") -> None:
        """Adds the counts of another shard."""
        self.pages += other.pages
        self.paragraphs += other.paragraphs
        self.all.add(other.all)
        for side, found in other.sides.items():
            self.sides.setdefault(side, Found()).add(found)
        self._add_worst(other.worst)

    def to_json(self) -> dict[str, Any]:
        """As written to disk."""
        return {
            "pages": self.pages,
            "paragraphs": self.paragraphs,
            "all": self.all.to_json(),
            "sides": {side: self.sides[side].to_json() for side in SIDES if side in self.sides},
            "worst": [list(page) for page in self.worst],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ResidueTally":
        """The inverse of `to_json`."""
        sides = {side: Found.from_json(found) for side, found in value["sides"].items()}
        worst = [(count, number, title, classes) for count, number, title, classes in value["worst"]]
        return cls(value["pages"], value["paragraphs"], Found.from_json(value["all"]), sides, worst)


def _example(page_id: int, title: str, text: str, place: Residue) -> dict[str, Any]:
    """A place with the text around it, for the report."""
    before, after = text[max(0, place.start - CONTEXT) : place.start], text[place.end : place.end + CONTEXT]
    shown = f"{before}⟦{text[place.start : place.end]}⟧{after}".replace("\n", "⏎")
    return {"page_id": page_id, "title": title, "start": place.start, "text": shown}
