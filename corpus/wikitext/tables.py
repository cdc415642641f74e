"""Removes tables written as {| … |}, which are not running text (MediaWiki 1.39, Parser::handleTables)."""

import re
from collections.abc import Iterator

from mlukit.corpus.wikitext.extension_tags import Stripped
from mlukit.corpus.wikitext.markers import BLOCK, END_TEMPLATE, GAP, TABLE_END

# Both begin with a plain character, so that the search is fast.
_EDGE = re.compile(r"\n[ \t]*+(?::*+[ \t]*+(\{)\||\|\})")
_ANY_EDGE = re.compile(rf"\n[ \t]*+(?::*+[ \t]*+(\{{)\||\|\}}|({END_TEMPLATE}))|({TABLE_END})")
_CODE = re.compile(r"^[ \t]*(?::*[ \t]*(\{\|)|(\|-)|[|!]).*", re.MULTILINE)


def strip_tables(text: str, stripped: Stripped) -> str:
    """`text` without its tables, nested tables included.

    As in MediaWiki, a table without an end runs to the end of the page, unless a template whose name says so ends it.
    """
    if "{|" in text:
        text = "".join(_parts("\n" + text, stripped))[1:]
    if TABLE_END in text:
        text = _without_stray_ends(text)
    return text.replace(END_TEMPLATE, GAP) if END_TEMPLATE in text else text


def _parts(text: str, stripped: Stripped) -> Iterator[str]:
    """The text between tables, and a marker for each table; `text` begins with a line end."""
    position = 0
    edges = _ANY_EDGE if TABLE_END in text else _EDGE
    while table := _next_table(text, position, edges):
        start, end = table
        if not end and END_TEMPLATE in text:
            _, end = _next_table(text, start - 1, _ANY_EDGE) or table
        yield text[position:start]
        yield BLOCK
        position = end or _end_of_unclosed(text, start)
        if position == len(text) and not end:
            stripped.leave_unclosed(text[start:])
        else:
            stripped.dropped.append(text[start:position])
    yield text[position:]


def _next_table(text: str, position: int, edges: re.Pattern[str]) -> tuple[int, int] | None:
    """(start, end) of the next table; the end is 0 for a table without an end. None if there is no table."""
    depth = start = 0
    for edge in edges.finditer(text, position):
        if edge[1]:
            if not depth:
                start = edge.start() + 1
            depth += 1
        elif depth:
            depth -= 1
            if not depth:
                return start, edge.end()
    return (start, 0) if depth else None


def _end_of_unclosed(text: str, start: int) -> int:
    """The place at which an unclosed table stops hiding text: its last row if that has no cell, else the page's end.

    As in HTML, text that is in a row, but not in a cell, is shown before the table.
    """
    last = None
    for code in _CODE.finditer(text, start):
        last = code
    return last.end() if last and (last[1] or last[2]) else len(text)


def _without_stray_ends(text: str) -> str:
    """`text` without each </table> that ends no table; like block tags, it separates its line from the others."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if TABLE_END in line:
            words = line.replace(TABLE_END, "")
            lines[number] = f"\n{words}\n" if words.strip() else BLOCK
    return "\n".join(lines)
