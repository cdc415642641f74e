"""Closes the gaps that templates leave: no "( , )" and no space before a comma remains.

Only punctuation and spaces beside a gap are removed; text that has no gap beside it stays as its author wrote it.
"""

import re

from mlukit.corpus.wikitext.markers import GAP, HEADING, LINK, LINK_END, LINK_TEXT

_OPENING = "([（［「『〈《【“«‹"
_CLOSING = ")]）］」』〉》】”»›"
_COMMAS = ",;،؛、，；"
_STOPS = ".!?。！？।"
_BETWEEN = f" {_COMMAS}:/–—-"  # characters between a gap and the words on both sides of it
_LOOSE = f"{GAP} {_COMMAS}"

# Gaps with all the punctuation around them, brackets at both ends included. A match begins only where no longer match
# could begin, which keeps the search linear; to check this behind the first character is faster than before it.
_SURROUNDINGS = re.compile(
    "[{o}{g}{b}](?<![{o}{g}{b}][{g}{b}])(?:(?<={g})|[{b}]*+{g})[{g}{b}]*[{c}]?".format(
        o=re.escape(_OPENING), c=re.escape(_CLOSING), g=GAP, b=re.escape(_BETWEEN)
    )
)
_QUOTED = re.compile(f"([\"']) ?{GAP} ?\\1")
_GAPS_IN_ROW = re.compile(f"{GAP}[{GAP} ]*(?={GAP}){GAP}|{GAP}")
_SPACE_BEFORE = re.compile(f" {GAP}+(?=[{_COMMAS}:])")
_COMMAS_IN_ROW = re.compile(f" *([{_COMMAS}])[ {_COMMAS}]*(?=[{_COMMAS}])[{_COMMAS}]")
_DASHES_IN_ROW = re.compile(r"([–—-]) +\1(?= )")
_LEADING_STOP = re.compile(rf"\A ?{GAP} ?(?:[.!?] +|[。！？])")
_AT_LINK_START = re.compile(f"({LINK}[0-9]+{LINK_TEXT})([{GAP} ]*{GAP} ?)")
_AT_LINK_END = re.compile(f"( ?{GAP}[{GAP} ]*)({LINK_END})")
_GAP_BETWEEN_WORDS = re.compile(f"{LINK_END}?{GAP}(?:{LINK}[0-9]+{LINK_TEXT})?")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")
_SPACES = re.compile("  +")
_MAX_BRACKETS = 3  # pairs around one gap


def close_gaps(text: str) -> str:
    """`text`, whose spaces are single, without gaps and without the brackets, commas and spaces that belong to them."""
    if GAP not in text:
        return text
    return "\n".join(_close_in(line) if GAP in line else line for line in text.split("\n"))


def _close_in(line: str) -> str:
    """A line without its gaps; "" for a line that is no heading and has neither a letter nor a digit left."""
    line = _GAPS_IN_ROW.sub(GAP, line)
    if GAP + LINK_END in line or f"{GAP} {LINK_END}" in line:
        line = _AT_LINK_END.sub(r"\2\1", line)
    if LINK_TEXT + GAP in line:
        line = _AT_LINK_START.sub(r"\2\1", line)
    line = _GAP_BETWEEN_WORDS.sub(_parted, _QUOTED.sub(GAP, _LEADING_STOP.sub("", line)))
    for _ in range(_MAX_BRACKETS):
        if GAP in line:
            line = _SURROUNDINGS.sub(_close, line)
    line = _SPACES.sub(" ", line.replace(GAP, ""))
    return line if line.startswith(HEADING) or any(map(str.isalnum, line)) else ""


def _parted(gap: re.Match[str]) -> str:
    """The gap; a space instead where the gap stands between two words that would become one word."""
    text = gap.string
    before, after = text[gap.start() - 1 : gap.start()], text[gap.end() : gap.end() + 1]
    if not before.isalnum() or not (after.isalnum() or (after and after in "([")) or _UNSPACED.search(before + after):
        return gap[0]
    return gap[0].replace(GAP, " ")


def _close(match: re.Match[str]) -> str:
    """The part of a gap's surroundings that remains; a gap again where a pair of brackets was removed."""
    text = match[0]
    head = text[0] if text[0] in _OPENING else ""
    tail = text[-1] if text[-1] in _CLOSING else ""
    inner = text[len(head) : len(text) - len(tail)]
    if head and tail:
        return GAP
    after = match.string[match.end() : match.end() + 2]
    at_end = not after or (after[0] in _STOPS and not after[1:].isalnum())
    if head:
        inner = inner.strip(_LOOSE).replace(GAP, "")
        return head + inner if inner or not at_end else GAP
    if tail:
        return "/" + tail if inner[0] == "/" and match.start() else tail  # a "/" that ends a pronunciation
    if not match.start():
        return ""
    inner = _SPACE_BEFORE.sub("", inner).replace(GAP, "")
    inner = _DASHES_IN_ROW.sub(r"\1", inner)
    inner = _COMMAS_IN_ROW.sub(r"\1", inner)
    if at_end:
        return inner.rstrip(_LOOSE + "–—-" if not after else _LOOSE)
    return inner
