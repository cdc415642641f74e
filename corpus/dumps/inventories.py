"""Reads files beside the dumps that describe the dumps: lists of checksums, and the indexes of multistream dumps.

Lists are in the format of md5sum, sha1sum and sha256sum, with Wikimedia's names: `{wiki}-{date}-md5sums.txt`,
`{wiki}-{date}-sha1sums.txt`, `SHA256SUMS`. An index has a line for each page of its dump, `offset:page id:title`
(https://en.wikipedia.org/wiki/Wikipedia:Database_download).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

DIGITS = {"md5": 32, "sha1": 40, "sha256": 64}
LIST_PATTERNS = ("*sums.txt", "*SUMS", "*SUMS.txt")  # globs of the names of lists
LINE_FORM = "CHECKSUM  FILENAME"

_LIST_NAME = re.compile(r"(?:^|-)(md5|sha1|sha256)sums(?:\.txt)?$", re.IGNORECASE)
_DUMP_NAME = re.compile(r"(-pages-articles)(?:-multistream)?(\d*)\.xml(-p\d+p\d+)?(?:\.\w+)?$", re.ASCII)
_INDEX_LINE = re.compile(rb"\d+:\d+:[^\n]*\S")
_LONGEST_LINE = 4096


@dataclass(slots=True)
class ChecksumList:
    """The checksums in a list, by file name, and the number of lines that are not checksums."""

    algorithm: str
    checksums: dict[str, str] = field(default_factory=dict)
    bad_lines: int = 0
    first_bad_line: tuple[int, str] = (0, "")  # number and beginning of the line


def algorithm_of(name: str) -> str | None:
    """The algorithm of the checksums in a list, by the list's name; None for a file that is not such a list."""
    found = _LIST_NAME.search(name)
    return found[1].lower() if found else None


def read_checksums(content: bytes, algorithm: str) -> ChecksumList:
    """Reads a list. A line is "CHECKSUM  FILENAME", possibly with "*" or "./" before the name, or is empty."""
    line = re.compile(rf"([0-9a-fA-F]{{{DIGITS[algorithm]}}})[ \t]+\*?(?:\./)?(\S+)\s*")
    found = ChecksumList(algorithm)
    for number, text in enumerate(content.decode(errors="replace").splitlines(), 1):
        if match := line.fullmatch(text):
            found.checksums[match[2]] = match[1].lower()
        elif text.strip():
            found.bad_lines += 1
            found.first_bad_line = found.first_bad_line if found.bad_lines > 1 else (number, text[:80])
    return found


def index_names(name: str) -> list[str]:
    """The possible names of the index of a dump, or of a part of a dump.

    A dump in one stream has the same pages as the multistream dump, so one index is right for both.
    """
    found = _DUMP_NAME.search(name)
    if not found:
        return []
    stem = f"{name[: found.start()]}{found[1]}-multistream-index{found[2]}.txt{found[3] or ''}"
    return [f"{stem}.bz2", stem]


def count_index_pages(pieces: Iterable[bytes]) -> int:
    """The number of pages in an index.

    Raises:
        ValueError: a line is not a line of an index, or there are no lines.
    """
    pages, rest = 0, b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            _check_index_line(line, pages + 1)
            pages += 1
        if len(rest) > _LONGEST_LINE:
            break
    if rest:
        _check_index_line(rest, pages + 1)
    elif not pages:
        raise ValueError("the index has no line that can be read")
    return pages + bool(rest)


def _check_index_line(line: bytes, number: int) -> None:
    """Raises a ValueError for a line that is not OFFSET:PAGE ID:TITLE."""
    if len(line) > _LONGEST_LINE or not _INDEX_LINE.fullmatch(line):
        raise ValueError(f"line {number} is {line[:80]!r}; accepted: OFFSET:PAGE ID:TITLE")
