"""What a run reads: dumps and tables found, looked at and described before any work starts."""

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

# The export format of the dumps in which interlanguage links still stood in the text: Wikidata took them over in 2013.
_LAST_VERSION_WITH_LINKS = (0, 8)
_LARGEST_LIST = 16 << 20  # bytes; a list of checksums has a few kB


@dataclass(frozen=True, slots=True)
class ListedChecksum:
    """What a list of checksums says of a file."""

    name: str  # of the list
    algorithm: str
    checksum: str


@dataclass(frozen=True, slots=True)
class Sources:
    """The input of the link stage."""

    found: FoundDumps
    sites: Mapping[str, SiteInfo]  # by language
    indexes: Mapping[str, FileInfo] = field(default_factory=dict)  # of dumps, by their paths
    listed: Mapping[str, Sequence[ListedChecksum]] = field(default_factory=dict)  # by the paths of the files
    without_items: tuple[str, ...] = ()  # languages whose pages no source of items knows

    @property
    def languages(self) -> list[str]:
        """Sorted."""
        return sorted(self.found.sets)

    def files(self) -> list[tuple[str, str, FileInfo]]:
        """Every file with the language it belongs to and what it is, in order."""
        files = []
        for language in self.languages:
            dump = self.found.sets[language]
            files += [(language, "dump", file) for file in dump.files]
            files += [(language, kind, dump.tables[kind]) for kind in TABLES if kind in dump.tables]
        return files + [("all", kind, file) for kind, file in sorted(self.found.shared.items())]


def chosen_languages(settings: Settings) -> list[str]:
    """The languages to build: those that are named, else all that the dumps are of.

    Raises:
        DumpError: there are no dumps where they should lie.
        SettingsError: a language is unknown.
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
        raise DumpError(
            f"{settings.dumps} holds no dump of a Wikipedia, such as enwiki-20260901-pages-articles.xml.bz2"
        )
    for flag, codes in (("--languages", settings.languages), ("--dump", by_hand), ("--dumps", languages)):
        _check_codes(flag, codes)
    if others := [language for language in by_hand if language not in languages]:
        raise SettingsError(f"--dump names a dump of {others[0]}, which is not among --languages")
    return languages


def _check_codes(flag: str, languages: Iterable[str]) -> None:
    """Refuses codes that no Wikipedia has; `flag` is what named them."""
    for language in languages:
        try:
            any_language(language)
        except ValueError as error:
            raise SettingsError(f"{flag}: {error}") from error


def find_sources(settings: Settings) -> Sources:
    """Finds and checks the dumps and tables that the settings ask for.

    Raises:
        DumpError: a file is missing, empty, ambiguous or no dump.
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
    """The indexes that lie beside dumps, by the dumps' paths."""
    indexes = {}
    for file in (file for dump in found.sets.values() for file in dump.files):
        found_here = (_find(f"{file.path.removesuffix(file.name)}{name}") for name in index_names(file.name))
        if index := next(filter(None, found_here), None):
            indexes[file.path] = index
    return indexes


def _listed_checksums(sources: Sources) -> dict[str, list[ListedChecksum]]:
    """What the lists of checksums in the files' folders say of the files, by path. A list is small, and read here."""
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
    """The checksums in a list, by file name; says what of it cannot be read."""
    try:
        with open_file(file.path) as stream:
            found = read_checksums(stream.read(_LARGEST_LIST), algorithm)
    except OSError as error:
        warn(f"{file.path} cannot be read, so no checksum in it is compared: {error}")
        return {}
    if found.bad_lines:
        number, line = found.first_bad_line
        more = f", and {found.bad_lines - 1:,} lines more" if found.bad_lines > 1 else ""
        warn(f"{file.path}: line {number} is {line!r}{more}; accepted: {LINE_FORM}, of {DIGITS[algorithm]} digits")
    return found.checksums


def _by_hand(settings: Settings) -> dict[str, list[FileInfo]]:
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
    """The files below a folder that match a pattern; Beam would walk through all of a local one, for each pattern."""
    if is_local(folder):
        found = (_local_file(path) for pattern in patterns for path in sorted(Path(folder).glob(pattern)))
        return [file for file in found if file]
    root = glob.escape(folder.rstrip("/"))
    return [file for pattern in patterns for file in _remote_files(f"{root}/{pattern}")]


def _find(path: str) -> FileInfo | None:
    """The file at a path; None where there is none."""
    return _local_file(Path(path)) if is_local(path) else next(iter(_remote_files(glob.escape(path))), None)


def _local_file(path: Path) -> FileInfo | None:
    if path.exists() and not path.is_file():
        raise DumpError(f"{path} is no file, though named as a dump or table")
    return FileInfo(str(path), path.stat().st_size) if path.exists() else None


def _remote_files(pattern: str) -> list[FileInfo]:
    return [FileInfo(file.path, file.size_in_bytes) for file in match_files([pattern])]


def _languages_in(folder: str, settings: Settings) -> set[str]:
    """The languages whose dumps lie in a folder."""
    names = FilePatterns.from_table(settings.patterns)
    patterns = [
        (below + name).replace("{wiki}", "*wiki").replace("{date}", settings.date or "*")
        for below in names.folders
        for name in names.pages
    ]
    wikis = (re.match(r"[a-z_]+wiki(?=-)", file.name) for file in _listing(folder, patterns))
    return {language for wiki in wikis if wiki and (language := language_of(wiki[0]))}


def _look_at(dump: DumpSet, foreign_header: bool) -> SiteInfo:
    if dump.language not in language_codes():
        warn(f"{dump.language}: no language table, so links' trails and namespaces are guessed (docs/languages.md)")
    site = check_headers(dump.language, dump.files, foreign_header)
    for kind, file in dump.tables.items():
        check_table(kind, file)
    for warning in dump.warnings:
        warn(f"{dump.language}: {warning}")
    return site


def check_headers(language: str, files: Sequence[FileInfo], foreign_header: bool) -> SiteInfo:
    """What the headers of a dump's files say; DumpError if one names another wiki, unless `foreign_header`."""
    return read_headers(open_file, language, files, foreign_header=foreign_header, option="--foreign-header", warn=warn)


def check_table(kind: str, file: FileInfo, allow_damaged: bool = False) -> None:
    """Looks at the beginning of a table, and at the end where that tells whether the table is cut off.

    Args:
        kind: one of `corpus.dumps.files.TABLE_KINDS`.
        file: the table.
        allow_damaged: a text of items may be cut off; SQL may not.

    Raises:
        DumpError: it is empty, does not decode as its name says, or is another table or none.
    """
    if not file.size:
        raise DumpError(f"{file.path} is empty; take it away, or get it again")
    table = TABLE_KINDS[kind]
    try:
        if isinstance(table, ItemLines):
            _check_lines(table, file)
            if not allow_damaged and has_no_end(open_file, file):
                raise OSError(f"{file.path} is cut off; --allow-damaged uses what can be read of it")
        elif isinstance(table, SqlTable):
            with open_sql(open_file, file.path) as stream:
                next(read_table(stream, kind, [table.key]), None)
    except (SqlDumpError, OSError) as error:
        raise DumpError(f"{error}; take it away, or get it again") from error


def _check_lines(table: ItemLines, file: FileInfo) -> None:
    account = FileAccount()
    pieces = lines_within(open_file, DumpRange("all", file.path, file.size, 0, file.size, 0), account)
    head = next(pieces, b"")
    if account.damage or not table.begins(head):
        what = ", ".join(account.damage) or f"it begins with {head.lstrip()[:60]!r}"
        raise OSError(f"{file.path} is no {table.description} ({what}); accepted: {table.accepted}")


def _without_items(found: FoundDumps) -> tuple[str, ...]:
    """The languages for which nothing says which items their pages have."""
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
    """The error for languages whose pages no source of items knows.

    Args:
        without: the languages.
        more: flags that have to come with --allow-unresolved.
    """
    *others, last = (table.advice for table in item_tables() if table.advice)
    return SettingsError(
        f"no source of Wikidata items for {', '.join(without)}: give {', '.join(others)} or {last} beside the "
        f"dumps, or ask for --wikidata-api, or go on with --allow-unresolved{more}"
    )


def _names_other_languages(dump: DumpSet) -> bool:
    """Whether a dump's pages say which pages they are in other languages: in langlinks, or in the text till 2013."""
    if any(source.name in dump.tables for source in sources_of_shape(LanguageLinks)):
        return True
    head = check_dump(open_file, dump.files[0].path, dump.files[0].size)
    version = re.search(rb"export-(\d+)\.(\d+)", head)
    return version is not None and (int(version[1]), int(version[2])) <= _LAST_VERSION_WITH_LINKS


def describe(files: Iterable[tuple[str, str, FileInfo]], checksums: Iterable[str]) -> list[dict[str, object]]:
    """What manifests say of source files; names without folders, so that bytes do not depend on where they lie."""
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
