"""What a run reads: dumps and tables found, looked at and described before any work starts."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from apache_beam.io.filesystems import FileSystems

from corpus.dump_files import (
    TABLES,
    DumpError,
    DumpSet,
    FileInfo,
    FilePatterns,
    FoundDumps,
    find_dumps,
    language_of,
    listing_globs,
)
from corpus.dump_head import SiteInfo, check_dump, read_siteinfo
from corpus.language_tables import any_language, language_codes
from pipelines.run import say
from pipelines.settings import Settings, SettingsError
from transforms.storage import is_local, open_file

# The export format of the dumps in which interlanguage links still stood in the text: Wikidata took them over in 2013.
_LAST_VERSION_WITH_LINKS = (0, 8)


@dataclass(frozen=True, slots=True)
class Sources:
    """The input of the link stage."""

    found: FoundDumps
    sites: Mapping[str, SiteInfo]  # by language

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


def find_sources(settings: Settings) -> Sources:
    """Finds and checks the dumps and tables that the settings ask for.

    Raises:
        DumpError: a file is missing, empty, ambiguous or no dump.
        SettingsError: a language is unknown, or nothing says which items its pages have.
    """
    if not (settings.dumps or settings.dump):
        raise SettingsError("--dumps is missing: name the folder of dumps, or dumps by --dump LANGUAGE=PATH")
    patterns = FilePatterns.from_table(settings.patterns)
    by_hand = _by_hand(settings)
    root = _folder(settings.dumps)
    languages = list(settings.languages) or sorted({*by_hand, *_languages_in(root, patterns, settings.date)})
    if not languages:
        raise DumpError(
            f"{settings.dumps} holds no dump of a Wikipedia, such as enwiki-20260901-pages-articles.xml.bz2"
        )
    for language in languages:
        _check_language(language)
    listing = _listing(listing_globs(root, languages, patterns, settings.date or None)) if root else []
    found = find_dumps(listing, languages, patterns, settings.date or None, by_hand)
    sites = {language: _look_at(found.sets[language]) for language in languages}
    _check_items(settings, found)
    return Sources(found, sites)


def _by_hand(settings: Settings) -> dict[str, list[FileInfo]]:
    files: dict[str, list[FileInfo]] = {}
    for language, path in settings.dump:
        if not FileSystems.exists(path):
            raise DumpError(f"--dump {language}={path}: there is no such file")
        files.setdefault(language, []).extend(_listing([path]))
    return files


def _folder(path: str) -> str:
    """The folder's path with a slash at its end; DumpError where there is none."""
    if path and is_local(path) and not FileSystems.exists(path):
        raise DumpError(f"--dumps {path}: there is no such folder")
    return path.rstrip("/") + "/" if path else ""


def _listing(globs: Sequence[str]) -> list[FileInfo]:
    results = FileSystems.match(list(globs))
    return [FileInfo(file.path, file.size_in_bytes) for result in results for file in result.metadata_list]


def _languages_in(root: str, patterns: FilePatterns, date: str) -> set[str]:
    """The languages whose dumps lie in a folder."""
    if not root:
        return set()
    globs = [
        root + (folder + name).replace("{wiki}", "*wiki").replace("{date}", date or "*")
        for folder in patterns.folders
        for name in patterns.pages
    ]
    names = (re.match(r"[a-z_]+wiki(?=-)", file.path.rpartition("/")[2]) for file in _listing(globs))
    return {language for name in names if name and (language := language_of(name[0]))}


def _check_language(code: str) -> None:
    try:
        any_language(code)
    except ValueError as error:
        raise SettingsError(f"--languages: {error}") from error
    if code not in language_codes():
        say(f"{code}: no language table, so links' trails and namespaces are guessed (docs/languages.md)")


def _look_at(dump: DumpSet) -> SiteInfo:
    for file in dump.files:
        check_dump(open_file, file.path, file.size)
    for file in dump.tables.values():
        if not file.size:
            raise DumpError(f"{file.path} is empty; take it away, or get it again")
    for warning in dump.warnings:
        say(f"{dump.language}: {warning}")
    return read_siteinfo(open_file, dump.files[0].path, dump.files[0].size)


def _check_items(settings: Settings, found: FoundDumps) -> None:
    """Refuses to start where nothing says which items a language's pages have."""
    if settings.allow_unresolved or settings.wikidata_api or found.shared:
        return
    direct = {language for language, dump in found.sets.items() if "page_props" in dump.tables}
    without = [
        language
        for language, dump in found.sets.items()
        if language not in direct and not (direct and _names_other_languages(dump))
    ]
    if without:
        raise SettingsError(
            f"no source of Wikidata items for {', '.join(without)}: give {{wiki}}-{{date}}-page_props.sql.gz, "
            "wikidatawiki-{date}-wb_items_per_site.sql.gz or the Wikidata JSON dump beside the dumps, "
            "or ask for --wikidata-api, or go on with --allow-unresolved"
        )


def _names_other_languages(dump: DumpSet) -> bool:
    """Whether a dump's pages say which pages they are in other languages: in langlinks, or in the text till 2013."""
    if "langlinks" in dump.tables:
        return True
    head = check_dump(open_file, dump.files[0].path, dump.files[0].size)
    version = re.search(rb"export-(\d+)\.(\d+)", head)
    return version is not None and (int(version[1]), int(version[2])) <= _LAST_VERSION_WITH_LINKS


def describe(files: Iterable[tuple[str, str, FileInfo]], checksums: Mapping[str, str]) -> list[dict[str, object]]:
    """What manifests say of source files; names without folders, so that bytes do not depend on where they lie."""
    return [
        {
            "language": language,
            "kind": kind,
            "name": file.path.rpartition("/")[2],
            "bytes": file.size,
            "sha256": checksums[file.path],
        }
        for language, kind, file in files
    ]
