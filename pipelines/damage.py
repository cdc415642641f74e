"""Which files of the dumps are damaged: found while they are read, kept in link.json, and told whenever it matters."""

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

DAMAGED = 3  # the exit status of a command that did all it could with damaged dumps
_PROBLEMS = {
    "corrupt_block": "does not decode",
    "truncated": "is cut off",
    "unclosed_page": "lacks the end of a page",
}
_ALGORITHMS = {"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256"}


def files_to_check(sources: Sources) -> list[SourceFile | IndexFile]:
    """The tasks that look at all files: their checksums are taken anew by each run, since a file may be replaced."""
    tasks: list[SourceFile | IndexFile] = []
    for number, (language, _, file) in enumerate(sources.files()):
        algorithms = tuple(sorted({one.algorithm for one in sources.listed.get(file.path, ())}))
        tasks.append(SourceFile(language, number, file.size, file.path, algorithms))
        if index := sources.indexes.get(file.path):
            tasks.append(IndexFile(language, number, index.size, index.path))
    return tasks


def find_damage(sources: Sources, checked: Results, read: Results) -> list[DamagedFile]:
    """The files that are not whole.

    Args:
        checked: the results of `files_to_check`.
        read: those of the tasks that read the files.
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
    """Every file, with what is known of it before its content is read."""
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
    """What the user is told before the dumps are read: wrong checksums, and indexes that cannot be used."""

    sources: Sources

    def __call__(self, checked: Results) -> Iterator[str]:
        """Lines, of the results of `files_to_check`."""
        for file in _checked_files(self.sources, checked):
            for wrong in file.checksums:
                yield f"{file.language}: {file.name} {_wrong_checksum(wrong)}; it is read as far as it goes"
        for number, (language, _, dump) in enumerate(self.sources.files()):
            index = self.sources.indexes.get(dump.path)
            if index and (problem := _counted(checked, language, number).problem):
                yield f"{language}: {index.name} cannot tell how many pages {dump.name} has: {problem}"


def describe(file: DamagedFile) -> str:
    """What is wrong with a file, where, and how much is missing by the dump's own account."""
    wrong = []
    if file.damage:
        wrong.append(f"{' and '.join(starmap(_what, file.damage.items()))}, {_where(file)}")
    if file.index:
        number = f"{file.missing_pages:,}" if file.missing_pages else "none"
        wrong.append(f"lacks {number} of the {file.index.pages:,} pages in {file.index.name}")
    elif file.damage and file.kind == "dump":
        wrong.append(f"whole pages: {file.pages:,}; how many it lacks is not known without its index")
    wrong += map(_wrong_checksum, file.checksums)
    return f"{file.language}: {file.name} {'; '.join(wrong)}"


def _what(reason: str, number: int) -> str:
    return _PROBLEMS[reason] + (f" in {number:,} places" if number > 1 else "")


def _where(file: DamagedFile) -> str:
    places = [f"{place.byte:,}" for place in file.places]
    rest = ", …" if sum(file.damage.values()) > len(places) else ""
    return f"at byte{'s' if len(places) > 1 else ''} {', '.join(places)}{rest} of {file.bytes:,}"


def _wrong_checksum(wrong: WrongChecksum) -> str:
    return f"has {_ALGORITHMS[wrong.algorithm]} {wrong.found}, by {wrong.name} it is {wrong.listed}"


def damage_lines(files: Sequence[DamagedFile], advice: str) -> Iterator[str]:
    """What a command that has such files ends with; nothing where there are none."""
    if files:
        number = "1 FILE IS" if len(files) == 1 else f"{len(files):,} FILES ARE"
        yield f"DAMAGED DUMPS: {number} NOT WHOLE. The output has what could be read of them, and no more:"
        yield from (f"  {describe(file)}" for file in files)
        yield advice


def tell_of_damage(files: Sequence[DamagedFile], *, allowed: bool, reads_dumps: bool) -> int:
    """Says, after all else, what the link stage of an output folder read that was damaged.

    Args:
        files: of its record.
        allowed: whether the user asked for --allow-damaged.
        reads_dumps: whether the command reads dumps; others go on from articles.

    Returns:
        The exit status that this gives a command which has done its work.
    """
    sys.stdout.flush()
    for line in damage_lines(files, _advice(allowed) if reads_dumps else "This stage took the articles as they are."):
        warn(line)
    return DAMAGED if files and reads_dumps and not allowed else 0


def _advice(allowed: bool) -> str:
    if allowed:
        return "This is allowed by --allow-damaged."
    return (
        "Get them again and name another --output, or take the output as it is by --allow-damaged "
        f"(exit status 0 in place of {DAMAGED})."
    )


def recorded_damage(storage: Storage) -> list[DamagedFile]:
    """The damaged files in the record of the link stage; none where it is not finished."""
    record = layout.stage_record("link")
    return damaged_files(storage.read_json(record)) if storage.exists(record) else []
