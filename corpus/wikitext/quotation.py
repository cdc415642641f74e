"""Decides whether a quotation mark opens or closes a quotation, by its neighbours and the marks of the language.

„a“ is German, “a” is English; »a« and «a», ”a” and "a" are all in use. The functions return True only if a mark surely
opens or closes a quotation.
"""

import re

from mlukit.corpus.languages.quotation_marks import QuotationMarks
from mlukit.corpus.wikitext.markers import GAP, LINK, LINK_END, LINK_TEXT

BRACKETS = dict(zip("([（［「『〈《【", ")]）］」』〉》】", strict=True))
CLOSING_BRACKETS = frozenset(BRACKETS.values())
MARKS = frozenset("\"'“”‘’„‚‟‛«»‹›")
STRAIGHT = frozenset("\"'")
GUILLEMETS = "«»‹›"
COMMAS = ",;،؛、，；"
STOPS = ".!?。！？।؟"
ENDS_CLAUSE = frozenset(f" :…{COMMAS}{STOPS}") | CLOSING_BRACKETS
# Letters of scripts without spaces between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese.
UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")

_BEGINNINGS = {"“": "„", "‘": "‚", "«": "»", "‹": "›"}  # of quotations that these marks end: „a“, »a«
_BEFORE_OPENING = frozenset(" ¿¡") | BRACKETS.keys()
_PASSED_OVER = frozenset({GAP, LINK_END})
_MOST_PASSED_OVER = 12  # characters, so that a line of only marks does not take longer than other lines


def opens_quotation(marks: QuotationMarks, line: str, position: int) -> bool:
    """Whether the quotation mark at `position` of `line` surely opens a quotation."""
    mark, before = line[position], _character_before(line, position, marks.opening)
    opened = mark == '"' and line.count(mark, 0, position) % 2 == 1
    if mark not in marks.opening or before in CLOSING_BRACKETS:
        return False
    unspaced = UNSPACED.match(before)
    if (unspaced or mark in "“‘" or mark in marks.closing) and _ends_another(line, position):
        return False
    if unspaced:
        return " " not in line[position + 1 : position + 3] and not (opened if mark == '"' else mark in marks.closing)
    if opened:
        return False
    if mark in GUILLEMETS and _ends_spaced_quotation(line, position):
        return False
    return not before or before in _BEFORE_OPENING


def closes_quotation(marks: QuotationMarks, line: str, position: int) -> bool:
    """Whether the quotation mark at `position` of `line` surely closes a quotation."""
    mark, after = line[position], _character_after(line, position, marks.closing)
    opened = mark != '"' or line.count(mark, 0, position) % 2 == 1
    if mark not in marks.closing:
        return False
    if UNSPACED.match(after):
        attached = " " not in line[max(0, position - 2) : position]
        return attached and (opened if mark == '"' else mark not in marks.opening)
    if not opened:
        return False
    if mark in GUILLEMETS and mark in marks.opening and _begins_spaced_quotation(line, position):
        return False
    return not after or after in ENDS_CLAUSE


def _ends_another(line: str, position: int) -> bool:
    """Whether the mark at `position`, which opens quotations in other styles, ends one such as „a“ or »a«."""
    mark = line[position]
    beginning = _BEGINNINGS.get(mark)
    return beginning is not None and line.rfind(beginning, 0, position) > line.rfind(mark, 0, position)


def _ends_spaced_quotation(line: str, position: int) -> bool:
    """Whether a guillemet is the second one of « a », which has a space before it, like an opening guillemet."""
    first = max(line.rfind(mark, 0, position) for mark in GUILLEMETS)
    if first < 0 or line[first] == line[position]:
        return False
    return line[first + 1] == " " and (not first or line[first - 1] in _BEFORE_OPENING)


def _begins_spaced_quotation(line: str, position: int) -> bool:
    """Whether a guillemet is the first one of « a »."""
    second = min((place for mark in GUILLEMETS if (place := line.find(mark, position + 1)) >= 0), default=-1)
    if second < 0 or line[second] == line[position]:
        return False
    return line[second - 1] == " " and (second + 1 == len(line) or line[second + 1] in ENDS_CLAUSE)


def _character_before(line: str, position: int, passed: frozenset[str]) -> str:
    """The character before a mark; gaps and the marks in `passed` are skipped. "" at the start of the line."""
    for _ in range(min(position, _MOST_PASSED_OVER)):
        position -= 1
        character = line[position]
        if character == LINK_TEXT:
            position = line.rfind(LINK, 0, position)
        elif character not in _PASSED_OVER and character not in passed:
            return character
        if position <= 0:
            break
    return ""


def _character_after(line: str, position: int, passed: frozenset[str]) -> str:
    """The character after a mark; gaps and the marks in `passed` are skipped. "" at the end of the line."""
    for _ in range(_MOST_PASSED_OVER):
        position += 1
        character = line[position : position + 1]
        if character == LINK:
            position = line.find(LINK_TEXT, position)
        elif character not in _PASSED_OVER and character not in passed:
            return character
    return ""
