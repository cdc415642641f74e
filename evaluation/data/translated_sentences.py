"""Reads Tatoeba's test set in the form of LASER and XTREME: tatoeba.deu-eng.deu, and its translation line by line."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mlukit.engine.command_parser import nearest
from mlukit.evaluation.data.official_files import OfficialSet, official_set
from mlukit.evaluation.errors import EvaluationError

ENGLISH = "eng"
_FILE = re.compile(rf"tatoeba\.([a-z]{{2,8}}(?:_[a-z]+)?)-{ENGLISH}\.\1(?:\.gz)?")


@dataclass(frozen=True, slots=True)
class Translations:
    """The sentences of a language, and their English translations.

    Attributes:
        language: its code in the names of the files, ISO 639-3.
        lines: the number of the line of each pair, from 1 on.
        sentences: in the language.
        english: in English.
        files: the two.
        left_out: the names of lines of which one side is empty.
    """

    language: str
    files: tuple[Path, Path]
    lines: list[int] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    english: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def read_translations(folder: Path, languages: Sequence[str] = ()) -> list[Translations]:
    """Reads the pairs of files of some languages.

    Args:
        folder: --data; the files may lie in it or in a folder `tatoeba` of it.
        languages: codes as in the names of the files; empty for all.

    Raises:
        EvaluationError: there is no such language, a file has no partner, or a pair has different numbers of lines.
    """
    official = official_set("tatoeba")
    places = [place for place in (folder, folder / official.name) if place.is_dir()]
    found = sorted({match[1] for place in places for file in place.iterdir() if (match := _FILE.fullmatch(file.name))})
    if not found:
        official.find(folder, official.files[0])
    for code in languages:
        if code not in found:
            hint = nearest(code, found) or f"; it has {', '.join(found)}"
            raise EvaluationError(f"--languages {code!r}: --data {folder} has no such language{hint}")
    return [_read_pair(official, folder, code) for code in languages or found]


def _read_pair(official: OfficialSet, folder: Path, language: str) -> Translations:
    stem = f"tatoeba.{language}-{ENGLISH}"
    files = official.find(folder, f"{stem}.{language}"), official.find(folder, f"{stem}.{ENGLISH}")
    sentences, english = ([line.strip() for line in _lines(official, file)] for file in files)
    if len(sentences) != len(english):
        raise official.wrong(files[1], f"it has {len(english):,} lines, and {files[0].name} has {len(sentences):,}")
    found = Translations(language, files)
    for number, (sentence, translation) in enumerate(zip(sentences, english, strict=True), 1):
        if sentence and translation:
            found.lines.append(number)
            found.sentences.append(sentence)
            found.english.append(translation)
        else:
            found.left_out.append(f"{files[0].name} line {number}")
    if not found.lines:
        raise official.wrong(files[0], "it has no sentence")
    return found


def _lines(official: OfficialSet, file: Path) -> list[str]:
    lines = official.read_text(file).split("\n")
    return lines[:-1] if lines[-1] == "" else lines
