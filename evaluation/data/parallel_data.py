"""Finds parallel texts in a folder, in any of their forms, and chooses the items that can be compared.

An item is left out if one of the languages does not have it, or if its words in one of the languages are those of an
item before it, since two answers would then be right. Case, spaces and compatibility forms of Unicode do not count.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlukit.evaluation.data.human_rights import read_human_rights
from mlukit.evaluation.data.official_files import OfficialSet, official_set
from mlukit.evaluation.data.parallel_text import LINE, ParallelText, read_json_lines
from mlukit.evaluation.data.xquad import read_xquad
from mlukit.evaluation.errors import EvaluationError

SETS = ("xquad", "udhr")


@dataclass(frozen=True, slots=True)
class ParallelItems:
    """Items and the texts in which they are.

    Attributes:
        texts: of all languages.
        languages: codes.
        names: of the chosen items.
        left_out: the names of other items, by reason.
        files: that were read.
    """

    texts: list[ParallelText]
    languages: list[str]
    names: list[str]
    left_out: Mapping[str, Sequence[str]]
    files: tuple[Path, ...]


def read_parallel_items(data: Path, languages: Sequence[str] = ()) -> ParallelItems:
    """Reads parallel texts and chooses their items.

    Args:
        data: a file or folder of JSON lines (.jsonl), or a folder of XQuAD or of the Declaration of Human Rights.
        languages: codes; none for all languages of the data.

    Raises:
        EvaluationError: the data has another form, does not have one of the languages, has only one language, or has
            an item twice.
    """
    files = _find(data)
    texts = [text for file in files for text in _read(file)]
    available = sorted({text.language for text in texts})
    wanted = list(dict.fromkeys(languages)) or available
    if missing := [code for code in wanted if code not in available]:
        raise EvaluationError(f"{data} has no texts in {', '.join(missing)}; it has {', '.join(available)}")
    if len(wanted) < 2:
        raise EvaluationError(f"{data}: only the language {', '.join(wanted)}; two or more are needed")
    chosen = [text for code in wanted for text in texts if text.language == code]
    items = Counter((text.language, name) for text in chosen for name in text.spans)
    if repeated := next((item for item, number in items.items() if number > 1), None):
        raise EvaluationError(f"{data}: the item {repeated[1]!r} is there twice in {repeated[0]}; accepted: once")
    names, left_out = choose_items(chosen)
    if len(names) < 2:
        raise EvaluationError(f"{data} has fewer than two items that can be compared in {', '.join(wanted)}")
    return ParallelItems(chosen, wanted, names, left_out, tuple(files))


def _find(data: Path) -> list[Path]:
    if data.is_file():
        return [data]
    if files := sorted(data.glob("*.jsonl")):
        return files
    for name in SETS:
        official = official_set(name)
        if found := [file for one in official.files if (file := official.find_if_there(data, one))]:
            return found
    problem = "has no parallel texts" if data.is_dir() else "is not there"
    raise EvaluationError(f"--data {data} {problem}; accepted: {'; '.join(map(_accepted, SETS))}; *.jsonl like {LINE}")


def _accepted(name: str) -> str:
    official: OfficialSet = official_set(name)
    return f"{official.title} ({official.published}): {official.files[0]}, …"


def _read(file: Path) -> Iterator[ParallelText]:
    name = file.name.removesuffix(".gz")
    if name in official_set("xquad").files:
        return read_xquad(file, name.split(".")[1])
    return read_human_rights(file) if name.endswith(".html") else read_json_lines(file)


def choose_items(texts: Sequence[ParallelText]) -> tuple[list[str], dict[str, list[str]]]:
    """Chooses items as the docstring of this module says.

    Returns:
        The names of the chosen items, in the order of the first language, and the others by the reason.
    """
    words: dict[str, dict[str, str]] = {}
    for text in texts:
        words.setdefault(text.language, {}).update(
            {name: _folded(text.text[start:end]) for name, (start, end) in text.spans.items()}
        )
    chosen: list[str] = []
    left_out: dict[str, list[str]] = {}
    seen: set[tuple[str, str]] = set()
    for name in dict.fromkeys(name for found in words.values() for name in found):
        missing = [language for language, found in words.items() if name not in found]
        forms = {(language, found.get(name, "")) for language, found in words.items()}
        if missing or forms & seen:
            reason = f"not in {', '.join(missing)}" if missing else "words of another item"
            left_out.setdefault(reason, []).append(name)
        else:
            chosen.append(name)
            seen |= forms
    return chosen, left_out


def _folded(words: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", words).casefold().split())
