"""Where a page's wikitext has its links, told without parsing it: what an extractor is held against.

One scan finds the pairs of brackets and tags that keep a link out of the running text. It knows nothing of what
templates make of their arguments, nor of markup that is broken: a judge that is simpler than what it judges.
"""

import re
from collections.abc import Iterator
from typing import Literal, TypeAlias

from corpus.language import Language
from corpus.titles import normalise_title

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
_TARGET = re.compile(r"[^\[\]|{}\n]+")
_FILE = 6


def written_links(text: str, language: Language) -> dict[str, Place]:
    """The articles of its own wiki that a page's wikitext links to, each with the best place where it does so.

    Time is linear in the text's length.
    """
    found: dict[str, Place] = {}
    for title, place in _links(text, language):
        known = found.get(title)
        if known is None or PLACES.index(place) < PLACES.index(known):
            found[title] = place
    return found


def _links(text: str, language: Language) -> Iterator[tuple[str, Place]]:
    tokens = list(_tokens(text))
    depth: dict[Place, int] = dict.fromkeys(PLACES, 0)
    edges = _edges(tokens)
    pictures: list[bool] = []  # of the brackets that are open: whether a picture's
    for number, token in enumerate(tokens):
        place, step = edges.get(number, ("text", 0))
        depth[place] += step
        if token["end"] and pictures:
            depth["picture"] -= pictures.pop()
        if not token["link"]:
            continue
        target = _TARGET.match(text, token.end())
        title = normalise_title(target[0], language) if target else None
        inside = title is not None and title.language == language.code
        is_picture = inside and title is not None and title.namespace == _FILE and not title.leading_colon
        if inside and title is not None and title.namespace == 0 and title.title:
            yield title.title, _place(depth)
        pictures.append(is_picture)
        depth["picture"] += is_picture


def _place(depth: dict[Place, int]) -> Place:
    return next((place for place in PLACES[1:] if depth[place] > 0), "text")


def _tokens(text: str) -> Iterator[re.Match[str]]:
    """Brackets and tags outside of comments and of what is not read as wikitext."""
    at = 0
    unclosed: set[str] = set()  # closing tags that do not come any more
    while token := _TOKEN.search(text, at):
        at = token.end()
        if not token["unread"]:
            yield token
            continue
        close = "-->" if token[0] == "<!--" else "</" + re.split(r"[\s>]", token[0][1:], maxsplit=1)[0].lower()
        if close in unclosed:
            continue
        end = re.compile(re.escape(close), re.IGNORECASE).search(text, at)
        if end:
            at = end.end()
        else:
            unclosed.add(close)


def _edges(tokens: list[re.Match[str]]) -> dict[int, tuple[Place, int]]:
    """By the tokens' numbers: where a place begins (1) and ends (-1); an opening without its end is none."""
    edges: dict[int, tuple[Place, int]] = {}
    opened: dict[Place, list[int]] = {place: [] for place in PLACES}
    for number, token in enumerate(tokens):
        place = _place_of(token[0].lower())
        if token["open"]:
            opened[place].append(number)
        elif token["close"] and opened[place]:
            edges[opened[place].pop()] = (place, 1)
            edges[number] = (place, -1)
    return edges


def _place_of(mark: str) -> Place:
    if mark.startswith(("{{", "}}")):
        return "template"
    if "ref" in mark:
        return "note"
    return "picture" if "gallery" in mark or "imagemap" in mark else "table"
