"""Lines to paragraphs, as MediaWiki 1.39's BlockLevelPass and Parser::handleHeadings have them.

Lines of text join to a paragraph until a blank line, a heading, a list item or the edge of a block.
"""

import re

from mlukit.corpus.wikitext.markers import BLOCK, BREAK, GAP, HEADING, LINK, LINK_END, TAG, TAG_END
from mlukit.corpus.wikitext.quotes import strip_quotes

_ITEM = re.compile("[*#:;]+")
_RULE = re.compile("-----*")
_TERM_MARK = re.compile(rf"{LINK}[^{LINK_END}]*{LINK_END}|[a-z]+://\S*|''+[^']*''+|[{TAG}{TAG_END}:]")
_BLANK = " \t" + GAP
_BLANK_OR_TAG = _BLANK + TAG + TAG_END
_STOPS = frozenset(("", ".", ",", ";", ":"))  # alone after a block one is what is left of its sentence


class Paragraphs:
    """Collects paragraphs: each a string without line ends; a heading begins with HEADING and its level."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._open: list[str] = []

    def read(self, text: str) -> list[str]:
        """The paragraphs of a text whose markup between lines is the only one left, apart from italics and bold."""
        table_code = False  # the last line was a template, which may open a table, or code of a table
        for line in text.split("\n"):
            first = line[:1]
            if not first or not line.strip(_BLANK):
                self.end()
                table_code = table_code or GAP in line
                continue
            if first in "|!" and _is_table_code(line, table_code):
                self.end()
                table_code = True
                continue
            table_code = False
            if "''" in line and first not in "*#:;":
                line = strip_quotes(line)
            if BLOCK in line and first == "=" and line.rstrip(_BLANK).endswith("="):
                line = line.replace(BLOCK, " ")  # a picture or a <div> in a heading
            if first in "*#:;":
                self._item(line)
            elif BLOCK in line:
                self.end()
                self._add_blocks(line)
            elif first == "=" or (first == GAP and line.lstrip(_BLANK).startswith("==")):
                self._heading(line)
            elif first == " ":
                self.end()
                self.add(line)
            elif line.startswith("----"):
                self.end()
                self._open.append(_RULE.sub("", line, count=1))
            else:
                self._open.append(line)
        self.end()
        return self.found

    def add(self, paragraph: str) -> None:
        """Adds a whole paragraph; each <br> ends one."""
        if BREAK in paragraph:
            self.found += paragraph.split(BREAK)
        else:
            self.found.append(paragraph)

    def end(self) -> None:
        """Ends the open paragraph."""
        if self._open:
            self.add(" ".join(self._open))
            self._open.clear()

    def _add_blocks(self, line: str) -> None:
        """Adds a line of which the edges of blocks make paragraphs."""
        if BLOCK not in line:
            self.add(line)
            return
        for part in line.split(BLOCK):
            if part.strip(_BLANK_OR_TAG) not in _STOPS:
                self.add(part)

    def _item(self, line: str) -> None:
        self.end()
        prefix = _ITEM.match(line)
        start = prefix.end() if prefix else 0
        item = line[start:]
        if line[start - 1] == ";":
            colon = _colon_after_term(item)
            if colon >= 0:
                self._add_blocks(strip_quotes(item[:colon]))
                item = item[colon + 1 :]
        self._add_blocks(strip_quotes(item))

    def _heading(self, line: str) -> None:
        line = line.strip(_BLANK + TAG + TAG_END)
        size = len(line)
        level = min(size - len(line.lstrip("=")), size - len(line.rstrip("=")), 6)
        if level == size or line.strip("=") == "":
            level = min((size - 1) // 2, 6)
        title = line[level : size - level].strip(" \t")
        if not level:
            self._open.append(line)
            return
        self.end()
        if not title:
            return
        self.found.append(f"{HEADING}{level}{title.replace(BREAK, ' ')}")


def _is_table_code(line: str, after_table_code: bool) -> bool:
    """Whether a line outside tables is code of one that a template opens."""
    return after_table_code or line.startswith(("|-", "|}", "||")) or line.rstrip() == "|"


def _colon_after_term(item: str) -> int:
    """Where the definition begins in `; term : definition`; -1 if it does not. A colon within a tag or link is text."""
    depth = 0
    for mark in _TERM_MARK.finditer(item):
        if mark[0] == ":" and not depth:
            return mark.start()
        if mark[0] == TAG:
            depth += 1
        elif mark[0] == TAG_END:
            depth = max(0, depth - 1)
    return -1
