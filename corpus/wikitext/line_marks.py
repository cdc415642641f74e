"""Marks headings and rules before links are read, as MediaWiki 1.39 does (Parser::internalParse, handleHeadings).

So a link that removes the line end before it cannot break a heading, and the text of a link cannot become a heading.
"""

import re

from mlukit.corpus.wikitext.markers import BLOCK, GAP, HEADING, HEADING_END, NOTE, TAG, TAG_END

# A usual heading, another line that may be a heading, or a rule. A pattern that begins with a plain character is fast.
_LINE = re.compile(r"\n(?:(={1,6})([^=\n]+)\1(?=\n|\Z)|(=.*)|-----*)")
_SPACES = " \t"
_BLANK = _SPACES + GAP
_BEHIND = _BLANK + TAG + TAG_END + NOTE


def mark_lines(text: str) -> str:
    """`text` with headings as HEADING, level, heading, HEADING_END; and with BLOCK for the dashes of each rule.

    A heading after a gap is not marked here, but by `marked_heading`.
    """
    return _LINE.sub(_marked, "\n" + text if text.startswith(("=", "----")) else text)


def _marked(found: re.Match[str]) -> str:
    """A line that begins with "=" or with dashes, and the line end before it."""
    signs, heading, other = found.groups()
    if signs:
        return f"\n{HEADING}{len(signs)}{heading.strip(_SPACES)}{HEADING_END}"
    return "\n" + (marked_heading(other) if other else BLOCK)


def marked_heading(line: str) -> str:
    """A line that begins with "=" as a marked heading; the unchanged line if only one side has "="."""
    heading = line.rstrip(_BEHIND)
    behind = line[len(heading) :]
    if behind.count(TAG) != behind.count(TAG_END):
        return line
    size = len(heading)
    level = min(size - len(heading.lstrip("=")), size - len(heading.rstrip("=")), 6)
    if level == size or heading.strip("=") == "":
        level = min((size - 1) // 2, 6)
    if not level:
        return line
    heading = heading[level : size - level].strip(_SPACES)
    return f"{HEADING}{level}{heading}{HEADING_END}"
