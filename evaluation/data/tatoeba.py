"""Tatoeba's test sets in the form of LASER: for each language, two files of sentences whose lines are translations.

`tatoeba.deu-eng.deu` has German sentences, and `tatoeba.deu-eng.eng` their English translations.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from mlukit.evaluation.data.official_files import OfficialSet, official_set
from mlukit.evaluation.errors import EvaluationError

ENGLISH = "eng"
_NAME = re.compile(r"tatoeba\.([a-z]{3})-eng\.\1(\.gz)?", re.ASCII)


def read_tatoeba(folder: Path, languages: Sequence[str] = ()) -> tuple[dict[str, list[tuple[str, str]]], list[Path]]:
    """Reads pairs of sentences.

    Args:
        folder: with the files, or with a folder `tatoeba` of them.
        languages: codes of three letters; none for all.

    Returns:
        By language, each sentence with its English translation; and the files.

    Raises:
        EvaluationError: a file is missing, has an empty line, or has other lines than its translation.
    """
    official = official_set("tatoeba")
    pairs, files = {}, []
    for language in languages or _languages(official, folder):
        names = [f"tatoeba.{language}-{ENGLISH}.{side}" for side in (language, ENGLISH)]
        both = [official.find(folder, name) for name in names]
        first, second = (_sentences(official, file) for file in both)
        if len(first) != len(second):
            raise official.wrong(both[0], f"it has {len(first):,} lines, and {both[1].name} has {len(second):,}")
        pairs[language] = list(zip(first, second, strict=True))
        files += both
    return pairs, files


def _languages(official: OfficialSet, folder: Path) -> list[str]:
    names = {file.name for place in (folder, folder / official.name) for file in place.glob("tatoeba.*")}
    found = sorted(match[1] for name in names if (match := _NAME.fullmatch(name)))
    if not found:
        official.find(folder, official.files[0])
        raise EvaluationError(f"--data {folder} has no pair of files of Tatoeba")
    return list(dict.fromkeys(found))


def _sentences(official: OfficialSet, file: Path) -> list[str]:
    lines = official.read_text(file).removesuffix("\n").split("\n")
    if empty := next((number for number, line in enumerate(lines, 1) if not line.strip()), None):
        raise official.wrong(file, f"line {empty} is empty")
    return lines
