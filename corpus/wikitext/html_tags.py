"""Removes HTML from wikitext: tags; and tables, hidden elements and boxes beside the text together with their content.

The names of tags, and the end of a tag, follow MediaWiki 1.39's Sanitizer::internalRemoveHtmlTags. Everything else
between angle brackets is text, as in MediaWiki.
"""

import re
from dataclasses import dataclass, field

from mlukit.corpus.wikitext.extension_tags import Stripped
from mlukit.corpus.wikitext.markers import BLOCK, BREAK, TABLE_END, TAG, TAG_END

_INLINE = (
    "b bdi bdo del i ins u font big small sub sup cite code em s strike strong tt var ruby rb rp rt rtc span abbr dfn "
    "kbd samp data time mark q wbr meta link"
)
_BLOCKS = "h1 h2 h3 h4 h5 h6 div center blockquote ol ul dl caption pre p li dt dd hr td th tr table"
_SHOWN = dict.fromkeys(_INLINE.split(), TAG) | dict.fromkeys(_BLOCKS.split(), BLOCK) | {"br": BREAK}

_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/<>]*)([^<>]*)>")
_HIDDEN = re.compile(
    r"display\s*:\s*none|class\s*=\s*[\"']?[^\"'>]*(?<![\w-])(?:thumb|gallery|floatright|floatleft|floatnone|toc|references?)(?![\w-])",
    re.IGNORECASE,
)


_BARE_READING = re.compile(r"(?<!</rp>)<rt(?:\s[^<>]*)?>([^<>]*)</rt\s*>", re.IGNORECASE)
# A line that begins with a space is preformatted, but not in a blockquote: BlockLevelPass::execute, $inBlockquote.
_BLOCKQUOTE = re.compile(r"<blockquote\b[^<>]*>.*?</blockquote\s*>", re.IGNORECASE | re.DOTALL)
_INDENT = re.compile(r"\n +(?=\S)")
_TABLE_TAGS = ("table", "tr", "td", "th", "caption")
_BROKEN_TAG = re.compile(r"<\s*/?\s*[a-zA-Z][^<>\n]*>")  # between cells: </tabel>, <tbody>
_EMPTY = ("wbr", "meta", "link")
_NOT_SHOWN = "table"  # in place of a cell's name: the whole table is hidden
_LONGEST_ATTRIBUTES = 2_000  # characters searched for an attribute that hides the element


@dataclass(slots=True)
class _Tables:
    """The tables that are open at a place in a page, by HTML's rules for "in table" and "in cell".

    Text that is in a table, but not in a cell, is shown before the table.
    """

    cells: list[str] = field(default_factory=list)  # of each table, the name of its open cell or caption, or ""

    @property
    def hidden(self) -> bool:
        """Whether the text at this place is in a cell, or in a table that is not shown."""
        return any(self.cells)

    def read(self, name: str, closes: bool, is_shown: bool) -> None:
        """Updates the open tables for the next tag of a table."""
        if name == "table":
            if self.cells and (closes or not self.cells[-1]):
                self.cells.pop()  # a table that opens within another one, but within no cell, ends the other one
            if not closes:
                self.cells.append("" if is_shown else _NOT_SHOWN)
        elif self.cells and self.cells[-1] != _NOT_SHOWN:
            self._read_within(name, closes)

    def _read_within(self, name: str, closes: bool) -> None:
        """Updates the open cell of the innermost table, for a tag other than <table>."""
        opened = self.cells[-1]
        ends_row = name == "tr" and (not closes or opened != "caption")
        if ends_row or (closes and opened == name):
            self.cells[-1] = ""
        elif not closes and name != "tr":
            self.cells[-1] = name


def strip_html_tags(text: str, stripped: Stripped) -> str:
    """`text` without tags; block tags and <br> leave their markers.

    Args:
        text: wikitext.
        stripped: receives the content of removed elements, and tables without an end.
    """
    if "<" not in text:
        return text
    if "<rt" in text:
        text = _BARE_READING.sub(_in_brackets, text)
    if "<blockquote" in text:
        text = _BLOCKQUOTE.sub(lambda quotation: _INDENT.sub(f"\n{TAG}{TAG_END}", quotation[0]), text)
    tags = [tag for tag in _TAG.finditer(text) if tag[2].lower() in _SHOWN]
    ends: dict[int, int] | None = None
    tables, hidden = _Tables(), False
    hidden_from = 0
    out: list[str] = []
    position = 0
    for tag in tags:
        if tag.start() < position:
            continue
        name = tag[2].lower()
        in_table, was_hidden = bool(tables.cells), hidden
        if name in _TABLE_TAGS:
            tables.read(name, bool(tag[1]), not _is_not_shown(tag))
            hidden = tables.hidden
        if was_hidden:
            if hidden:
                continue
            stripped.dropped.append(text[hidden_from : tag.start()])
        else:
            shown = text[position : tag.start()]
            out.append(_BROKEN_TAG.sub("", shown) if in_table else shown)
        out.append(_mark(tag, name, in_table))
        hidden_from = position = tag.end()
        if tag[3] and not tag[1] and name not in _TABLE_TAGS and _is_not_shown(tag):
            ends = _ends_of_elements(tags) if ends is None else ends
            position = ends.get(position) or _end_of_unclosed(text, name, position)
            stripped.dropped.append(text[tag.end() : position])
    if hidden:
        stripped.leave_unclosed(text[hidden_from:])
    else:
        out.append(_BROKEN_TAG.sub("", text[position:]) if tables.cells else text[position:])
    return "".join(out)


def _in_brackets(reading: re.Match[str]) -> str:
    """A reading above a word, in brackets: without <rp>, it has no brackets and would be joined to the word."""
    shown = reading[1].strip()
    if not shown:
        return ""
    return f"({shown})" if shown.isascii() else f"（{shown}）"


def _mark(tag: re.Match[str], name: str, in_table: bool) -> str:
    """The marker that replaces a tag."""
    if name == "table" and tag[1] and not in_table:
        return TABLE_END  # it may close a {|
    shown = _SHOWN[name]
    if shown != TAG:
        return shown
    return TAG_END if tag[1] else TAG + TAG_END if tag[3].endswith("/") or name in _EMPTY else TAG


def _is_not_shown(tag: re.Match[str]) -> bool:
    """Whether the attributes of an opening tag hide the element, or put it beside the text."""
    return bool(tag[3] and tag[3][-1] != "/" and _HIDDEN.search(tag[3], 0, _LONGEST_ATTRIBUTES))


def _ends_of_elements(tags: list[re.Match[str]]) -> dict[int, int]:
    """End of an opening tag -> end of the closing tag that belongs to it."""
    ends: dict[int, int] = {}
    opened: dict[str, list[int]] = {}
    for tag in tags:
        starts = opened.setdefault(tag[2].lower(), [])
        if not tag[1]:
            if not tag[3].endswith("/"):
                starts.append(tag.end())
        elif starts:
            ends[starts.pop()] = tag.end()
    return ends


def _end_of_unclosed(text: str, name: str, position: int) -> int:
    """The end of an element without a closing tag: the end of the line, or of the page if the element is a block."""
    end = text.find("\n", position) if _SHOWN[name] == TAG else -1
    return len(text) if end < 0 else end
