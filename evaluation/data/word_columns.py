"""Reads files with a line for each word and an empty line after each sentence: CoNLL's, and WikiANN's."""

import re
from collections.abc import Iterator
from pathlib import Path

from mlukit.evaluation.data.official_files import OfficialSet
from mlukit.evaluation.data.tagged_sentences import Row

DOCUMENT_BORDER = "-DOCSTART-"
_GAP = re.compile(r"[ \t]+")  # other blanks, such as U+00A0, are part of a word


def read_columns(official: OfficialSet, path: Path, *, prefix: str = "", alone: bool = False) -> Iterator[Row]:
    """Reads the first column, the word, and the last one, the tag.

    A document begins at a line with -DOCSTART-.

    Args:
        official: the set of the file, for messages.
        path: of the file.
        prefix: before every word, as WikiANN has "en:" before English ones; it is taken away if every word has it.
        alone: whether, in a file without a line with -DOCSTART-, every sentence is a document of its own; otherwise
            the whole file is one document.

    Raises:
        OfficialFileError: the file is in another encoding.
    """
    text = official.read_text(path).removeprefix("\ufeff")  # a byte order mark
    if "\0" in text:
        raise official.wrong(path, "it has zero bytes, as UTF-16 has")
    lines = [line.strip(" \t\r") for line in text.split("\n")]
    alone = alone and not any(line.startswith(DOCUMENT_BORDER) for line in lines)
    cut = len(prefix) if all(line.startswith(prefix) for line in lines if line) else 0
    words: list[str] = []
    tags: list[str | None] = []
    first, begins = 0, True
    for number, line in enumerate([*lines, ""], 1):
        is_border = line.startswith(DOCUMENT_BORDER)
        if words and (not line or is_border):
            yield Row(f"line {first}", words, tags, begins or alone)
            words, tags, begins = [], [], False
        if is_border:
            begins = True
        elif line:
            word, *others = _GAP.split(line[cut:] if cut else line)
            first = first if words else number
            words.append(word)
            tags.append(others[-1] if others else None)
