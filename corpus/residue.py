"""Remains of markup in text: what no reader of the page would see, and what a reader would take for a slip.

Not all that is found is wrong: authors write "a < b", two spaces, and a space before a comma. A class's rate tells how
much at most is left of the markup, and its examples tell which it is.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from heapq import nlargest
from itertools import chain
from typing import Any, NamedTuple

from corpus.language import Language
from corpus.language_tables import any_language
from corpus.samples import Sample

WORST_PAGES = 12
CONTEXT = 40  # characters shown on either side of an example

_NAMED_NAMESPACES = (6, 14, 10)  # File, Category, Template: a line that begins with one is a link gone wrong
_CLOSING = re.escape(")]}）］」』】»”")
_OPENING = re.escape("([（［")
_COMMAS = ",;،؛、，；"
_PUNCTUATION = ",;:.!?،؛؟。，、；：！？।॥"


@dataclass(frozen=True, slots=True)
class ResidueClass:
    """One way in which markup shows."""

    name: str
    text: str  # what it means
    pattern: re.Pattern[str]  # searched in the text of a page; ^ and $ are the ends of a paragraph


class Residue(NamedTuple):
    """A place in a text."""

    name: str  # of its class
    start: int
    end: int


# name -> (meaning, pattern). A position belongs to one class, as far as their patterns can tell. What a pattern begins
# with is a plain character, and what stands before it is looked at afterwards: that is ten times as fast.
_CLASSES: dict[str, tuple[str, str]] = {
    "{{ }}": ("a template's braces", r"\{\{+|\}\}+"),
    "{ }": ("a brace that stands alone", r"\{(?<![{|]\{)(?![{|])|\}(?<![}|]\})(?![}|])"),
    "[[ ]]": ("a link's brackets", r"\[\[+|\]\]+"),
    "[url": ("an external link's bracket", r"(?<!\[)\[(?=(?:https?|ftp)://|//|mailto:)"),
    "table": ("code of a table", r"\{\||\|\}|\|[+-](?<=^..)|! (?<=^..)|\|\|(?<!\|\|\|)(?!\|)|=(?<=(?:row|col)span=)"),
    "|": ("a pipe", r"\|(?<![|{]\|)(?![|}+-])|\|(?<=[^|{\n]\|)(?=[+-])"),
    "tag": ("a tag of HTML or an extension", r"</?[A-Za-z][A-Za-z0-9]*(?:[ /][^<>\n]{0,200})?>|<!--|-->"),
    "< >": ("an angle bracket that is no tag", r"<(?![/A-Za-z!])|(?<![A-Za-z0-9\"'/-])>"),
    "''": ("marks of italic and bold", r"''+"),
    "== at line start": ("marks of a heading", r"^==+"),
    "list mark": ("marks of a list", r"^[*#:;]"),
    "empty brackets": ("brackets around nothing", r"\([ ,;:–-]*\)|\[ *\]|（[ ，、；]*）|[«“„][ ]*[»”]"),
    "hole": (
        "punctuation that something left out stood beside",
        rf"[{_OPENING}] ?[{_COMMAS}](?![ ,;:–-]*\))|[{_COMMAS}](?<![(（ ].) ?[{_CLOSING}]"
        rf"|[{_COMMAS}] ?[{_COMMAS}](?! ?\))",
    ),
    "begins with punctuation": ("what stood before is gone", r"^[,.)\]、。，）।»](?![.\w])"),
    "doubled spaces": ("two spaces or more", r"  +"),
    "&name;": ("a character reference", r"&(?:[A-Za-z][A-Za-z0-9]{1,30}|#[0-9]{1,8}|#[xX][0-9A-Fa-f]{1,8});"),
    "__SWITCH__": ("a behaviour switch", r"__[^\W\d_]+__"),
    "magic word": (
        "a parser function or a template's parameter",
        r"#(?:if|ifeq|ifexpr|switch|expr|invoke|tag):|\{\{\{",
    ),
    "character": (
        "a control or private character, or U+FFFD",
        "[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ue000-\uf8ff\ufffd]",
    ),
}
_SPACED = "space before punctuation"
_NAMESPACE = "File: Category:"


@cache
def residue_classes(code: str) -> tuple[ResidueClass, ...]:
    """The classes for a language, whose typography may put a space before some punctuation.

    Raises ValueError for a code that is no Wikipedia's.
    """
    language = any_language(code)
    rows = [(name, *row) for name, row in _CLASSES.items()]
    rows.append((_SPACED, "a space before punctuation", _spaced(language)))
    rows.append((_NAMESPACE, "a line that begins with the name of a namespace", _namespace(language)))
    return tuple(ResidueClass(name, text, re.compile(pattern, re.MULTILINE)) for name, text, pattern in rows)


def find_residue(text: str, classes: tuple[ResidueClass, ...]) -> Iterator[Residue]:
    """The remains of markup in a page's text, class by class."""
    return chain.from_iterable(
        (Residue(of.name, match.start(), match.end()) for match in of.pattern.finditer(text)) for of in classes
    )


def _spaced(language: Language) -> str:
    """A space before punctuation that ends something; " ...", " .NET", " :-)" and the language's own usage are none."""
    signs = "".join(sign for sign in _PUNCTUATION if sign not in language.spaced_punctuation)
    return rf"(?<=[^\s,;:.!?(（–—-]) +[{re.escape(signs)}](?=[\s{_CLOSING}]|$)"


def _namespace(language: Language) -> str:
    names = (name for name, number in language.namespaces.items() if number in _NAMED_NAMESPACES)
    return rf"^(?i:{'|'.join(map(re.escape, sorted(names)))}) ?:(?=\S)"


@dataclass
class ResidueTally:
    """What was found on the pages of one language; adds up over shards in any order. Memory: some 100 pages."""

    pages: int = 0
    paragraphs: int = 0
    marked_paragraphs: int = 0  # with a remain of any class
    places: Counter[str] = field(default_factory=Counter)  # by class
    paragraphs_of: Counter[str] = field(default_factory=Counter)  # by class
    examples: dict[str, Sample] = field(default_factory=dict)
    worst: list[tuple[int, int, str, str]] = field(default_factory=list)  # (places, -page id, title, classes)

    def add_page(
        self, page_id: int, title: str, text: str, starts: Sequence[int], classes: tuple[ResidueClass, ...]
    ) -> None:
        """Counts a page; `starts` are those of its paragraphs."""
        self.pages += 1
        self.paragraphs += len(starts)
        found: dict[str, list[int]] = {}
        for name, start, end in find_residue(text, classes):
            found.setdefault(name, []).append(bisect_right(starts, start))
            shown = f"{text[max(0, start - CONTEXT) : start]}⟦{text[start:end]}⟧{text[end : end + CONTEXT]}"
            item = {"page_id": page_id, "title": title, "start": start, "text": shown.replace("\n", "⏎")}
            self.examples.setdefault(name, Sample()).add(f"{page_id}:{start}", item)
        if found:
            self.marked_paragraphs += len(set(chain.from_iterable(found.values())))
            self.places.update({name: len(where) for name, where in found.items()})
            self.paragraphs_of.update({name: len(set(where)) for name, where in found.items()})
            often = Counter({name: len(where) for name, where in found.items()}).most_common(3)
            self._add_worst([(sum(map(len, found.values())), -page_id, title, ", ".join(f"{k} {n}" for k, n in often))])

    def _add_worst(self, pages: Iterable[tuple[int, int, str, str]]) -> None:
        self.worst = nlargest(WORST_PAGES, [*self.worst, *pages])

    def per_thousand(self, name: str | None = None) -> float:
        """Paragraphs with a remain of the class, or of any, in a thousand."""
        marked = self.marked_paragraphs if name is None else self.paragraphs_of[name]
        return 1000 * marked / max(self.paragraphs, 1)

    def add(self, other: "ResidueTally") -> None:
        """Adds another shard's."""
        self.pages += other.pages
        self.paragraphs += other.paragraphs
        self.marked_paragraphs += other.marked_paragraphs
        self.places.update(other.places)
        self.paragraphs_of.update(other.paragraphs_of)
        for name, sample in other.examples.items():
            self.examples.setdefault(name, Sample()).add_json(sample.to_json())
        self._add_worst(other.worst)

    def to_json(self) -> dict[str, Any]:
        """As written to disk."""
        return {
            "pages": self.pages,
            "paragraphs": self.paragraphs,
            "marked_paragraphs": self.marked_paragraphs,
            "places": dict(self.places),
            "paragraphs_of": dict(self.paragraphs_of),
            "examples": {name: sample.to_json() for name, sample in self.examples.items()},
            "worst": [list(page) for page in self.worst],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ResidueTally":
        """The inverse of `to_json`."""
        tally = cls(value["pages"], value["paragraphs"], value["marked_paragraphs"])
        tally.places.update(value["places"])
        tally.paragraphs_of.update(value["paragraphs_of"])
        for name, rows in value["examples"].items():
            tally.examples.setdefault(name, Sample()).add_json(rows)
        tally.worst = [(count, number, title, classes) for count, number, title, classes in value["worst"]]
        return tally
