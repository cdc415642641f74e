"""Converts paragraphs with markers to text with offsets."""

import re
from dataclasses import dataclass, field

from mlukit.corpus.titles.normalise import decode_entities
from mlukit.corpus.wikitext.gaps import close_gaps
from mlukit.corpus.wikitext.markers import HEADING, HEADING_END, KEPT, LINK, LINK_END, LINK_TEXT, TAG, TAG_END
from mlukit.schemas.records import Link, Section, Span

_KEPT = re.compile(f"{KEPT}([0-9]+){KEPT}")
_LINE_END_ENTITY = re.compile("&(?:#0*(?:9|10|13)|#[xX]0*[9aAdD]|NewLine|Tab);")
_ENTITY = re.compile("&[^&;\\s]{1,40};")
# soft hyphen, zero-width space, marks of direction, embeddings and isolates
_INVISIBLE = "\u00ad\u200b\ufeff\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_EMPTY_LINK = re.compile(f"{LINK}[0-9]+{LINK_TEXT}( ?){LINK_END}")
_PADDING_BEFORE = re.compile(f"({LINK}[0-9]+{LINK_TEXT}) ")
_PADDING_AFTER = re.compile(f" ({LINK_END})")
_SPACES = re.compile("  +")
_LINK = re.compile(f"{LINK}([0-9]+){LINK_TEXT}([^{LINK_END}]*){LINK_END}")


@dataclass(slots=True)
class Assembled:
    """The text of a page, and the offsets of its parts in that text."""

    text: str = ""
    paragraphs: list[Span] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    empty_anchors: int = 0


def assemble(paragraphs: list[str], kept: list[str], targets: list[tuple[str, str]], code: str) -> Assembled:
    """Joins the paragraphs of a page to its text, and turns markers into offsets.

    Args:
        paragraphs: the result of `Paragraphs.read`.
        kept: the texts that KEPT markers stand for, by number.
        targets: (language, title) of the links that LINK markers stand for, by number.
        code: the language's code.
    """
    result = Assembled()
    marked = _plain("\n".join(paragraphs), kept, code)
    pieces, levels = _split(marked)
    if any(not anchor or anchor[0] == " " or anchor[-1] == " " for anchor in pieces[2::3]):
        marked, result.empty_anchors = _without_padding(marked)
        pieces, levels = _split(marked)
    _take_links(pieces, targets, result)
    del pieces[1::3]
    result.text = "".join(pieces)
    headings: list[tuple[int, int, str]] = []
    position = 0
    for number, line in enumerate(result.text.split("\n") if result.text else ()):
        if number in levels:
            headings.append((position, levels[number], line))
        end = position + len(line)
        result.paragraphs.append(Span(position, end))
        position = end + 1
    result.sections = _sections(headings, len(result.text))
    return result


def _plain(text: str, kept: list[str], code: str) -> str:
    """`text` with entities decoded, gaps closed and white space folded."""
    for marker in (TAG, TAG_END, HEADING_END):
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
    return close_gaps(_SPACES.sub(" ", text), code)


def _decoded(entity: re.Match[str]) -> str:
    """The character of an entity; an entity without a character stays text, as in MediaWiki."""
    character = decode_entities(entity[0])
    return entity[0] if character == "\ufffd" else character


def _without_padding(text: str) -> tuple[str, int]:
    """Moves the spaces at a link's edges out of the link, and removes links that show nothing.

    Returns:
        The text, and the number of links removed.
    """
    text, empty = _EMPTY_LINK.subn(r"\1", text)
    text = _PADDING_AFTER.sub(r"\1 ", _PADDING_BEFORE.sub(r" \1", text))
    return _SPACES.sub(" ", text), empty


def _split(marked: str) -> tuple[list[str], dict[int, int]]:
    """Splits the lines that are not blank at their links.

    Returns:
        [text, number, anchor, text, number, anchor, …, text], and line number -> level for the lines that are headings.
    """
    lines: list[str] = []
    levels: dict[int, int] = {}
    for line in marked.split("\n"):
        level = 0
        if line.startswith(HEADING):
            level, line = int(line[1]), line[2:]
        line = line.strip(" ")
        if line:
            if level:
                levels[len(lines)] = level
            lines.append(line)
    return _LINK.split("\n".join(lines)), levels


def _take_links(pieces: list[str], targets: list[tuple[str, str]], result: Assembled) -> None:
    """Adds the links among `pieces` to the result."""
    end = len(pieces[0])
    for number, anchor, after in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        start = end
        end += len(anchor)
        core = anchor.strip()
        if len(core) == len(anchor):
            result.links.append(Link(start, end, *targets[int(number)]))
        elif core:
            start += anchor.index(core)
            result.links.append(Link(start, start + len(core), *targets[int(number)]))
        else:
            result.empty_anchors += 1
        end += len(after)


def _sections(headings: list[tuple[int, int, str]], end: int) -> list[Section]:
    """Sections from (start, level, heading); a section ends before the next heading of the same or a higher level."""
    ends = [end] * len(headings)
    opened: list[int] = []  # numbers of the sections that have not ended yet
    for i, (start, level, _) in enumerate(headings):
        while opened and headings[opened[-1]][1] >= level:
            ends[opened.pop()] = start - 1
        opened.append(i)
    return [Section(start, ends[i], level, heading) for i, (start, level, heading) in enumerate(headings)]
