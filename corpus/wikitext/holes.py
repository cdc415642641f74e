"""Closing the holes that templates leave: no "( , )", no space before a comma, nothing of what the author wrote."""

import re

from corpus.wikitext.markers import HOLE

_OPENING = "([（［「『〈《【“«‹"
_CLOSING = ")]）］」』〉》】”»›"
_COMMAS = ",;،؛、，；"
_STOPS = ".!?。！？।"
_BETWEEN = f"{HOLE} {_COMMAS}:/–—-"  # what stands between two words around a hole
_LOOSE = f"{HOLE} {_COMMAS}"

# All that stands around holes, with the brackets at its ends; it begins where no longer one does: linear.
_AROUND = re.compile(
    "(?:[{o}]|(?<![{o}{b}]))[{b}]+[{c}]?".format(o=re.escape(_OPENING), c=re.escape(_CLOSING), b=re.escape(_BETWEEN))
)
_QUOTED = re.compile(f"([\"']) ?{HOLE} ?\\1")
_HOLES = re.compile(f"{HOLE}[{HOLE} ]*(?={HOLE}){HOLE}|{HOLE}")
_SPACE_BEFORE = re.compile(f" {HOLE}+(?=[{_COMMAS}:])")
_COMMAS_IN_ROW = re.compile(f" *([{_COMMAS}])[ {_COMMAS}]*(?=[{_COMMAS}])[{_COMMAS}]")
_DASHES_IN_ROW = re.compile(r"([–—-]) +\1(?= )")
_SPACES = re.compile("  +")
_MAX_BRACKETS = 3  # pairs around one hole


def close_holes(text: str) -> str:
    """`text`, whose spaces are single, without holes and the brackets, commas and spaces that stood only for them."""
    if HOLE not in text:
        return text
    return "\n".join(_close_in(line) if HOLE in line else line for line in text.split("\n"))


def _close_in(line: str) -> str:
    line = _QUOTED.sub(HOLE, _HOLES.sub(HOLE, line))
    for _ in range(_MAX_BRACKETS):
        if HOLE in line:
            line = _AROUND.sub(_close, line)
    return _SPACES.sub(" ", line.replace(HOLE, ""))


def _close(around: re.Match[str]) -> str:
    """What is left of a hole's surroundings; a hole again where a pair of brackets went."""
    text = around[0]
    if HOLE not in text:
        return text
    head = text[0] if text[0] in _OPENING else ""
    tail = text[-1] if text[-1] in _CLOSING else ""
    inner = text[len(head) : len(text) - len(tail)]
    if head and tail:
        return HOLE
    if head:
        return head + inner.strip(_LOOSE).replace(HOLE, "")
    if tail:
        return tail
    if not around.start():
        return ""
    inner = _SPACE_BEFORE.sub("", inner).replace(HOLE, "")
    inner = _DASHES_IN_ROW.sub(r"\1", inner)
    inner = _COMMAS_IN_ROW.sub(r"\1", inner)
    after = around.string[around.end() : around.end() + 2]
    if not after or (after[0] in _STOPS and not after[1:].isalnum()):
        return inner.rstrip(_LOOSE)
    return inner
