"""Brackets and tags of wikitext that keep something out of the running text, told by one scan without parsing.

It knows nothing of what templates make of their arguments, nor of markup that is broken: what reads pages by it is a
judge that is simpler than what it judges.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, TypeAlias

Place: TypeAlias = Literal["text", "template", "table", "note", "picture"]
PLACES: tuple[Place, ...] = ("text", "template", "table", "note", "picture")  # the best one first

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
    """A bracket or tag; an unread element is one token, from its opening to its closing tag."""

    start: int
    end: int
    kind: str  # unread, open, close, link ("[["), end ("]]")
    mark: str  # as written; of an unread element the opening tag, in small letters


def read_tokens(text: str) -> list[Token]:
    """The brackets and tags of a page outside of what is not read as wikitext. Time is linear."""
    return list(_tokens(text))


def _tokens(text: str) -> Iterator[Token]:
    position = 0
    unclosed: set[str] = set()  # closing tags that do not come any more
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
    """By the tokens' numbers: where a place begins (1) and ends (-1); an opening without its end is none."""
    edges: dict[int, tuple[Place, int]] = {}
    opened: dict[Place, list[int]] = {place: [] for place in PLACES}
    for number, token in enumerate(tokens):
        if token.kind not in ("open", "close"):
            continue
        place = _place_of(token.mark.lower())
        if token.kind == "open":
            opened[place].append(number)
        elif opened[place]:
            edges[opened[place].pop()] = (place, 1)
            edges[number] = (place, -1)
    return edges


def _place_of(mark: str) -> Place:
    if mark.startswith(("{{", "}}")):
        return "template"
    if "ref" in mark:
        return "note"
    return "picture" if "gallery" in mark or "imagemap" in mark else "table"
