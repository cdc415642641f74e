"""Tables written as {| … |}: their text is no running text (MediaWiki 1.39, Parser::handleTables)."""

import re

from corpus.wikitext.markers import BLOCK

_EDGE = re.compile(r"^[ \t]*:*[ \t]*(\{)\||^[ \t]*\|\}", re.MULTILINE)


def strip_tables(text: str, dropped: list[str]) -> str:
    """`text` without its tables, nested ones included; one that is never closed runs to the end, as in MediaWiki."""
    if "{|" not in text:
        return text
    out: list[str] = []
    at = depth = start = 0
    for edge in _EDGE.finditer(text):
        if edge[1]:
            if not depth:
                start = edge.start()
                out.append(text[at:start])
            depth += 1
        elif depth:
            depth -= 1
            if not depth:
                at = edge.end()
                dropped.append(text[start:at])
                out.append(BLOCK)
    if depth:
        dropped.append(text[start:])
    else:
        out.append(text[at:])
    return "".join(out)
