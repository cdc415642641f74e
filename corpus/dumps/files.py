"""Finds the dumps of each Wikipedia among the files of a folder, by Wikimedia's own file names."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from fnmatch import translate
from itertools import pairwise, product

from mlukit.corpus.dumps.item_sources import item_tables
from mlukit.corpus.dumps.table_shapes import SqlTable, Table
from mlukit.corpus.languages.wiki_names import wiki_of


class DumpError(Exception):
    """Input that cannot be used: the message says which file, what is wrong and what is accepted."""


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A file of a listing; `size` in bytes."""

    path: str
    size: int

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return self.path.rpartition("/")[2]


_DATE = r"\d{8}|\d{4}-\d\d-\d\d|latest"
_PAGE_RANGE = re.compile(r"-p(\d+)p(\d+)")
_PART_NUMBER = re.compile(r"(?<=[a-z])(\d+)(?=\.xml)")

REDIRECT = SqlTable(name="redirect", patterns=("{wiki}-*redirect.sql*",), in_classic_dumps=True, key="rd_from")
PAGELINKS = SqlTable(name="pagelinks", patterns=("{wiki}-*pagelinks.sql*",), in_classic_dumps=True, key="pl_from")
LINKTARGET = SqlTable(name="linktarget", patterns=("{wiki}-*linktarget.sql*",), in_classic_dumps=True, key="lt_id")
# Every kind of file beside the dumps, by name.
TABLE_KINDS: Mapping[str, Table] = {one.name: one for one in (*item_tables(), REDIRECT, PAGELINKS, LINKTARGET)}
AUDIT_TABLES = (PAGELINKS.name, LINKTARGET.name)  # large tables that only the audit uses
SHARED_TABLES = tuple(one.name for one in TABLE_KINDS.values() if one.of_wikidata)
TABLES = tuple(name for name in TABLE_KINDS if name not in (*AUDIT_TABLES, *SHARED_TABLES))  # each wiki's own
DOWNLOADABLE = tuple(
    name for name in (*TABLES, *AUDIT_TABLES, *SHARED_TABLES) if TABLE_KINDS[name].in_classic_dumps
)  # the tables that `mlukit download` can get
DOWNLOADED = tuple(name for name in DOWNLOADABLE if TABLE_KINDS[name].by_default)  # without --tables

_ENDINGS = "|".join(dict.fromkeys(("xml", *(one.ending for one in TABLE_KINDS.values()))))
_READABLE = re.compile(rf"\.({_ENDINGS})(-[^.]*)?(\.(bz2|gz|xz|zst|7z))?$")  # what a name must end in


@dataclass(frozen=True, slots=True)
class FilePatterns:
    """The folders and file names of dumps; each field can be set in a configuration file.

    In folders and names, {wiki} is the database's name ("enwiki"), {date} any date or the chosen date ("20260101",
    "2026-01-01", "latest"), and * any text without "/". A name must also end in .xml or in the ending of a table,
    plain or compressed (.bz2, .gz, .xz, .zst, .7z), so that checksums and indexes are ignored.
    """

    folders: tuple[str, ...] = ("", "{wiki}/{date}/", "{wiki}/", "{wiki}/{date}/xml/bzip2/")
    pages: tuple[str, ...] = (
        "{wiki}-*pages-articles*.xml*",
        "{wiki}-*pages-meta-current*.xml*",
        "{wiki}-{date}-p[0-9]*p[0-9]*.xml*",  # mediawiki_content_current
    )
    ignored: tuple[str, ...] = ("*-rss.xml",)
    wikidata_folders: tuple[str, ...] = (
        "",
        "wikidatawiki/{date}/",
        "wikidatawiki/",
        "wikidatawiki/entities/",
        "wikidatawiki/entities/{date}/",
    )
    tables: Mapping[str, tuple[str, ...]] = field(  # in a configuration file, each table has its own key
        default_factory=lambda: {name: kind.patterns for name, kind in TABLE_KINDS.items()}
    )

    @classmethod
    def from_table(cls, table: Mapping[str, object]) -> "FilePatterns":
        """The default patterns, with the patterns of a configuration in place of some of them.

        Args:
            table: name of a field -> a string or a list of strings.

        Raises:
            DumpError: a name is not a field, or a value has another type.
        """
        places = [field.name for field in fields(cls) if field.name != "tables"]
        values: dict[str, tuple[str, ...]] = {}
        for name, value in table.items():
            texts = [value] if isinstance(value, str) else value
            if name not in (*places, *TABLE_KINDS) or not isinstance(texts, list) or not all(map(_is_pattern, texts)):
                raise DumpError(
                    f"the file pattern {name} = {value!r} is not valid; accepted: a list of strings, in which only "
                    f"{{wiki}} and {{date}} may be in braces, for any of {', '.join((*places, *TABLE_KINDS))}"
                )
            values[name] = tuple(texts)
        tables = {name: values.pop(name, kind.patterns) for name, kind in TABLE_KINDS.items()}
        return cls(**values, tables=tables)


def _is_pattern(value: object) -> bool:
    """Whether a value is a string in which only {wiki} and {date} are in braces."""
    return isinstance(value, str) and not set("{}") & set(value.replace("{wiki}", "").replace("{date}", ""))


@dataclass(frozen=True, slots=True)
class DumpSet:
    """The files found for one Wikipedia."""

    language: str
    wiki: str
    date: str | None  # in the form of the file names: "20230501", "latest"; None where the names have no date
    files: tuple[FileInfo, ...]  # the dump, or its parts in the order of their pages
    tables: Mapping[str, FileInfo] = field(
        default_factory=dict
    )  # name in TABLES or AUDIT_TABLES -> file, for the files found
    warnings: tuple[str, ...] = ()  # a part that seems to be missing, a table of another date


@dataclass(frozen=True, slots=True)
class FoundDumps:
    """The files found: a set for each language, and the tables of Wikidata for all languages."""

    sets: Mapping[str, DumpSet]
    shared: Mapping[str, FileInfo]  # name in SHARED_TABLES -> file, for the files found


def listing_globs(
    root: str,
    languages: Iterable[str],
    patterns: FilePatterns | None = None,
    date: str | None = None,
    tables: Sequence[str] = TABLES,
) -> list[str]:
    """The globs of all files that find_dumps may use, below `root` (which ends in "/" or is empty)."""
    patterns = patterns or FilePatterns()
    globs: dict[str, None] = {}
    for language in languages:
        names = [*patterns.pages, *(name for table in tables for name in patterns.tables[table])]
        globs |= dict.fromkeys(_globs(root, patterns.folders, names, wiki_of(language), date))
    names = [name for table in SHARED_TABLES for name in patterns.tables[table]]
    globs |= dict.fromkeys(_globs(root, patterns.wikidata_folders, names, "wikidatawiki", date))
    return list(globs)


def find_dumps(
    listing: Iterable[FileInfo],
    languages: Collection[str],
    patterns: FilePatterns | None = None,
    date: str | None = None,
    chosen: Mapping[str, Sequence[FileInfo]] | None = None,
    tables: Sequence[str] = TABLES,
) -> FoundDumps:
    """Finds the dumps and tables of each language by the names of files; their folders do not matter.

    Args:
        listing: the files.
        languages: codes of Wikipedias.
        patterns: of file names; the defaults if None.
        date: only files of this date are taken ("20230501", "2023-05-01", "latest"); any date if None.
        chosen: dumps that the user named, or their parts, by language; for these only tables are searched.
        tables: which tables to search, of TABLES and AUDIT_TABLES.

    Raises:
        DumpError: a language has no dump, or several dumps that are not parts of one dump.
    """
    patterns = patterns or FilePatterns()
    ignored = [_matcher(pattern) for pattern in patterns.ignored]
    files = [
        file
        for file in sorted(set(listing), key=lambda file: file.path)
        if _READABLE.search(file.name) and not any(matches(file.name) for matches in ignored)
    ]
    by_hand = chosen or {}
    sets = {
        language: _find_set(files, language, patterns, date, by_hand.get(language), tables) for language in languages
    }
    shared = {}
    for table in SHARED_TABLES:
        matches = _matching(files, patterns.tables[table], "wikidatawiki")
        if matches:
            shared[table] = _one_table(matches, date, table)
    return FoundDumps(sets, shared)


def _find_set(
    files: list[FileInfo],
    language: str,
    patterns: FilePatterns,
    date: str | None,
    chosen: Sequence[FileInfo] | None,
    tables: Sequence[str],
) -> DumpSet:
    """The dump and the tables of one language; see `find_dumps`."""
    wiki = wiki_of(language)
    matching = _matching(files, patterns.pages, wiki)
    parts = sorted(chosen, key=_part_order) if chosen else _dump_parts(matching, language, patterns, date)
    dump_date = _date(parts[0])
    found, warnings = {}, [_missing_part(a, b) for a, b in pairwise(parts)]
    for table in tables:
        matches = _matching(files, patterns.tables[table], wiki)
        if matches:
            found[table] = _one_table(matches, date or dump_date, table)
            table_date = _date(found[table])
            if table_date and dump_date and _plain(table_date) != _plain(dump_date):
                warnings.append(f"{found[table].path} has the date {table_date}, the dump {parts[0].path} {dump_date}")
    return DumpSet(language, wiki, dump_date, tuple(parts), found, tuple(filter(None, warnings)))


def _dump_parts(files: list[FileInfo], language: str, patterns: FilePatterns, date: str | None) -> list[FileInfo]:
    """The parts of a language's dump, in order, among the files that match the language."""
    dated = [file for file in files if date is None or _plain(_date(file)) == _plain(date)]
    if not dated:
        looked_for = ", ".join(name.format(wiki=wiki_of(language), date=date or "*") for name in patterns.pages)
        others = f"; files of other dates: {', '.join(file.path for file in files)}" if files else ""
        raise DumpError(f"there is no dump for language {language!r}: looked for {looked_for}{others}")
    dumps: dict[tuple[str, ...], list[FileInfo]] = {}
    for file in dated:
        dumps.setdefault(_dump_key(file), []).append(file)
    if len(dumps) > 1:
        raise _ambiguous(f"dumps match language {language!r}", [parts[0] for parts in dumps.values()])
    parts = sorted(dated, key=_part_order)
    for one, two in pairwise(parts):
        if _part_order(two)[0] <= _page_range(one)[1] or _part_order(one) == _part_order(two):
            raise _ambiguous(f"dumps match language {language!r}", [one, two])
    return parts


def _ambiguous(what: str, files: list[FileInfo]) -> DumpError:
    """The error for several files of which only one can be meant."""
    return DumpError(
        f"{len(files)} {what}: {', '.join(file.path for file in files)}; remove all but one, choose one with --date, "
        "or name one with --dump"
    )


def _one_table(files: list[FileInfo], date: str | None, table: str) -> FileInfo:
    """The file of the date; a file of another date if it is the only one."""
    same = [file for file in files if date is not None and _plain(_date(file)) == _plain(date)] or files
    if len(same) > 1:
        raise _ambiguous(f"files match {table}", same)
    return same[0]


def _dump_key(file: FileInfo) -> tuple[str, ...]:
    """Equal for the parts of one dump: folder, name without part number and page range, and "part" or "whole"."""
    without_range, ranges = _PAGE_RANGE.subn("", file.name)
    stem, numbers = _PART_NUMBER.subn("", without_range)
    folder = file.path[: len(file.path) - len(file.name)]
    return folder, stem, "part" if ranges or numbers else "whole"


def _part_order(file: FileInfo) -> tuple[int, int]:
    """The key that orders the parts of a dump: (first page, number), 0 where the name does not have them."""
    number = _PART_NUMBER.search(_PAGE_RANGE.sub("", file.name))
    return _page_range(file)[0], int(number[1]) if number else 0


def _page_range(file: FileInfo) -> tuple[int, int]:
    """The first and last page in a part's name; (0, -1) for a name without pages."""
    pages = _PAGE_RANGE.search(file.name)
    return (int(pages[1]), int(pages[2])) if pages else (0, -1)


def _missing_part(one: FileInfo, two: FileInfo) -> str:
    """A warning if a part is missing between two neighbouring parts; "" otherwise.

    Only numbered parts show this: the content exports are named by the first and last page that exist, and page ids
    between them may be missing.
    """
    end, begin = _page_range(one)[1], _page_range(two)[0]
    first, second = _part_order(one)[1], _part_order(two)[1]
    if first and second and (begin > end + 1 if end >= 0 else second > first + 1):
        return f"a part of the dump seems to be missing between {one.path} and {two.path}"
    return ""


def _matching(files: list[FileInfo], patterns: Iterable[str], wiki: str) -> list[FileInfo]:
    """The files whose names match one of the patterns."""
    matchers = [_matcher(pattern, wiki) for pattern in patterns]
    return [file for file in files if any(matches(file.name) for matches in matchers)]


def _matcher(pattern: str, wiki: str = "") -> Callable[[str], object]:
    """A test whether a name matches a pattern; {date} stands for a date in one of Wikimedia's forms."""
    placeholder = "DATE0"
    expression = translate(pattern.format(wiki=wiki, date=placeholder)).replace(placeholder, f"(?:{_DATE})")
    return re.compile(expression).match


def _globs(root: str, folders: Iterable[str], names: Iterable[str], wiki: str, date: str | None) -> Iterator[str]:
    """The globs of names in folders, any date if `date` is None."""
    for folder, name in product(folders, names):
        yield root + (folder + name).format(wiki=wiki, date=date or "*")


def _date(file: FileInfo) -> str | None:
    """The date in a file's name."""
    found = re.search(rf"(?:^|-)({_DATE})(?=[-.])", file.name)
    return found[1] if found else None


def _plain(date: str | None) -> str | None:
    """A date in Wikimedia's older form: "2026-01-01" -> "20260101"."""
    return date.replace("-", "") if date else None
