"""Joins lines to paragraphs, as MediaWiki 1.39's BlockLevelPass does.

Lines of text join to a paragraph until a blank line, a heading, a list item or the edge of a block.
"""

import re

from mlukit.corpus.wikitext.external_links import BARE_ADDRESS
from mlukit.corpus.wikitext.line_marks import marked_heading
from mlukit.corpus.wikitext.markers import BLOCK, BREAK, GAP, HEADING, HEADING_END, LINK, LINK_END, NOTE, TAG, TAG_END
from mlukit.corpus.wikitext.quotes import strip_quotes

_ITEM = re.compile("[*#:;]+")
_QUOTES = "''"
_TERM_MARK = re.compile(rf"{LINK}[^{LINK_END}]*{LINK_END}|{BARE_ADDRESS}|''+|[{TAG}{TAG_END}:]")
_BLANK = " \t" + GAP
_BLANK_OR_TAG = _BLANK + TAG + TAG_END + NOTE
_STOPS = frozenset(("", ".", ",", ";", ":"))  # alone after a block: the end of a sentence that the block interrupts


class Paragraphs:
    """Collects paragraphs: each a string without line ends; a heading begins with HEADING and its level."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._open: list[str] = []
        self._behind_block = ""  # the end of the last line, after the edge of a block; the next edge may end it
        self._item_prefix = ""  # the list marks of the last line, with ":" for ";"; "" if it was not a list item

    def read(self, text: str) -> list[str]:
        """The paragraphs of a text in which only markup of lines, italics and bold is left."""
        after_table_code = False  # the last line was a template, which may open a table, or code of a table
        for line in text.split("\n"):
            first = line[:1]
            if not first or not line.strip(_BLANK):
                self.end()
                after_table_code = after_table_code or GAP in line
            elif first in "|!" and _is_table_code(line, after_table_code):
                self.end()
                after_table_code = True
            else:
                after_table_code = False
                self._read_line(line, first)
        self.end()
        return self.found

    def _read_line(self, line: str, first: str) -> None:
        """Adds a line, which is neither blank nor code of a table; `first` is its first character."""
        if first == GAP and line.lstrip(_BLANK).startswith("=="):
            line = marked_heading(line.lstrip(_BLANK))
        if HEADING in line:
            self._headings(strip_quotes(line))
            return
        if first in "*#:;":
            self._item(line)
            return
        if _QUOTES in line:
            line = strip_quotes(line)
        if BLOCK in line:
            line = f"{self._behind_block} {line}" if self._behind_block else line
            self._behind_block = ""
            self.end()
            before, _, self._behind_block = line.rpartition(BLOCK)
            self._add_blocks(before + BLOCK)
        elif first == " ":
            self.end()
            self.add(line)
        else:
            if self._behind_block:
                self.end()
            self._open.append(line)

    def add(self, paragraph: str) -> None:
        """Adds a complete text; each <br> starts a new paragraph."""
        if BREAK in paragraph:
            self.found += paragraph.split(BREAK)
        else:
            self.found.append(paragraph)

    def end(self) -> None:
        """Ends the open paragraph and the open list."""
        self._item_prefix = ""
        if self._behind_block:
            self._add_block(self._behind_block)
            self._behind_block = ""
        if self._open:
            self.add(" ".join(self._open))
            self._open.clear()

    def _add_blocks(self, line: str) -> None:
        """Adds a line; the edges of blocks in it separate paragraphs."""
        if BLOCK not in line:
            self.add(line)
            return
        for part in line.split(BLOCK):
            self._add_block(part)

    def _add_block(self, text: str) -> None:
        """Adds the text between two edges of blocks, unless it is blank or a single stop."""
        if text.strip(_BLANK_OR_TAG) not in _STOPS:
            self.add(text)

    def _item(self, line: str) -> None:
        """Adds an item of a list; in `; term : definition`, term and definition become separate paragraphs."""
        found = _ITEM.match(line)
        prefix = found[0] if found else ""
        item = line[len(prefix) :]
        last = "" if self._open else self._item_prefix
        self.end()
        if ";" in prefix:
            for _ in range(_terms(prefix, last)):
                colon = _colon_after_term(item)
                if colon < 0:
                    break
                self._add_blocks(strip_quotes(item[:colon]))
                item = item[colon + 1 :]
            prefix = prefix.replace(";", ":")
        self._item_prefix = prefix
        self._add_blocks(strip_quotes(item))

    def _headings(self, line: str) -> None:
        """Adds a line with headings. Text after a heading comes from the next line, if a link removed the line end."""
        self.end()
        before, *headings = line.split(HEADING)
        self._add_blocks(before)
        for heading in headings:
            title, _, behind = heading[1:].partition(HEADING_END)
            self.found.append(f"{HEADING}{heading[0]}{title.replace(BREAK, ' ').replace(BLOCK, ' ')}")
            self._add_blocks(behind)


def _is_table_code(line: str, after_table_code: bool) -> bool:
    """Whether a line outside of tables is code of a table that a template opens."""
    return after_table_code or line.startswith(("|-", "|}", "||")) or line.rstrip() == "|"


def _terms(prefix: str, last: str) -> int:
    """The number of terms in an item that a colon may end: one for each ";" that opens a list, or one in an open list.

    Args:
        prefix: the list marks of the item.
        last: the list marks of the item in the line before, with ":" for ";".
    """
    if prefix.replace(";", ":") == last:
        return int(prefix.endswith(";"))
    common = 0
    for mark, last_mark in zip(prefix, last, strict=False):
        if mark != last_mark:
            break
        common += 1
    return prefix.count(";", common)


def _colon_after_term(item: str) -> int:
    """The position of the colon in `; term : definition`, or -1. A colon within a tag, a link or quotes is text."""
    depth = 0
    italic = bold = False
    for mark in _TERM_MARK.finditer(item):
        if mark[0] == ":" and not (depth or italic or bold):
            return mark.start()
        if mark[0] == TAG:
            depth += 1
        elif mark[0] == TAG_END:
            depth = max(0, depth - 1)
        elif mark[0].startswith(_QUOTES):
            italic ^= len(mark[0]) in (2, 5)
            bold ^= len(mark[0]) != 2
    return -1
