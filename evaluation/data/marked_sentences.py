"""Reads KBP37 and RELX: sentences with two marked entities, and their relation. The form is SemEval-2010 task 8's."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mlukit.evaluation.data.official_files import OfficialSet

_MARKS = ("<e1>", "</e1>", "<e2>", "</e2>")
_MARK = re.compile(r"\s*</e[12]>|<e[12]>\s*")
_ROW = re.compile(r'(\S+)\t\s*"?(.*?)"?\s*')
_BLANK_BEFORE_STOP = " ."


@dataclass(frozen=True, slots=True)
class MarkedSentence:
    """A sentence with two entities.

    Attributes:
        id: the number of the row.
        text: without the marks.
        first: start and end of the entity <e1>, in code points. KBP37 has some entities without words.
        second: of <e2>.
        label: the relation, such as "org:founded_by(e1,e2)"; "" if the row has none.
    """

    id: str
    text: str
    first: tuple[int, int]
    second: tuple[int, int]
    label: str


def read_marked_sentences(official: OfficialSet, path: Path) -> Iterator[tuple[int, MarkedSentence]]:
    """Reads a file.

    Yields:
        The line of a sentence, from 1 on, and the sentence. One without a relation has the label "".

    Raises:
        OfficialFileError: a line is not a sentence with the four marks, two sentences have one number, or there is no
            sentence.
    """
    lines = official.read_text(path).split("\n")
    known: dict[str, int] = {}
    number = 0
    while number < len(lines):
        line = lines[number].strip("\r")
        number += 1
        if not line.strip():
            continue
        if (row := _ROW.fullmatch(line)) is None:
            raise official.wrong(path, f"line {number} is {line[:60]!r}, which has no number with a tab")
        if (earlier := known.setdefault(row[1], number)) != number:
            raise official.wrong(path, f"lines {earlier} and {number} have the same number, {row[1]}")
        label = lines[number].strip() if number < len(lines) and "\t" not in lines[number] else ""
        found = marked_sentence(row[1], row[2], label)
        if found is None:
            raise official.wrong(path, f"line {number} does not have {' … '.join(_MARKS)} once each")
        yield number, found
        number += bool(label)
    if not known:
        raise official.wrong(path, "it has no sentence")


def marked_sentence(name: str, marked: str, label: str) -> MarkedSentence | None:
    """Takes the marks, and the blanks on their inner sides, out of a sentence; None if they are not there once each.

    " ." becomes "." as in LUKE's code (examples/relation_classification/reader.py).
    """
    marked = marked.strip().replace(_BLANK_BEFORE_STOP, ".")
    text, offsets, start = "", dict[str, int](), 0
    for match in _MARK.finditer(marked):
        text += marked[start : match.start()]
        if offsets.setdefault(match[0].strip(), len(text)) != len(text):
            return None
        start = match.end()
    text += marked[start:]
    if set(offsets) != set(_MARKS) or any(marked.count(mark) != 1 for mark in _MARKS):
        return None
    first, second = ((offsets[a], offsets[b]) for a, b in (_MARKS[:2], _MARKS[2:]))
    if first[0] > first[1] or second[0] > second[1]:
        return None
    return MarkedSentence(name, text, first, second, label)
