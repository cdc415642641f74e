"""Paragraphs with markers to text with offsets."""

import re
from dataclasses import dataclass, field

from corpus.titles import decode_entities
from corpus.wikitext.holes import close_holes
from corpus.wikitext.markers import HEADING, KEPT, LINK, LINK_END, LINK_TEXT, TAG, TAG_END
from schemas.records import Link, Section, Span

_KEPT = re.compile(f"{KEPT}([0-9]+){KEPT}")
_LINE_END_ENTITY = re.compile("&(?:#0*(?:9|10|13)|#[xX]0*[9aAdD]|NewLine|Tab);")
_INVISIBLE = "\u00ad\u200b\u200e\u200f\ufeff"  # soft hyphen, zero-width space, marks of direction
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
    marked = _plain("\n".join(paragraphs), kept)
    result = Assembled()
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
        text = decode_entities(_LINE_END_ENTITY.sub(" ", text))
    text = close_holes(text)
    for character in _INVISIBLE:
        if character in text:
            text = text.replace(character, "")
    for space in "\t\xa0":
        if space in text:
            text = text.replace(space, " ")
    while "  " in text:
        text = text.replace("  ", " ")
    return text


def _take_links(line: str, at: int, targets: list[tuple[str, str]], result: Assembled) -> str:
    """`line`, which begins at `at`, without the markers of its links, which are added to the result."""
    out: list[str] = []
    length = 0  # of what is in out
    ends_blank = True
    pieces = _LINK_EDGE.split(line)
    start = number = -1
    for i, piece in enumerate(pieces):
        if i % 2:
            if piece is None:
                if number >= 0:
                    _add_link(out, start, length, at, targets[number], result)
                number = -1
            else:
                number, start = int(piece), length
            continue
        if ends_blank and piece.startswith(" "):
            piece = piece[1:]
        if piece:
            out.append(piece)
            length += len(piece)
            ends_blank = piece.endswith(" ")
    return "".join(out).rstrip(" ")


def _add_link(out: list[str], start: int, end: int, at: int, target: tuple[str, str], result: Assembled) -> None:
    anchor = "".join(out)[start:end]
    core = anchor.strip(" ")
    if not core or core.isspace():
        result.empty_anchors += 1
        return
    start += len(anchor) - len(anchor.lstrip(" "))
    result.links.append(Link(at + start, at + start + len(core), *target))


def _sections(headings: list[tuple[int, int, str]], end: int) -> list[Section]:
    """Sections from (start, level, heading): each ends before the next of its level or a higher one."""
    sections: list[Section] = []
    for i, (start, level, heading) in enumerate(headings):
        after = next((s - 1 for s, other, _ in headings[i + 1 :] if other <= level), end)
        sections.append(Section(start, after, level, heading))
    return sections
