"""Finds brackets and tags of wikitext that keep text out of the running text, by one scan without parsing.

The scan ignores what templates do with their arguments, and broken markup. So checks that use it are simpler than the
extractor that they check.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, TypeAlias

Place: TypeAlias = Literal["text", "template", "table", "note", "picture"]
PLACES: tuple[Place, ...] = ("text", "template", "table", "note", "picture")  # the best place of a link first

_UNREAD = (
    r"nowiki|pre|math|chem|ce|syntaxhighlight|source|score|timeline|graph|templatedata|includeonly|mapframe|maplink"
)
_TOKEN = re.compile(
    rf"(?P<unread><(?:{_UNREAD})\b[^<>]*(?<!/)>|<!--)"
    r"|(?P<open>\{\{|^[:* ]*\{\||<(?:ref|table)\b[^<>]*(?<!/)>|<(?:gallery|imagemap)\b[^<>]*>)"
    r"|(?P<close>\}\}|^[ ]*\|\}(?!\})|</(?:ref|table|gallery|imagemap) *>)"
    r"|(?P<link>\[\[)|(?P<end>\]\])",
    re.IGNORECASE | re.MULTILINE,
)
_NAME = re.compile(r"<(!--|\w+)")


class Token(NamedTuple):
    """A bracket or tag. An element whose content is not wikitext is one token, from its opening to its closing tag."""

    start: int
    end: int
    role: str  # unread, open, close, link ("[["), end ("]]")
    mark: str  # as written; for an unread element its opening tag in small letters


def read_tokens(text: str) -> list[Token]:
    """The brackets and tags of a page, except those in elements that are not read as wikitext. Time is linear."""
    return list(_tokens(text))


def _tokens(text: str) -> Iterator[Token]:
    """The tokens of `read_tokens`."""
    position = 0
    unclosed: set[str] = set()  # closing tags that do not occur in the rest of the text
    while token := _TOKEN.search(text, position):
        position = token.end()
        if not token["unread"]:
            yield Token(token.start(), position, str(token.lastgroup), token[0])
            continue
        name = _NAME.match(token[0])
        close = "-->" if token[0] == "<!--" or name is None else f"</{name[1].lower()}"
        if close in unclosed:
            continue
        end = re.compile(re.escape(close) + (r"\s*>" if close != "-->" else ""), re.IGNORECASE).search(text, position)
        if end:
            position = end.end()
            yield Token(token.start(), position, "unread", token[0].lower())
        else:
            unclosed.add(close)


def pair_edges(tokens: Sequence[Token]) -> dict[int, tuple[Place, int]]:
    """Where places begin (1) and end (-1), by the numbers of tokens; an opening without its end is left out."""
    edges: dict[int, tuple[Place, int]] = {}
    opened: dict[Place, list[int]] = {place: [] for place in PLACES}
    for number, token in enumerate(tokens):
        if token.role not in ("open", "close"):
            continue
        place = _place_of(token.mark.lower())
        if token.role == "open":
            opened[place].append(number)
        elif opened[place]:
            edges[opened[place].pop()] = (place, 1)
            edges[number] = (place, -1)
    return edges


def _place_of(mark: str) -> Place:
    """The place that a bracket or tag opens or closes."""
    if mark.startswith(("{{", "}}")):
        return "template"
    if "ref" in mark:
        return "note"
    return "picture" if "gallery" in mark or "imagemap" in mark else "table"
