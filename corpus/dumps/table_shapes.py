"""The shapes of the files that accompany dumps, and how a file of each shape is read.

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
        name: as manifests, counts and `--tables` have it.
        patterns: patterns of its file names (see `files.FilePatterns`); a configuration may replace them.
        ending: the ending of file names, before the ending of a compression.
        of_wikidata: one file serves all languages; otherwise each wiki has a separate file.
        in_classic_dumps: Wikimedia has it among a wiki's classic dumps, as {wiki}-{date}-{name}.sql.gz, so that
            `mlukit download` gets it where --tables names it.
        by_default: `mlukit download` gets it where --tables is not given.
        advice: the file to ask for where no source of items is there; "" for a file that is not asked for.
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
        key: a column by which the table is told from others.
    """

    key: str


@dataclass(frozen=True, kw_only=True)
class PageItems(SqlTable):
    """A wiki's own table of items by page id, read whole where the wiki's index is built.

    Attributes:
        read: gives the rows; counts what it leaves out, by reason.
    """

    read: Callable[[BinaryIO, Counter[str]], Iterator[PageItem | DisambiguationPage]]


@dataclass(frozen=True, kw_only=True)
class TitleItems(SqlTable):
    """A table of items by title, read whole by one task, which deals the rows out by language.

    Attributes:
        read: gives batches of `mediawiki_tables.SITELINKS`, of the wikis asked for (database name -> language); counts
            what it leaves out, by reason.
    """

    read: Callable[[BinaryIO, Mapping[str, str], Counter[str]], Iterator[pa.RecordBatch]]


@dataclass(frozen=True, kw_only=True)
class ItemLines(Table):
    """A text each line of which says something of items, cut into ranges: a task reads the lines of one.

    Attributes:
        read: gives the items of any stretch of lines that have a page in the wikis asked for (database name ->
            language), and each line that it does not understand; counts, by reason, the items that it leaves out.
        begins: whether a file that begins so is of this kind.
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
    """A wiki's own table of links to other languages, whose items they carry to pages that have none.

    Attributes:
        layer: the layer of the title index with the carried items.
        read: gives the links to the languages asked for (interwiki prefix -> language); counts what it leaves out.
    """

    layer: str
    read: Callable[[BinaryIO, Mapping[str, str | None], Counter[str]], Iterator[LangLink]]


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service that is asked, where a run wants it, for titles of which no file knows an item.

    Attributes:
        name: the service's.
        layer: the layer of the title index with the answers.
    """

    name: str
    layer: str
