"""Paragraphs with markers to text with offsets."""

import re
from dataclasses import dataclass, field

from corpus.titles import decode_entities
from corpus.wikitext.holes import close_holes
from corpus.wikitext.markers import HEADING, KEPT, LINK, LINK_END, LINK_TEXT, TAG, TAG_END
from schemas.records import Link, Section, Span

_KEPT = re.compile(f"{KEPT}([0-9]+){KEPT}")
_LINE_END_ENTITY = re.compile("&(?:#0*(?:9|10|13)|#[xX]0*[9aAdD]|NewLine|Tab);")
_ENTITY = re.compile("&[^&;\\s]{1,40};")
# soft hyphen, zero-width space, marks of direction, embeddings and isolates
_INVISIBLE = "\u00ad\u200b\ufeff\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_PADDED = (f"{LINK_TEXT} ", f" {LINK_END}", f"{LINK_TEXT}{LINK_END}")
_EMPTY_LINK = re.compile(f"{LINK}[0-9]+{LINK_TEXT}( ?){LINK_END}")
_PADDING_BEFORE = re.compile(f"({LINK}[0-9]+{LINK_TEXT}) ")
_PADDING_AFTER = re.compile(f" ({LINK_END})")
_SPACES = re.compile("  +")
_LINK_EDGE = re.compile(f"{LINK}([0-9]+){LINK_TEXT}|{LINK_END}")


@dataclass(slots=True)
class Assembled:
    """The text of a page and what lies in it."""

    text: str = ""
    paragraphs: list[Span] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    empty_anchors: int = 0


def assemble(paragraphs: list[str], kept: list[str], targets: list[tuple[str, str]]) -> Assembled:
    """Text, paragraphs, sections and links of `paragraphs`; their markers hold indices into the two lists."""
    result = Assembled()
    marked = _plain("\n".join(paragraphs), kept)
    if any(edge in marked for edge in _PADDED):
        marked, result.empty_anchors = _without_padding(marked)
    lines: list[str] = []
    headings: list[tuple[int, int, str]] = []
    at = 0
    for line in marked.split("\n"):
        level = 0
        if line.startswith(HEADING):
            level = int(line[1])
            line = line[2:]
        line = line.strip(" ")
        if LINK in line or LINK_END in line:
            line = _take_links(line, at, targets, result)
        if not line:
            continue
        if level:
            headings.append((at, level, line))
        lines.append(line)
        result.paragraphs.append(Span(at, at + len(line)))
        at += len(line) + 1
    result.text = "\n".join(lines)
    result.sections = _sections(headings, len(result.text))
    return result


def _plain(text: str, kept: list[str]) -> str:
    """`text` with entities decoded, holes closed and white space folded."""
    for marker in (TAG, TAG_END):
        if marker in text:
            text = text.replace(marker, "")
    if KEPT in text:
        text = _KEPT.sub(lambda number: kept[int(number[1])], text)
    if "&" in text:
        text = text.replace("&nbsp;", " ")
        text = _ENTITY.sub(_decoded, _LINE_END_ENTITY.sub(" ", text))
    for character in _INVISIBLE:
        if character in text:
            text = text.replace(character, "")
    for space in "\t\xa0":
        if space in text:
            text = text.replace(space, " ")
    while "  " in text:
        text = text.replace("  ", " ")
    return close_holes(text)


def _decoded(entity: re.Match[str]) -> str:
    """The character of an entity; one that stands for no character is text, as in MediaWiki."""
    character = decode_entities(entity[0])
    return entity[0] if character == "\ufffd" else character


def _without_padding(text: str) -> tuple[str, int]:
    """`text` with the spaces at a link's edges outside of it, and how many links showed nothing, which are gone."""
    text, empty = _EMPTY_LINK.subn(r"\1", text)
    text = _PADDING_AFTER.sub(r"\1 ", _PADDING_BEFORE.sub(r" \1", text))
    return _SPACES.sub(" ", text), empty


def _take_links(line: str, at: int, targets: list[tuple[str, str]], result: Assembled) -> str:
    """`line`, which begins at `at`, without the markers of its links, which are added to the result."""
    pieces = _LINK_EDGE.split(line)  # text, number, anchor, None, text, …
    end = at + len(pieces[0])
    for i in range(1, len(pieces), 4):
        anchor = pieces[i + 1]
        start = end
        end += len(anchor)
        core = anchor.strip()
        if core:
            if len(core) != len(anchor):
                start += anchor.index(core)
            result.links.append(Link(start, start + len(core), *targets[int(pieces[i])]))
        else:
            result.empty_anchors += 1
        end += len(pieces[i + 3])
    return "".join(pieces[::2])


def _sections(headings: list[tuple[int, int, str]], end: int) -> list[Section]:
    """Sections from (start, level, heading): each ends before the next of its level or a higher one."""
    ends = [end] * len(headings)
    opened: list[int] = []  # sections that may go on
    for i, (start, level, _) in enumerate(headings):
        while opened and headings[opened[-1]][1] >= level:
            ends[opened.pop()] = start - 1
        opened.append(i)
    return [Section(start, ends[i], level, heading) for i, (start, level, heading) in enumerate(headings)]
