"""The files that a run reads: finds, checks and describes dumps and tables before any work begins."""

import glob
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mlukit.corpus.dumps.files import (
    TABLE_KINDS,
    TABLES,
    DumpError,
    DumpSet,
    FileInfo,
    FilePatterns,
    FoundDumps,
    find_dumps,
    listing_globs,
)
from mlukit.corpus.dumps.inventories import DIGITS, LINE_FORM, LIST_PATTERNS, algorithm_of, index_names, read_checksums
from mlukit.corpus.dumps.item_sources import item_tables, sources_of_shape, tells_items
from mlukit.corpus.dumps.lines import has_no_end, lines_within
from mlukit.corpus.dumps.ranges import DumpRange
from mlukit.corpus.dumps.siteinfo import SiteInfo, check_dump, read_headers
from mlukit.corpus.dumps.sql import SqlDumpError, open_sql, read_table
from mlukit.corpus.dumps.table_shapes import ItemLines, LanguageLinks, SqlTable
from mlukit.corpus.languages.load import any_language, language_codes
from mlukit.corpus.languages.wiki_names import language_of
from mlukit.engine.logs import warn
from mlukit.engine.storage import check_store, is_local, match_files, open_file
from mlukit.pipelines.settings import Settings, SettingsError
from mlukit.schemas.damage import FileAccount

# The last export format of dumps with interlanguage links in the text, before Wikidata replaced these links in 2013.
_LAST_VERSION_WITH_LINKS = (0, 8)
_LARGEST_LIST = 16 << 20  # bytes to read of a list of checksums, which usually has a few kB


@dataclass(frozen=True, slots=True)
class ListedChecksum:
    """The checksum of a file in a list of checksums."""

    name: str  # the name of the list
    algorithm: str
    checksum: str


@dataclass(frozen=True, slots=True)
class Sources:
    """The input of the link stage."""

    found: FoundDumps
    sites: Mapping[str, SiteInfo]  # by language
    indexes: Mapping[str, FileInfo] = field(default_factory=dict)  # of dumps, by the path of the dump file
    listed: Mapping[str, Sequence[ListedChecksum]] = field(default_factory=dict)  # by the path of the file
    without_items: tuple[str, ...] = ()  # languages that have no source of items

    @property
    def languages(self) -> list[str]:
        """The languages to build, sorted."""
        return sorted(self.found.sets)

    def files(self) -> list[tuple[str, str, FileInfo]]:
        """(language, kind, file) of every file, in order; the language of shared tables is "all"."""
        files = []
        for language in self.languages:
            dump = self.found.sets[language]
            files += [(language, "dump", file) for file in dump.files]
            files += [(language, kind, dump.tables[kind]) for kind in TABLES if kind in dump.tables]
        return files + [("all", kind, file) for kind, file in sorted(self.found.shared.items())]


def chosen_languages(settings: Settings) -> list[str]:
    """The languages to build: the named languages, or else all languages of the dumps.

    Raises:
        DumpError: there are no dumps in the named folder.
        SettingsError: a language is unknown, or no dumps are named.
    """
    if not (settings.dumps or settings.dump):
        raise SettingsError("--dumps is missing: name the folder of dumps, or dumps by --dump LANGUAGE=PATH")
    _check_folder(settings.dumps)
    by_hand = sorted({language for language, _ in settings.dump})
    if settings.languages:
        languages = sorted(set(settings.languages))
    else:
        languages = sorted({*by_hand, *(_languages_in(settings.dumps, settings) if settings.dumps else ())})
    if not languages:
        raise DumpError(f"{settings.dumps} has no dump of a Wikipedia, such as enwiki-20260901-pages-articles.xml.bz2")
    for flag, codes in (("--languages", settings.languages), ("--dump", by_hand), ("--dumps", languages)):
        _check_codes(flag, codes)
    if others := [language for language in by_hand if language not in languages]:
        raise SettingsError(f"--dump names a dump of {others[0]}, which is not among --languages")
    return languages


def _check_codes(flag: str, languages: Iterable[str]) -> None:
    """Refuses codes that no Wikipedia has; the message names the flag that gave them."""
    for language in languages:
        try:
            any_language(language)
        except ValueError as error:
            raise SettingsError(f"{flag}: {error}") from error


def find_sources(settings: Settings) -> Sources:
    """Finds and checks the dumps and tables that the settings name.

    Raises:
        DumpError: a file is missing, empty or ambiguous, or is not a dump or table.
        SettingsError: a language is unknown.
    """
    languages, date = chosen_languages(settings), settings.date or None
    patterns = FilePatterns.from_table(settings.patterns)
    listing = _listing(settings.dumps, listing_globs("", languages, patterns, date)) if settings.dumps else []
    found = find_dumps(listing, languages, patterns, date, _by_hand(settings))
    for kind, file in found.shared.items():
        check_table(kind, file, settings.allow_damaged)
    sites = {language: _look_at(found.sets[language], settings.foreign_header) for language in languages}
    sources = Sources(found, sites, without_items=() if settings.wikidata_api else _without_items(found))
    return replace(sources, indexes=_indexes(found), listed=_listed_checksums(sources))


def _indexes(found: FoundDumps) -> dict[str, FileInfo]:
    """The indexes in the folders of the dumps, by the path of the dump file."""
    indexes = {}
    for file in (file for dump in found.sets.values() for file in dump.files):
        found_here = (_find(f"{file.path.removesuffix(file.name)}{name}") for name in index_names(file.name))
        if index := next(filter(None, found_here), None):
            indexes[file.path] = index
    return indexes


def _listed_checksums(sources: Sources) -> dict[str, list[ListedChecksum]]:
    """The checksums of the files, by path, from lists in their folders. Lists are small, so they are read at once."""
    listed: dict[str, list[ListedChecksum]] = {}
    in_folders: dict[str, list[FileInfo]] = {}
    for _, _, file in sources.files():
        in_folders.setdefault(file.path.removesuffix(file.name), []).append(file)
    for folder, files in in_folders.items():
        for found in _listing(folder or ".", LIST_PATTERNS):
            if algorithm := algorithm_of(found.name):
                checksums = _checksums_in(found, algorithm)
                for file in files:
                    if checksum := checksums.get(file.name):
                        listed.setdefault(file.path, []).append(ListedChecksum(found.name, algorithm, checksum))
    return listed


def _checksums_in(file: FileInfo, algorithm: str) -> dict[str, str]:
    """Reads the checksums in a list, by file name; warns about lines that cannot be read."""
    try:
        with open_file(file.path) as stream:
            found = read_checksums(stream.read(_LARGEST_LIST), algorithm)
    except OSError as error:
        warn(f"{file.path} cannot be read, so its checksums are not compared: {error}")
        return {}
    if found.bad_lines:
        number, line = found.first_bad_line
        more = f" ({found.bad_lines:,} wrong lines in all)" if found.bad_lines > 1 else ""
        warn(f"{file.path}: line {number} is {line!r}{more}; accepted: {LINE_FORM}, of {DIGITS[algorithm]} digits")
    return found.checksums


def _by_hand(settings: Settings) -> dict[str, list[FileInfo]]:
    """The dump files that --dump names, by language."""
    files: dict[str, list[FileInfo]] = {}
    for language, path in settings.dump:
        found = _find(path)
        if found is None:
            raise DumpError(f"--dump {language}={path}: there is no such file")
        if found in files.setdefault(language, []):
            raise DumpError(f"--dump {language}={path} is given twice")
        files[language].append(found)
    return files


def _check_folder(path: str) -> None:
    check_store(path)
    if path and is_local(path) and not Path(path).is_dir():
        raise DumpError(f"--dumps {path}: there is no such folder")


def _listing(folder: str, patterns: Iterable[str]) -> list[FileInfo]:
    """The files below a folder that match a pattern. Beam is not used for local folders: it would list all files."""
    if is_local(folder):
        found = (_local_file(path) for pattern in patterns for path in sorted(Path(folder).glob(pattern)))
        return [file for file in found if file]
    root = glob.escape(folder.rstrip("/"))
    return [file for pattern in patterns for file in _remote_files(f"{root}/{pattern}")]


def _find(path: str) -> FileInfo | None:
    """The file at a path; None if there is no file."""
    return _local_file(Path(path)) if is_local(path) else next(iter(_remote_files(glob.escape(path))), None)


def _local_file(path: Path) -> FileInfo | None:
    if path.exists() and not path.is_file():
        raise DumpError(f"{path} is not a file, but has the name of a dump or table")
    return FileInfo(str(path), path.stat().st_size) if path.exists() else None


def _remote_files(pattern: str) -> list[FileInfo]:
    return [FileInfo(file.path, file.size_in_bytes) for file in match_files([pattern])]


def _languages_in(folder: str, settings: Settings) -> set[str]:
    """The languages whose dumps are in a folder."""
    names = FilePatterns.from_table(settings.patterns)
    patterns = [
        (below + name).replace("{wiki}", "*wiki").replace("{date}", settings.date or "*")
        for below in names.folders
        for name in names.pages
    ]
    wikis = (re.match(r"[a-z_]+wiki(?=-)", file.name) for file in _listing(folder, patterns))
    return {language for wiki in wikis if wiki and (language := language_of(wiki[0]))}


def _look_at(dump: DumpSet, foreign_header: bool) -> SiteInfo:
    """Checks the headers of a dump and the beginning of its tables, and shows warnings."""
    if dump.language not in language_codes():
        warn(f"{dump.language}: no language table, so link trails and namespaces are guessed (docs/languages.md)")
    site = check_headers(dump.language, dump.files, foreign_header)
    for kind, file in dump.tables.items():
        check_table(kind, file)
    for warning in dump.warnings:
        warn(f"{dump.language}: {warning}")
    return site


def check_headers(language: str, files: Sequence[FileInfo], foreign_header: bool) -> SiteInfo:
    """Reads the headers of a dump's files.

    Raises:
        DumpError: a header names another wiki, and `foreign_header` is false.
    """
    return read_headers(open_file, language, files, foreign_header=foreign_header, option="--foreign-header", warn=warn)


def check_table(kind: str, file: FileInfo, allow_damaged: bool = False) -> None:
    """Checks the beginning of a table, and its end if the format allows to see there whether the file is complete.

    Args:
        kind: one of `corpus.dumps.files.TABLE_KINDS`.
        file: the table.
        allow_damaged: whether a text file of items may be cut off; a file of SQL never may.

    Raises:
        DumpError: the file is empty, cut off or damaged, or is not this table.
    """
    if not file.size:
        raise DumpError(f"{file.path} is empty: delete the file, or download it again")
    table = TABLE_KINDS[kind]
    try:
        if isinstance(table, ItemLines):
            _check_lines(table, file)
            if not allow_damaged and has_no_end(open_file, file):
                raise OSError(f"{file.path} is cut off (--allow-damaged uses what can be read)")
        elif isinstance(table, SqlTable):
            with open_sql(open_file, file.path) as stream:
                next(read_table(stream, kind, [table.key]), None)
    except (SqlDumpError, OSError) as error:
        raise DumpError(f"{error}: delete the file, or download it again") from error


def _check_lines(table: ItemLines, file: FileInfo) -> None:
    """Checks the beginning of a text file of items."""
    account = FileAccount()
    pieces = lines_within(open_file, DumpRange("all", file.path, file.size, 0, file.size, 0), account)
    head = next(pieces, b"")
    if account.damage or not table.begins(head):
        what = ", ".join(account.damage) or f"it begins with {head.lstrip()[:60]!r}"
        raise OSError(f"{file.path} is not a {table.description} ({what}); accepted: {table.accepted}")


def _without_items(found: FoundDumps) -> tuple[str, ...]:
    """The languages that have no source of items for their pages."""
    if found.shared:
        return ()
    telling = {table.name for table in item_tables() if tells_items(table)}
    direct = {language for language, dump in found.sets.items() if telling & dump.tables.keys()}
    return tuple(
        language
        for language, dump in found.sets.items()
        if language not in direct and not (direct and _names_other_languages(dump))
    )


def no_source_of_items(without: Iterable[str], more: str = "") -> SettingsError:
    """The error for languages that have no source of items.

    Args:
        without: the languages.
        more: flags that are required together with --allow-unresolved, for the message.
    """
    *others, last = (table.advice for table in item_tables() if table.advice)
    return SettingsError(
        f"no source of Wikidata items for {', '.join(without)}: put {', '.join(others)} or {last} beside the "
        f"dumps, or use --wikidata-api, or continue without items by --allow-unresolved{more}"
    )


def _names_other_languages(dump: DumpSet) -> bool:
    """Whether a dump has interlanguage links of its pages: in langlinks, or in the text of dumps until 2013."""
    if any(source.name in dump.tables for source in sources_of_shape(LanguageLinks)):
        return True
    head = check_dump(open_file, dump.files[0].path, dump.files[0].size)
    version = re.search(rb"export-(\d+)\.(\d+)", head)
    return version is not None and (int(version[1]), int(version[2])) <= _LAST_VERSION_WITH_LINKS


def describe(files: Iterable[tuple[str, str, FileInfo]], checksums: Iterable[str]) -> list[dict[str, object]]:
    """The descriptions of source files for manifests, with names without folders, which must not change the output."""
    return [
        {
            "language": language,
            "kind": kind,
            "name": file.name,
            "bytes": file.size,
            "sha256": checksum,
        }
        for (language, kind, file), checksum in zip(files, checksums, strict=True)
    ]
