"""Closing the gaps that templates leave: no "( , )", no space before a comma, nothing of what the author wrote."""

import re

from mlukit.corpus.wikitext.markers import GAP, HEADING, LINK, LINK_END, LINK_TEXT

_OPENING = "([（［「『〈《【“«‹"
_CLOSING = ")]）］」』〉》】”»›"
_COMMAS = ",;،؛、，；"
_STOPS = ".!?。！？।"
_BETWEEN = f" {_COMMAS}:/–—-"  # what stands between two words around a gap
_LOOSE = f"{GAP} {_COMMAS}"

# All that stands around gaps, with the brackets at its ends. It begins where no longer one does, which is linear; that
# this is looked at after the first character is faster.
_AROUND = re.compile(
    "[{o}{h}{b}](?<![{o}{h}{b}][{h}{b}])(?:(?<={h})|[{b}]*+{h})[{h}{b}]*[{c}]?".format(
        o=re.escape(_OPENING), c=re.escape(_CLOSING), h=GAP, b=re.escape(_BETWEEN)
    )
)
_QUOTED = re.compile(f"([\"']) ?{GAP} ?\\1")
_HOLES = re.compile(f"{GAP}[{GAP} ]*(?={GAP}){GAP}|{GAP}")
_SPACE_BEFORE = re.compile(f" {GAP}+(?=[{_COMMAS}:])")
_COMMAS_IN_ROW = re.compile(f" *([{_COMMAS}])[ {_COMMAS}]*(?=[{_COMMAS}])[{_COMMAS}]")
_DASHES_IN_ROW = re.compile(r"([–—-]) +\1(?= )")
_LEADING_STOP = re.compile(rf"\A ?{GAP} ?(?:[.!?] +|[。！？])")
_AT_LINK_START = re.compile(f"({LINK}[0-9]+{LINK_TEXT})([{GAP} ]*{GAP} ?)")
_AT_LINK_END = re.compile(f"( ?{GAP}[{GAP} ]*)({LINK_END})")
_JOINED = re.compile(f"{LINK_END}?{GAP}(?:{LINK}[0-9]+{LINK_TEXT})?")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")
_SPACES = re.compile("  +")
_MAX_BRACKETS = 3  # pairs around one gap


def close_gaps(text: str) -> str:
    """`text`, whose spaces are single, without gaps and the brackets, commas and spaces that stood only for them."""
    if GAP not in text:
        return text
    return "\n".join(_close_in(line) if GAP in line else line for line in text.split("\n"))


def _close_in(line: str) -> str:
    line = _HOLES.sub(GAP, line)
    if GAP + LINK_END in line or f"{GAP} {LINK_END}" in line:
        line = _AT_LINK_END.sub(r"\2\1", line)
    if LINK_TEXT + GAP in line:
        line = _AT_LINK_START.sub(r"\2\1", line)
    line = _JOINED.sub(_parted, _QUOTED.sub(GAP, _LEADING_STOP.sub("", line)))
    for _ in range(_MAX_BRACKETS):
        if GAP in line:
            line = _AROUND.sub(_close, line)
    line = _SPACES.sub(" ", line.replace(GAP, ""))
    return line if line.startswith(HEADING) or any(map(str.isalnum, line)) else ""


def _parted(joined: re.Match[str]) -> str:
    """The gap with a space where it stands between two words that would else become one."""
    text = joined.string
    before, after = text[joined.start() - 1 : joined.start()], text[joined.end() : joined.end() + 1]
    if not before.isalnum() or not (after.isalnum() or (after and after in "([")) or _UNSPACED.search(before + after):
        return joined[0]
    return joined[0].replace(GAP, " ")


def _close(around: re.Match[str]) -> str:
    """What is left of a gap's surroundings; a gap again where a pair of brackets went."""
    text = around[0]
    head = text[0] if text[0] in _OPENING else ""
    tail = text[-1] if text[-1] in _CLOSING else ""
    inner = text[len(head) : len(text) - len(tail)]
    if head and tail:
        return GAP
    after = around.string[around.end() : around.end() + 2]
    at_end = not after or (after[0] in _STOPS and not after[1:].isalnum())
    if head:
        inner = inner.strip(_LOOSE).replace(GAP, "")
        return head + inner if inner or not at_end else GAP
    if tail:
        return "/" + tail if inner[0] == "/" and around.start() else tail  # of a pronunciation
    if not around.start():
        return ""
    inner = _SPACE_BEFORE.sub("", inner).replace(GAP, "")
    inner = _DASHES_IN_ROW.sub(r"\1", inner)
    inner = _COMMAS_IN_ROW.sub(r"\1", inner)
    if at_end:
        return inner.rstrip(_LOOSE + "–—-" if not after else _LOOSE)
    return inner
