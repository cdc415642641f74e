"""The shapes of the files beside the dumps, with the reader of each shape.

A source of items is an object of one of these classes, and a row of `item_sources.ITEM_SOURCES`. Tasks and checks
depend only on the classes: a new source of an existing shape needs only a reader and a row.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa

from mlukit.corpus.dumps.mediawiki_tables import DisambiguationPage, LangLink, PageItem
from mlukit.corpus.dumps.wikidata_json import BadLine, WikidataItem


@dataclass(frozen=True, kw_only=True)
class Table:
    """A kind of file beside the dumps.

    Attributes:
        name: the name in manifests, counts and `--tables`.
        patterns: patterns of its file names (see `files.FilePatterns`); a configuration may replace them.
        ending: the ending of file names, before the ending of a compression.
        of_wikidata: one file serves all languages; otherwise each wiki has a separate file.
        in_classic_dumps: whether Wikimedia has the file among a wiki's classic dumps, as
            {wiki}-{date}-{name}.sql.gz, so that `mlukit download` gets it if --tables names it.
        by_default: whether `mlukit download` gets the file without --tables.
        advice: the file name that messages propose if there is no source of items; "" for no proposal.
    """

    name: str
    patterns: tuple[str, ...]
    ending: str = "sql"
    of_wikidata: bool = False
    in_classic_dumps: bool = False
    by_default: bool = False
    advice: str = ""


@dataclass(frozen=True, kw_only=True)
class SqlTable(Table):
    """A table of MediaWiki as mysqldump writes it.

    Attributes:
        key: a column that distinguishes the table from others.
    """

    key: str


@dataclass(frozen=True, kw_only=True)
class PageItems(SqlTable):
    """A wiki's own table of items by page id; the task that builds the wiki's index reads the whole table.

    Attributes:
        read: returns the rows; counts the rows that it leaves out, by reason.
    """

    read: Callable[[BinaryIO, Counter[str]], Iterator[PageItem | DisambiguationPage]]


@dataclass(frozen=True, kw_only=True)
class TitleItems(SqlTable):
    """A table of items by title; one task reads the whole table and distributes the rows by language.

    Attributes:
        read: returns batches of `mediawiki_tables.SITELINKS` of the requested wikis (database name -> language); counts
            the rows that it leaves out, by reason.
    """

    read: Callable[[BinaryIO, Mapping[str, str], Counter[str]], Iterator[pa.RecordBatch]]


@dataclass(frozen=True, kw_only=True)
class ItemLines(Table):
    """A text with items on its lines, cut into ranges: a task reads the lines of one range.

    Attributes:
        read: returns, for any lines of the file, the items that have a page in the requested wikis (database name ->
            language), and each line that it does not understand; counts the items that it leaves out, by reason.
        begins: whether a file that begins with these bytes may be of this kind.
        description: the name of such a file in messages.
        accepted: the accepted form of such a file, for messages.
        subject: the first word of the reason of a failure.
        labels: whether the items have labels.
    """

    read: Callable[[Iterable[bytes], Mapping[str, str], Counter[str]], Iterator[WikidataItem | BadLine]]
    begins: Callable[[bytes], bool]
    description: str
    accepted: str
    subject: str
    labels: bool = False


@dataclass(frozen=True, kw_only=True)
class LanguageLinks(SqlTable):
    """A wiki's own table of links to other languages; the links carry items to pages without an item.

    Attributes:
        layer: the layer of the title index with the carried items.
        read: returns the links to the requested languages (interwiki prefix -> language); counts the rows that it
            leaves out.
    """

    layer: str
    read: Callable[[BinaryIO, Mapping[str, str | None], Counter[str]], Iterator[LangLink]]


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service that a run may ask for the items of titles that no file knows.

    Attributes:
        name: the name of the service.
        layer: the layer of the title index with the answers.
    """

    name: str
    layer: str
