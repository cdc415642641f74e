"""Lists the files of one day on a mirror of Wikimedia's dumps, and selects the files that a build needs.

There are two families. The classic dumps are in `{wiki}/{YYYYMMDD}/`, listed in dumpstatus.json
(https://meta.wikimedia.org/wiki/Data_dumps/Status_format) and `{wiki}-{date}-sha1sums.txt`. The content exports are in
`other/mediawiki_content_current/{wiki}/{YYYY-MM-DD}/xml/bzip2/`, listed in SHA256SUMS
(https://wikitech.wikimedia.org/wiki/MediaWiki_Content_File_Exports); they have no SQL tables, so the tables come from
the classic dumps of the same day. Only names with the expected form for a wiki and a date are accepted from a list.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mlukit.corpus.dumps.files import SHARED_TABLES
from mlukit.corpus.dumps.inventories import read_checksums
from mlukit.corpus.languages.wiki_names import wiki_of
from mlukit.corpus.web.http_client import Client, DownloadError, NotFoundError, RemoteFile

WIKIMEDIA = "https://dumps.wikimedia.org"
CLASSIC, CONTENT = "classic", "content"
_CONTENT_FOLDER = "other/mediawiki_content_current"
_DATES = {CLASSIC: r"\d{8}", CONTENT: r"\d{4}-\d\d-\d\d"}
_DATES_TRIED = 6
_MAX_SIZE = 1 << 50


class IncompleteError(DownloadError):
    """The dump of a day does not have all requested files, or is not finished yet."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The requested files."""

    languages: Sequence[str]
    tables: Sequence[str]  # of corpus.dumps.files.DOWNLOADABLE
    family: str = CLASSIC
    mirror: str = WIKIMEDIA


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file of a list; the size is in bytes, None if the list does not have it."""

    name: str
    size: int | None = None
    algorithm: str = ""
    checksum: str = ""


@dataclass(frozen=True, slots=True)
class _Listing:
    """Files by name; `finished` if the list has either all files of a table or dump, or no file of it."""

    folder: str  # the address, with "/"
    files: Mapping[str, _Entry]
    finished: bool


def plain_date(text: str, family: str) -> str:
    """Converts a date to the form in a family's names: "2026-09-01" to "20260901" for classic dumps.

    Raises:
        DownloadError: the text is not a date.
    """
    found = re.fullmatch(r"(\d{4})(-?)(\d\d)\2(\d\d)", text, re.ASCII)
    if not found:
        raise DownloadError(f"date {text!r} is not valid; accepted: a date such as 20260901 or 2026-09-01, or latest")
    return ("-" if family == CONTENT else "").join((found[1], found[3], found[4]))


def find_latest(client: Client, wanted: Wanted) -> tuple[str, list[RemoteFile]]:
    """The latest day for which a mirror has all wanted files, and these files.

    Raises:
        DownloadError: no such day is among the latest days, or the mirror does not list its days.
    """
    days = [_days(client, wanted, wiki) for wiki in map(wiki_of, wanted.languages)]
    common = sorted(set.intersection(*days), reverse=True)
    reasons = []
    for date in common[:_DATES_TRIED]:
        try:
            return date, find_files(client, wanted, date)
        except IncompleteError as error:
            reasons.append(str(error))
    why = "; ".join(reasons) or "the languages have no day in common"
    raise DownloadError(f"{wanted.mirror} has no day with all requested files: {why}")


def _days(client: Client, wanted: Wanted, wiki: str) -> set[str]:
    """The days for which a mirror has a folder, from its page of links."""
    folder = f"{_CONTENT_FOLDER}/{wiki}/" if wanted.family == CONTENT else f"{wiki}/"
    url = f"{wanted.mirror}/{folder}"
    try:
        page = client.read(url).decode(errors="replace")
    except NotFoundError as error:
        raise DownloadError(f"{error}: the mirror has no {wanted.family} dumps of {wiki}") from error
    days = set(
        re.findall(rf"""href\s*=\s*["']?(?:[^"'>\s]*/)?({_DATES[wanted.family]})/?["'>\s]""", page, re.IGNORECASE)
    )
    if not days:
        raise DownloadError(f"{url} lists no days; name a day with --date")
    return days


def find_files(client: Client, wanted: Wanted, date: str) -> list[RemoteFile]:
    """The files of a day, by language: the dump, or its parts, and the tables.

    Raises:
        IncompleteError: a file is missing.
        DownloadError: the mirror does not answer.
    """
    files: list[RemoteFile] = []
    wiki_tables = [table for table in wanted.tables if table not in SHARED_TABLES]
    shared_tables = [table for table in wanted.tables if table in SHARED_TABLES]
    for wiki in map(wiki_of, wanted.languages):
        classic = _classic_list(client, wanted, wiki, date) if wanted.family == CLASSIC or wiki_tables else None
        if wanted.family == CONTENT:
            content = _content_list(client, wanted, wiki, date)
            files += _remote_files(client, content, _content_pages(content, wiki, date), wiki, date)
        elif classic:
            files += _remote_files(client, classic, _classic_pages(classic, wiki, date), wiki, date)
        if classic:
            files += _remote_files(client, classic, _table_files(classic, wiki_tables, wiki, date), wiki, date)
    if shared_tables:
        wiki = "wikidatawiki"
        classic = _classic_list(client, wanted, wiki, date)
        files += _remote_files(client, classic, _table_files(classic, shared_tables, wiki, date), wiki, date)
    return files


def _classic_list(client: Client, wanted: Wanted, wiki: str, date: str) -> _Listing:
    """The files of a classic dump: the finished files in dumpstatus.json, or the files in the list of checksums."""
    date = plain_date(date, CLASSIC)
    folder = f"{wanted.mirror}/{wiki}/{date}/"
    status = _status(client, folder)
    if status is not None and all(entry.checksum for entry in status):
        return _Listing(folder, {entry.name: entry for entry in status}, True)
    try:
        sums = _sums(client.read(f"{folder}{wiki}-{date}-sha1sums.txt"), "sha1")
    except NotFoundError as error:
        if status is None:
            raise IncompleteError(f"{folder} has neither dumpstatus.json nor {wiki}-{date}-sha1sums.txt") from error
        sums = {}
    if status is None:
        return _Listing(folder, sums, False)
    known = [_with_checksum(entry, sums.get(entry.name)) for entry in status]
    return _Listing(folder, {entry.name: entry for entry in known}, True)


def _with_checksum(entry: _Entry, other: _Entry | None) -> _Entry:
    """The entry with the checksum of another entry for the same file, if it has no checksum itself."""
    return entry if entry.checksum or not other else replace(entry, algorithm=other.algorithm, checksum=other.checksum)


def _status(client: Client, folder: str) -> list[_Entry] | None:
    """The files of jobs that are done; None if the folder has no dumpstatus.json."""
    url = f"{folder}dumpstatus.json"
    try:
        jobs = json.loads(client.read(url))["jobs"]
        done = [job.get("files") or {} for job in jobs.values() if job.get("status") == "done"]
        return [_status_entry(name, facts) for files in done for name, facts in files.items()]
    except NotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DownloadError(f"{url} is not a list of dumps: {type(error).__name__}: {error!s:.200}") from error


def _status_entry(name: str, facts: Mapping[str, Any]) -> _Entry:
    """A file of dumpstatus.json; an implausible size or checksum is ignored."""
    size, sha1 = facts.get("size"), str(facts.get("sha1", "")).lower()
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < _MAX_SIZE:
        size = None
    return _Entry(name, size, "sha1", sha1) if re.fullmatch("[0-9a-f]{40}", sha1) else _Entry(name, size)


def _sums(content: bytes, algorithm: str) -> dict[str, _Entry]:
    """The entries of a list of checksums."""
    found = read_checksums(content, algorithm).checksums
    return {name: _Entry(name, None, algorithm, checksum) for name, checksum in found.items()}


def _content_list(client: Client, wanted: Wanted, wiki: str, date: str) -> _Listing:
    """The files of a content export."""
    folder = f"{wanted.mirror}/{_CONTENT_FOLDER}/{wiki}/{date}/xml/bzip2/"
    try:
        return _Listing(folder, _sums(client.read(f"{folder}SHA256SUMS"), "sha256"), True)
    except NotFoundError as error:
        raise IncompleteError(f"{error}, so the export of that day is not finished, or was removed") from error


def _content_pages(listing: _Listing, wiki: str, date: str) -> list[_Entry]:
    """The parts of a content export in the order of their pages."""
    name = re.compile(rf"{wiki}-{date}-p(\d{{1,18}})p\d{{1,18}}\.xml\.bz2", re.ASCII)
    parts = [(int(match[1]), entry) for entry in listing.files.values() if (match := name.fullmatch(entry.name))]
    if not parts:
        raise IncompleteError(f"{listing.folder} has no {wiki}-{date}-p…p….xml.bz2")
    return [entry for _, entry in sorted(parts, key=lambda part: (part[0], part[1].name))]


def _classic_pages(listing: _Listing, wiki: str, date: str) -> list[_Entry]:
    """The files of the dump in one of its forms, which all hold the same pages.

    Parts are preferred to the whole dump, since a part that fails is downloaded again faster. The whole dump is
    preferred if the list does not show whether all parts are there. One stream is preferred to the larger multistream.
    """
    date = plain_date(date, CLASSIC)
    name = re.compile(
        rf"{wiki}-{date}-pages-articles(-multistream)?(\d{{0,4}})\.xml(?:-p(\d{{1,18}})p\d{{1,18}})?\.bz2", re.ASCII
    )
    forms: dict[tuple[bool, bool], list[tuple[int, int, _Entry]]] = {}
    for entry in listing.files.values():
        if match := name.fullmatch(entry.name):
            whole = not (match[2] or match[3])
            key = whole == listing.finished, bool(match[1])
            forms.setdefault(key, []).append((int(match[2] or 0), int(match[3] or 0), entry))
    if not forms:
        raise IncompleteError(f"{listing.folder} has no finished {wiki}-{date}-pages-articles….xml.bz2")
    return [entry for _, _, entry in sorted(forms[min(forms)], key=lambda part: (part[0], part[1], part[2].name))]


def _table_files(listing: _Listing, tables: Iterable[str], wiki: str, date: str) -> Iterator[_Entry]:
    """The SQL tables; IncompleteError for a table that is missing."""
    for table in tables:
        name = f"{wiki}-{plain_date(date, CLASSIC)}-{table}.sql.gz"
        if name not in listing.files:
            raise IncompleteError(f"{listing.folder} has no finished {name}")
        yield listing.files[name]


def _remote_files(
    client: Client, listing: _Listing, entries: Iterable[_Entry], wiki: str, date: str
) -> Iterator[RemoteFile]:
    """Converts entries to files to download; asks the server for sizes that the list does not have."""
    for entry in entries:
        url = listing.folder + entry.name
        try:
            size = client.size(url) if entry.size is None else entry.size
        except NotFoundError as error:
            raise IncompleteError(f"{error}, although the mirror's list names the file") from error
        yield RemoteFile(url, f"{wiki}/{date}/{entry.name}", size, entry.algorithm, entry.checksum)
