"""Damaged files of dumps: found while the files are read, recorded in link.json, and reported to the user."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import starmap

from mlukit.engine.logs import warn
from mlukit.engine.step_results import Results
from mlukit.engine.storage import Storage
from mlukit.pipelines.sources import Sources
from mlukit.schemas import layout
from mlukit.schemas.damage import DamagedFile, FileAccount, PageList, WrongChecksum, damaged_files
from mlukit.schemas.summaries import Checksum, IndexedPages
from mlukit.transforms.checksum_files import SourceFile
from mlukit.transforms.count_index_pages import IndexFile

DAMAGED = 3  # exit status of a command that succeeded, but with damaged dumps
_PROBLEMS = {
    "corrupt_block": "cannot be decoded",
    "truncated": "is cut off",
    "unclosed_page": "lacks the end of a page",
}
_ALGORITHMS = {"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256"}


def files_to_check(sources: Sources) -> list[SourceFile | IndexFile]:
    """The tasks that compute the checksums of all files, in each run again, because a file may have been replaced."""
    tasks: list[SourceFile | IndexFile] = []
    for number, (language, _, file) in enumerate(sources.files()):
        algorithms = tuple(sorted({one.algorithm for one in sources.listed.get(file.path, ())}))
        tasks.append(SourceFile(language, number, file.size, file.path, algorithms))
        if index := sources.indexes.get(file.path):
            tasks.append(IndexFile(language, number, index.size, index.path))
    return tasks


def find_damage(sources: Sources, checked: Results, read: Results) -> list[DamagedFile]:
    """The files that are damaged.

    Args:
        sources: the files of the link stage.
        checked: the results of the tasks of `files_to_check`.
        read: the results of the tasks that read the files.
    """
    found = []
    for file in _checked_files(sources, checked):
        account = read[file.language].files.get(file.name, FileAccount()) if file.language in read else FileAccount()
        one = replace(
            file,
            pages=account.pages,
            damage=dict(sorted(account.damage.items())),
            places=tuple(account.places),
        )
        if one.reasons:
            found.append(one)
    return found


def _checked_files(sources: Sources, checked: Results) -> Iterator[DamagedFile]:
    """Every file, with the findings from checksums and indexes."""
    for number, (language, kind, file) in enumerate(sources.files()):
        taken = checked[language].summary(SourceFile(language, number, 0, "").name, Checksum)
        wrong = (
            WrongChecksum(one.name, one.algorithm, one.checksum, taken.others[one.algorithm])
            for one in sources.listed.get(file.path, ())
            if taken.others[one.algorithm] != one.checksum
        )
        index = sources.indexes.get(file.path)
        counted = _counted(checked, language, number) if index else IndexedPages()
        pages = PageList(index.name, counted.pages) if index and not counted.problem else None
        yield DamagedFile(language, kind, file.name, file.size, index=pages, checksums=tuple(wrong))


def _counted(checked: Results, language: str, number: int) -> IndexedPages:
    return checked[language].summary(IndexFile(language, number, 0, "").name, IndexedPages)


@dataclass(frozen=True, slots=True)
class EarlyWarnings:
    """Warnings before the dumps are read: wrong checksums, and indexes that cannot be used."""

    sources: Sources

    def __call__(self, checked: Results) -> Iterator[str]:
        """Makes lines for the user from the results of the tasks of `files_to_check`."""
        for file in _checked_files(self.sources, checked):
            for wrong in file.checksums:
                yield f"{file.language}: {file.name} {_wrong_checksum(wrong)}; the file is read as far as possible"
        for number, (language, _, dump) in enumerate(self.sources.files()):
            index = self.sources.indexes.get(dump.path)
            if index and (problem := _counted(checked, language, number).problem):
                yield f"{language}: {index.name} cannot be used to count the pages of {dump.name}: {problem}"


def describe(file: DamagedFile) -> str:
    """Describes the damage of a file: what is wrong, where, and how many pages are missing according to its index."""
    wrong = []
    if file.damage:
        wrong.append(f"{' and '.join(starmap(_what, file.damage.items()))}, {_where(file)}")
    if file.index:
        number = f"{file.missing_pages:,}" if file.missing_pages else "none"
        wrong.append(f"lacks {number} of the {file.index.pages:,} pages in {file.index.name}")
    elif file.damage and file.kind == "dump":
        wrong.append(f"whole pages: {file.pages:,}; the number of missing pages is not known without an index")
    wrong += map(_wrong_checksum, file.checksums)
    return f"{file.language}: {file.name} {'; '.join(wrong)}"


def _what(reason: str, number: int) -> str:
    return _PROBLEMS[reason] + (f" in {number:,} places" if number > 1 else "")


def _where(file: DamagedFile) -> str:
    places = [f"{place.byte:,}" for place in file.places]
    rest = ", …" if sum(file.damage.values()) > len(places) else ""
    return f"at byte{'s' if len(places) > 1 else ''} {', '.join(places)}{rest} of {file.bytes:,}"


def _wrong_checksum(wrong: WrongChecksum) -> str:
    return f"has {_ALGORITHMS[wrong.algorithm]} {wrong.found}, but {wrong.name} says {wrong.listed}"


def damage_lines(files: Sequence[DamagedFile], advice: str) -> Iterator[str]:
    """The last lines of a command with damaged files; nothing if no file is damaged."""
    if files:
        number = "1 FILE IS" if len(files) == 1 else f"{len(files):,} FILES ARE"
        yield f"DAMAGED DUMPS: {number} NOT WHOLE. The output has only what could be read:"
        yield from (f"  {describe(file)}" for file in files)
        yield advice


def tell_of_damage(files: Sequence[DamagedFile], *, allowed: bool, reads_dumps: bool) -> int:
    """Reports the damaged files of the link stage, after all other lines of a command.

    Args:
        files: the damaged files in the record of the link stage.
        allowed: whether the user has given --allow-damaged.
        reads_dumps: whether the command reads dumps; other commands read articles.

    Returns:
        The exit status of a command without other errors.
    """
    sys.stdout.flush()
    for line in damage_lines(files, _advice(allowed) if reads_dumps else "This stage used the articles as they are."):
        warn(line)
    return DAMAGED if files and reads_dumps and not allowed else 0


def _advice(allowed: bool) -> str:
    if allowed:
        return "This is allowed by --allow-damaged."
    return (
        "Download damaged files again and name another --output, or accept this output with --allow-damaged "
        f"(exit status 0 instead of {DAMAGED})."
    )


def recorded_damage(storage: Storage) -> list[DamagedFile]:
    """The damaged files in the record of the link stage; an empty list if the stage is not finished."""
    record = layout.stage_record("link")
    return damaged_files(storage.read_json(record)) if storage.exists(record) else []
