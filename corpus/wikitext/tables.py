"""Tables written as {| … |}: their text is no running text (MediaWiki 1.39, Parser::handleTables)."""

import re

from mlukit.corpus.wikitext.markers import BLOCK

_EDGE = re.compile(r"\n[ \t]*+(?::*+[ \t]*+(\{)\||\|\})")  # begins with a plain character, which is found at once
_CODE = re.compile(r"^[ \t]*(?::*[ \t]*(\{\|)|(\|-)|[|!]).*", re.MULTILINE)


def strip_tables(text: str, dropped: list[str]) -> str:
    """`text` without its tables, nested tables included; an unclosed table runs to the end, as in MediaWiki."""
    if "{|" not in text:
        return text
    text = "\n" + text
    out: list[str] = []
    position = depth = start = 0
    for edge in _EDGE.finditer(text):
        if edge[1]:
            if not depth:
                start = edge.start() + 1
                out.append(text[position:start])
            depth += 1
        elif depth:
            depth -= 1
            if not depth:
                position = edge.end()
                dropped.append(text[start:position])
                out.append(BLOCK)
    if depth:
        position = _end_of_unclosed(text, start)
        dropped.append(text[start:position])
        out.append(BLOCK)
    out.append(text[position:])
    return "".join(out)[1:]


def _end_of_unclosed(text: str, start: int) -> int:
    """Where an unclosed table stops hiding text: at a last row that has no cell, else at the end of the page.

    As in HTML, text in a row but in no cell is shown before the table.
    """
    last = None
    for code in _CODE.finditer(text, start):
        last = code
    return last.end() if last and (last[1] or last[2]) else len(text)
