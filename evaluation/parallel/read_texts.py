"""Reads parallel texts in any of the forms: XQuAD, the Declaration of Human Rights, or JSON lines."""

from collections.abc import Sequence
from pathlib import Path

from mlukit.evaluation.parallel import human_rights, parallel_text, xquad
from mlukit.evaluation.parallel.parallel_text import ParallelText, ParallelTextError

ACCEPTED = (
    f"accepted: a folder with {xquad.FORM}; {human_rights.FORM}; a file of JSON lines, .jsonl or .jsonl.gz "
    "(docs/evaluation-analysis.md)"
)


def read_texts(data: Path, languages: Sequence[str] = ()) -> list[ParallelText]:
    """Reads the texts of some languages, in the order of the languages.

    Args:
        data: a folder or a file, whose names tell the form.
        languages: codes; none for all languages of the data (the Declaration of Human Rights: the 24 of mLUKE).

    Raises:
        ParallelTextError: the data has another form, or does not have one of the languages, or only one language.
    """
    by_language = _json_lines(data) if data.is_file() else _folder(data, languages)
    wanted = languages or sorted(by_language)
    if missing := [language for language in wanted if language not in by_language]:
        raise ParallelTextError(
            f"{data} has no texts in {', '.join(missing)}; it has {', '.join(sorted(by_language)) or 'no language'}"
        )
    if len(wanted) < 2:
        raise ParallelTextError(f"{data}: {', '.join(wanted) or 'no language'}; two languages or more are needed")
    return [text for language in wanted for text in by_language[language]]


def _json_lines(file: Path) -> dict[str, list[ParallelText]]:
    if not file.name.endswith((".jsonl", ".jsonl.gz")):
        raise ParallelTextError(f"{file} is in an unknown form; {ACCEPTED}")
    by_language: dict[str, list[ParallelText]] = {}
    for text in parallel_text.read_json_lines(file):
        by_language.setdefault(text.language, []).append(text)
    return by_language


def _folder(folder: Path, languages: Sequence[str]) -> dict[str, list[ParallelText]]:
    if not folder.is_dir():
        raise ParallelTextError(f"there is no file or folder {folder}; {ACCEPTED}")
    if files := xquad.xquad_files(folder):
        return {code: list(xquad.read_xquad(files[code], code)) for code in files if code in (languages or files)}
    if files := human_rights.human_rights_files(folder):
        wanted = languages or human_rights.CODES
        return {code: list(human_rights.read_human_rights(files[code], code)) for code in files if code in wanted}
    raise ParallelTextError(f"{folder} has no parallel texts; {ACCEPTED}")
