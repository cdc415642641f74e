"""A page as mwparserfromhell has it: the links, headings, labels and paragraphs of its running text.

mwparserfromhell gives a tree. This walks it as a reader of the page would: what stands in templates, tables, notes,
pictures and elements that are not shown is set aside with its place, and the text in between is put in one string.
What a title denotes is for `corpus.titles.normalise` to say; nothing else here knows our extractor.
"""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import mwparserfromhell
from mwparserfromhell.nodes import Argument, Comment, ExternalLink, Heading, HTMLEntity, Tag, Template, Text, Wikilink
from mwparserfromhell.wikicode import Wikicode

from mlukit.corpus.languages.language import Language
from mlukit.corpus.titles.normalise import Title, decode_entities, normalise_title

GAP = "\ue010"  # a template or something else that has no text of its own
BREAK = "\ue011"  # <br>
EDGE = "\ue012"  # a block or a list item begins or ends here
HEADING = "\ue013"  # around a heading
ITEM = "\ue014"  # a list item begins here, and ends with the line
STOP = "\ue015"  # a tag begins or ends here: no link trail goes on after it
UNREAD = "\ue016"  # the "&" of an entity that is not decoded
_BLANK = f" \t{GAP}"
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200e\u200f\ufeff" + STOP))
_FILE, _CATEGORY = 6, 14
_UNREAD = (
    *("math", "chem", "ce", "hiero", "score", "timeline", "graph", "mapframe", "maplink"),
    *("syntaxhighlight", "source", "templatestyles", "inputbox"),
)
_ASIDE = {  # tag -> where links in it stand
    "table": "table",
    "ref": "note",
    "references": "note",
    "gallery": "gallery",
    "imagemap": "gallery",
    "includeonly": "includeonly",
}
_BLOCKS = ("div", "blockquote", "center", "p", "pre", "poem", "ol", "ul", "dl", "li", "dt", "dd", "hr", "caption")
_CELLS = ("td", "th", "tr")
_LINES = ("pre", "poem")
_HIDING = frozenset(("thumb", "gallery", "floatright", "floatleft", "floatnone", "toc", "reference", "references"))


@dataclass(slots=True)
class TheirLink:
    """A wikilink: where it stands, and for one of the running text, its anchor's place in the text."""

    title: Title | None  # None where MediaWiki sees no link
    place: str  # "text", or what it stands in
    start: int
    end: int = 0


@dataclass(slots=True)
class TheirPage:
    """What mwparserfromhell says of a page."""

    text: str = ""
    links: list[TheirLink] = field(default_factory=list)
    headings: list[tuple[int, str]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)  # of external links in running text

    def paragraphs(self) -> list[str]:
        """The paragraphs without gaps, by MediaWiki's rules for lines; white space is not folded."""
        found: list[str] = []
        opened: list[str] = []
        for block in self.text.split(HEADING)[::2]:
            for line in [*block.split("\n"), ""]:
                alone = ITEM in line or EDGE in line or line.startswith(" ")
                if opened and (alone or not line.strip(_BLANK)):
                    found.append(" ".join(opened))
                    opened.clear()
                if alone:
                    found.append(line)
                elif line.strip(_BLANK):
                    opened.append(line)
        parts = (part for paragraph in found for part in re.split(f"[{EDGE}{ITEM}{BREAK}]", paragraph))
        return [part for part in parts if GAP not in part]


def fold(text: str) -> str:
    """`text` with white space as a reader sees it."""
    text = text.replace(UNREAD, "&").translate(_INVISIBLE)
    return re.sub(r"[ \t\n\xa0]+", " ", text).strip(" ")


def read_page(wikitext: str, language: Language) -> TheirPage:
    """Parse a page with mwparserfromhell and walk its tree."""
    reader = _Reader(language)
    reader.walk(mwparserfromhell.parse(wikitext), "text")
    reader.page.text = "".join(reader.parts)
    return reader.page


class _Reader:
    def __init__(self, language: Language) -> None:
        self.language = language
        self.page = TheirPage()
        self.parts: list[str] = []
        self.size = 0

    def add(self, text: str, place: str) -> None:
        if place == "text":
            self.parts.append(text)
            self.size += len(text)

    def walk(self, code: Wikicode | None, place: str) -> None:
        for node in code.nodes if code is not None else ():
            self.node(node, place)

    def node(self, node: Any, place: str) -> None:
        match node:
            case Text():
                self.add(node.value, place)
            case HTMLEntity():
                character = decode_entities(str(node))
                self.add(str(node) if character == "\ufffd" else character, place)
            case Comment():
                pass
            case Wikilink():
                self.wikilink(node, place)
            case Tag():
                self.tag(node, place)
            case Template():
                self.add(GAP, place)
                for parameter in node.params:
                    self.walk(parameter.value, "template")
            case Argument():
                self.add(GAP, place)
                self.walk(node.default, "template")
            case Heading():
                self.heading(node, place)
            case ExternalLink():
                self.external_link(node, place)

    def wikilink(self, node: Wikilink, place: str) -> None:
        written = "".join(str(part) for part in node.title.nodes if not isinstance(part, Comment))
        title = normalise_title(written, self.language)
        may_be_hidden = title is not None and not title.leading_colon
        if title and may_be_hidden and (title.interlanguage or title.namespace in (_FILE, _CATEGORY)):
            self.walk(node.text, "picture" if title.namespace == _FILE else "category")
            if title.namespace == _FILE:
                self.add(GAP, place)
            return
        self.add(STOP, place)
        link = TheirLink(title, place, self.size)
        self.page.links.append(link)
        if node.text is None:
            self.add(unquote(written.lstrip(" ")).removeprefix(":").replace("&", UNREAD), place)
        else:
            self.walk(node.text, place)
        link.end = self.size

    def tag(self, node: Tag, place: str) -> None:
        name = str(node.tag).strip().lower()
        if name == "br":
            self.add(BREAK, place)
        elif node.wiki_markup in ("*", "#", ":", ";"):
            self.add(ITEM, place)
        elif name in _ASIDE or name in _CELLS:
            self.add(STOP if name == "ref" else GAP if name == "references" else EDGE, place)
            self.walk(node.contents, _ASIDE.get(name, "table") if place == "text" else place)
        elif name in _UNREAD:
            self.add(GAP, place)
        elif _hides(node):
            self.add(STOP, place)
            self.walk(node.contents, "hidden")
        else:
            edge = EDGE if name in _BLOCKS else STOP
            self.add(edge, place)
            start = len(self.parts)
            self.walk(node.contents, place)
            if name in _LINES:
                self.parts[start:] = [part.replace("\n", EDGE) for part in self.parts[start:]]
            self.add(edge, place)

    def heading(self, node: Heading, place: str) -> None:
        self.add(HEADING, place)
        start = len(self.parts)
        self.walk(node.title, place)
        if place == "text":
            self.page.headings.append((node.level, fold("".join(self.parts[start:]))))
        self.add(HEADING, place)

    def external_link(self, node: ExternalLink, place: str) -> None:
        if not node.brackets:
            self.walk(node.url, place)
        elif node.title is None or not str(node.title).strip():
            self.add(GAP, place)
        else:
            start = len(self.parts)
            self.walk(node.title, place)
            if place == "text":
                self.page.labels.append(fold("".join(self.parts[start:])))


def _hides(node: Tag) -> bool:
    for attribute in node.attributes:
        name, value = str(attribute.name).strip().lower(), str(attribute.value or "")
        if name == "style" and re.search(r"display\s*:\s*none", value, re.IGNORECASE):
            return True
        if name == "class" and not _HIDING.isdisjoint(value.split()):
            return True
    return False
