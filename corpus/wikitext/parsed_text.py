"""The text and links that a reader of a page sees: the result of `corpus.wikitext.parse_wikitext`."""

from collections.abc import Mapping
from dataclasses import dataclass

from mlukit.schemas.records import Link, Section, Span


@dataclass(frozen=True, slots=True)
class ParsedText:
    """Text without markup, and the information that the markup held."""

    text: str  # paragraphs joined by "\n"
    paragraphs: tuple[Span, ...]
    sections: tuple[Section, ...]
    links: tuple[Link, ...]  # of running text to articles: sorted, not overlapping, neither blank nor padded
    interlanguage: tuple[tuple[str, str], ...]  # (language, title) of [[fr:X]]
    categories: tuple[str, ...]  # titles without the prefix
    templates: tuple[str, ...]  # names as written, stripped
    left_out: Mapping[str, int]  # reason -> links not kept; the reasons are in LEFT_OUT
    unclosed_tables: tuple[str, ...] = ()  # the wikitext of each table without an end, to the page's end


LEFT_OUT: dict[str, str] = {
    "outside text": "is in a table, note, caption, gallery or template",
    "other namespace": "leads to a page that is not an article",
    "other wiki": "leads to a wiki that is not a Wikipedia",
    "same page": "leads to its own page",
    "invalid title": "is not a link for MediaWiki",
    "empty anchor": "shows nothing",
    "target from a template": "a template makes the target or a part of it",
    "lost line": "is in a line of a table that a template opens",
}


class WikitextError(ValueError):
    """A page beyond the limits of the parser: `reason` is a short name, `detail` gives the value and the limit."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
