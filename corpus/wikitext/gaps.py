"""Closes the gaps that templates leave: no "( , )" and no space before a comma remains.

Only punctuation and spaces beside a gap are removed; other text stays as its author wrote it. A quotation mark is
removed only if it surely opens or closes the quotation around the gap.
"""

import re
from dataclasses import dataclass
from functools import cache

from mlukit.corpus.languages.quotation_marks import QuotationMarks, quotation_marks
from mlukit.corpus.wikitext.markers import GAP, HEADING, LINK, LINK_END, LINK_TEXT, NOTE
from mlukit.corpus.wikitext.quotation import (
    BRACKETS,
    CLOSING_BRACKETS,
    COMMAS,
    ENDS_CLAUSE,
    GUILLEMETS,
    MARKS,
    STOPS,
    STRAIGHT,
    UNSPACED,
    closes_quotation,
    opens_quotation,
)

_PAIRS = frozenset("\"\" '' “” ‘’ „“ „” ‚‘ ‚’ ‟” ‛’ ”” ’’ «» »« »» ‹› ›‹ ›› ”“ ’‘".split())  # noqa: SIM905, as it is read
_OPENING, _CLOSING = frozenset(BRACKETS.keys() | MARKS), CLOSING_BRACKETS | MARKS
_ATTACHED = frozenset(",;:،؛")  # in scripts with spaces
_BETWEEN = f" {COMMAS}:/–—-"  # characters between a gap and the words on both sides of it
_LOOSE = f"{GAP} {COMMAS}"

# Gaps with all punctuation around them, including brackets at both ends. A match begins only where no longer match
# could begin, which keeps the search linear; a check after the first character is faster than one before it.
_SURROUNDINGS = re.compile(
    "[{o}{g}{b}](?<![{o}{g}{b}][{g}{b}])(?:(?<={g})|[{b}]*+{g})[{g}{b}]*[{c}]?".format(
        o=re.escape("".join(sorted(_OPENING))),
        c=re.escape("".join(sorted(_CLOSING))),
        g=GAP,
        b=re.escape(_BETWEEN),
    )
)
_GAPS_IN_ROW = re.compile(f"{GAP}[{GAP} ]*(?={GAP}){GAP}|{GAP}")
_SPACE_BEFORE = re.compile(f" {GAP}+(?=[{COMMAS}:])")
_COMMAS_IN_ROW = re.compile(f" *([{COMMAS}])[ {COMMAS}]*(?=[{COMMAS}])[{COMMAS}]")
_DASHES_IN_ROW = re.compile(r"([–—-]) +\1(?= )")
_LEADING_STOP = re.compile(rf"\A ?{GAP} ?(?:[.!?] +|[。！？])")
_AT_LINK_START = re.compile(f"({LINK}[0-9]+{LINK_TEXT})([{GAP} ]*{GAP} ?)")
_AT_LINK_END = re.compile(f"( ?{GAP}[{GAP} ]*)({LINK_END})")
_GAP_BETWEEN_WORDS = re.compile(f"{LINK_END}?{GAP}(?:{LINK}[0-9]+{LINK_TEXT})?")
_SPACES = re.compile("  +")
_MAX_BRACKETS = 3  # pairs around one gap
_NOTES = re.compile(f"{NOTE}[{NOTE} \t]*")


def close_gaps(text: str, code: str) -> str:
    """`text` without gaps and notes, and without the brackets, commas and spaces that belong to gaps.

    Args:
        text: lines whose spaces are single.
        code: the code of the language, which decides the quotation marks.
    """
    if NOTE in text:
        text = _NOTES.sub(_without_note, text.replace(f" {NOTE}", f"{NOTE}\t"))  # which begins with a plain character
    if GAP not in text:
        return text
    closer = _closer(code)
    return "\n".join(closer.close_in(line) if GAP in line else line for line in text.split("\n"))


def _without_note(notes: re.Match[str]) -> str:
    """The replacement of adjacent notes: nothing or a space, as for <ref>; a gap if brackets contain only the notes.

    A tab stands for a space before a note.
    """
    text, start, end = notes.string, notes.start(), notes.end()
    before, after = text[start - 1 : start], text[end : end + 1]
    if before and after and (BRACKETS.get(before) == after or before + after in _PAIRS):
        return notes[0].replace(NOTE, GAP).replace("\t", " ")
    if notes[0].endswith(" "):
        return "" if after in (".", ",") else " "  # the author's space, which French has before other stops
    return " " if notes[0].strip(NOTE) and after not in ENDS_CLAUSE else ""


@cache
def _closer(code: str) -> "_Closer":
    return _Closer(quotation_marks(code))


@dataclass(frozen=True, slots=True)
class _Closer:
    """Closes the gaps of one language's text."""

    marks: QuotationMarks

    def close_in(self, line: str) -> str:
        """A line without its gaps; "" if the rest is not a heading and has no letter or digit."""
        head = line[:2] if line.startswith(HEADING) else ""
        line = _GAPS_IN_ROW.sub(GAP, line[len(head) :])
        if GAP + LINK_END in line or f"{GAP} {LINK_END}" in line:
            line = _AT_LINK_END.sub(r"\2\1", line)
        if LINK_TEXT + GAP in line:
            line = _AT_LINK_START.sub(r"\2\1", line)
        line = _GAP_BETWEEN_WORDS.sub(_parted, _LEADING_STOP.sub("", line))
        for _ in range(_MAX_BRACKETS):
            if GAP in line:
                line = _SURROUNDINGS.sub(self._close, line)
        line = _SPACES.sub(" ", line.replace(GAP, ""))
        return head + line if head or any(map(str.isalnum, line)) else ""

    def _close(self, match: re.Match[str]) -> str:
        """The part of a gap's surroundings that remains; a gap again where a pair of brackets was removed."""
        text, line = match[0], match.string
        if text[0] in _OPENING or text[-1] in _CLOSING:
            return self._close_at_mark(match)
        if not match.start():
            return ""
        return _between_words(text, line[match.end() : match.end() + 2])

    def _close_at_mark(self, match: re.Match[str]) -> str:
        """`_close` for surroundings with a bracket or a quotation mark at one end or at both ends."""
        text, line = match[0], match.string
        first, last = text[0], text[-1] if len(text) > 1 else ""
        if self._pair(line, match.start(), match.end() - 1):
            return GAP
        opens = first in BRACKETS or (first in MARKS and opens_quotation(self.marks, line, match.start()))
        closes = last in CLOSING_BRACKETS or (last in MARKS and closes_quotation(self.marks, line, match.end() - 1))
        start, end = int(first in _OPENING), len(text) - int(last in _CLOSING)
        inner, after = text[start:end], text[end:] + line[match.end() : match.end() + 2]
        if opens or closes:
            return _within_brackets(text[:start], inner, text[end:], opens, closes, after, match.start())
        if not match.start() and not start:
            return text[end:]
        return text[:start] + _between_words(inner, after) + text[end:]

    def _pair(self, line: str, start: int, end: int) -> bool:
        """Whether the brackets or quotation marks at `start` and `end` are a pair; only a gap is between them."""
        first, last = line[start], line[end]
        if first not in MARKS or last not in MARKS:
            return BRACKETS.get(first) == last
        if start == end or first + last not in _PAIRS or not opens_quotation(self.marks, line, start):
            return False
        only_closes = first == last in STRAIGHT or last not in self.marks.opening
        return (only_closes and line[end - 1] != " ") or closes_quotation(self.marks, line, end)


def _within_brackets(head: str, inner: str, tail: str, opens: bool, closes: bool, after: str, start: int) -> str:
    """The rest of "(GAP, " or ", GAP)": the bracket, and a mark at the other end that is not a bracket.

    Args:
        head: the mark at the start, or "".
        inner: the text between the marks.
        tail: the mark at the end, or "".
        opens: whether `head` opens brackets or a quotation.
        closes: whether `tail` closes brackets or a quotation.
        after: the text after `inner`, with `tail`.
        start: the position of `head` in the line.
    """
    if opens:
        words = inner.strip(_LOOSE).replace(GAP, "")
        if not words and not closes and _at_end(after):
            return GAP + tail
        space = " " if head in GUILLEMETS and inner[0] == " " else ""
        return head + space + words + tail
    if inner[0] == "/" and start:  # it ends a pronunciation
        return head + "/" + tail
    space = " " if tail in GUILLEMETS and inner[-1] == " " else ""
    kept = inner[: inner.index(GAP)]  # a comma directly before a gap stays: the gap is a note
    return head + (kept if kept[-1:] in _ATTACHED else "") + space + tail


def _between_words(inner: str, after: str) -> str:
    """The rest of the commas, dashes and spaces around gaps that are not in brackets."""
    inner = _SPACE_BEFORE.sub("", inner).replace(GAP, "")
    inner = _DASHES_IN_ROW.sub(r"\1", inner)
    inner = _COMMAS_IN_ROW.sub(r"\1", inner)
    return inner.rstrip(_LOOSE + "–—-" if not after else _LOOSE) if _at_end(after) else inner


def _at_end(after: str) -> bool:
    """Whether a sentence or a line ends before `after`."""
    return not after or (after[0] in STOPS and not after[1:2].isalnum())


def _parted(gap: re.Match[str]) -> str:
    """The gap, or a space if the gap separates two words that would otherwise become one word."""
    text = gap.string
    before, after = text[gap.start() - 1 : gap.start()], text[gap.end() : gap.end() + 1]
    if not before.isalnum() or not (after.isalnum() or (after and after in "([")) or UNSPACED.search(before + after):
        return gap[0]
    return gap[0].replace(GAP, " ")
