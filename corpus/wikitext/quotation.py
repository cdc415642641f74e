"""Whether a quotation mark opens or closes a quotation: what stands beside it tells, and the marks of the language.

„a“ is German, “a” English; »a« and «a», ”a” and "a" are both in use. A mark is said to open or to close only where that
is sure.
"""

import re

from mlukit.corpus.languages.quotation_marks import QuotationMarks
from mlukit.corpus.wikitext.markers import GAP, HEADING, LINK, LINK_END, LINK_TEXT

BRACKETS = dict(zip("([（［「『〈《【", ")]）］」』〉》】", strict=True))
CLOSING_BRACKETS = frozenset(BRACKETS.values())
MARKS = frozenset("\"'“”‘’„‚‟‛«»‹›")
STRAIGHT = frozenset("\"'")
GUILLEMETS = "«»‹›"
COMMAS = ",;،؛、，；"
STOPS = ".!?。！？।"
ENDS_CLAUSE = frozenset(f" :…{COMMAS}{STOPS}") | CLOSING_BRACKETS
# Letters of scripts without spaces between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese.
UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")

_ONLY_OPEN, _ONLY_CLOSE = frozenset("“‘„‚‟‛«‹"), frozenset("”’»›")  # in these scripts
_BEFORE_OPENING = frozenset(" ¿¡") | BRACKETS.keys()
_APOSTROPHES = frozenset("'’")
_PASSED_OVER = MARKS | {GAP, LINK_END}
_MOST_PASSED_OVER = 12  # characters, so that a line of nothing but marks takes no longer than another


def opens_quotation(marks: QuotationMarks, line: str, position: int) -> bool:
    """Whether the quotation mark at `position` of `line` surely opens a quotation."""
    mark, before = line[position], _character_before(line, position)
    opened = line.count(mark, 0, position) % 2 if mark in STRAIGHT else 0
    if UNSPACED.match(before):
        return not opened if mark in STRAIGHT else mark in _ONLY_OPEN
    if mark not in marks.opening or (mark == '"' and opened):
        return False
    if mark in GUILLEMETS and _ends_spaced_quotation(line, position):
        return False
    elided = mark not in marks.closing and line[position - 1 : position] in _APOSTROPHES  # l’« x »
    return not before or before in _BEFORE_OPENING or elided


def closes_quotation(marks: QuotationMarks, line: str, position: int) -> bool:
    """Whether the quotation mark at `position` of `line` surely closes a quotation."""
    mark, after = line[position], _character_after(line, position)
    opened = line.count(mark, 0, position) % 2 if mark in STRAIGHT else 1
    if UNSPACED.match(after):
        return bool(opened) if mark in STRAIGHT else mark in _ONLY_CLOSE
    if mark not in marks.closing or (mark == '"' and not opened):
        return False
    if mark in GUILLEMETS and mark in marks.opening and _begins_spaced_quotation(line, position):
        return False
    return not after or after in ENDS_CLAUSE


def _ends_spaced_quotation(line: str, position: int) -> bool:
    """Whether a guillemet stands for the second one of « a », which has a space before it as an opening one has."""
    before = max(line.rfind(mark, 0, position) for mark in GUILLEMETS)
    return before >= 0 and line[before] != line[position] and _is_spaced(line, before)


def _begins_spaced_quotation(line: str, position: int) -> bool:
    """Whether a guillemet stands for the first one of « a »."""
    found = [place for mark in GUILLEMETS if (place := line.find(mark, position + 1)) >= 0]
    return bool(found) and line[min(found)] != line[position] and _is_spaced(line, min(found))


def _is_spaced(line: str, position: int) -> bool:
    """Whether spaces, or the line's ends, are on both sides."""
    return line[max(0, position - 1)] in (" ", line[position]) and line[position + 1 : position + 2] in ("", " ")


def _character_before(line: str, position: int) -> str:
    """The character before a quotation mark, some marks and gaps passed over; "" at the line's start."""
    for _ in range(min(position, _MOST_PASSED_OVER)):
        position -= 1
        character = line[position]
        if character == LINK_TEXT:
            position = line.rfind(LINK, 0, position)
        elif character not in _PASSED_OVER:
            return "" if position == 1 and line[0] == HEADING else character
        if position <= 0:
            break
    return ""


def _character_after(line: str, position: int) -> str:
    """The character behind a quotation mark, some marks and gaps passed over; "" at the line's end."""
    for _ in range(_MOST_PASSED_OVER):
        position += 1
        character = line[position : position + 1]
        if character == LINK:
            position = line.find(LINK_TEXT, position)
        elif character not in _PASSED_OVER:
            return character
    return ""
