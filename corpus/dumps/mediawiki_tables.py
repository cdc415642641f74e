"""Reads the SQL tables with the items of pages, and with the links and redirects between pages.

Each reader streams one table and yields a named tuple for each row (tables have up to 10^9 rows). Only
wb_items_per_site, the table that all languages wait for, is read by columns. A row that is left out is counted in the
caller's `skipped`, under one of the keys of SKIP_REASONS. Titles are in NFC, as MediaWiki stores them, and have spaces,
not underscores. Some tables have the namespace as a number, others in the title. A damaged file raises
corpus.dumps.sql.SqlDumpError.

Tables: https://www.mediawiki.org/wiki/Manual:Database_layout and
https://www.mediawiki.org/wiki/Wikibase/Schema/wb_items_per_site
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from mlukit.corpus.dumps.sql import SqlDumpError, read_columns, read_table
from mlukit.schemas.items import TITLE_ITEMS

SKIP_REASONS = {
    "null": "a required value is NULL",
    "not_utf8": "the title is not UTF-8",
    "empty_title": "the title is empty",
    "bad_qid": "the item is not a Q followed by a number",
    "other_property": "the page property is not needed",
    "other_wiki": "the sitelink leads to a wiki that was not requested",
    "other_language": "the language link leads to a language that was not requested",
}
INTEGERS = (
    *("pp_page", "ips_item_id", "ll_from", "rd_from", "rd_namespace"),
    *("pl_from", "pl_namespace", "pl_target_id", "lt_id", "lt_namespace"),
)
MAX_QID = (1 << 63) - 1
SITELINKS = pa.schema([pa.field("language", pa.string(), nullable=False), *TITLE_ITEMS])


class PageItem(NamedTuple):
    """A page's own item."""

    page_id: int
    qid: int


class DisambiguationPage(NamedTuple):
    """A page with {{disambig}} or a similar template."""

    page_id: int


class LangLink(NamedTuple):
    """A page of this wiki and its title in another language."""

    page_id: int
    language: str
    title: str


class RedirectRow(NamedTuple):
    """A redirect page and its target; `interwiki` and `fragment` may be ""."""

    page_id: int
    namespace: int
    title: str
    interwiki: str
    fragment: str


class PageLink(NamedTuple):
    """A link in a table before 2024: the title that it leads to."""

    page_id: int
    namespace: int
    title: str


class TargetLink(NamedTuple):
    """A link in a table since 2024: the id of a row of linktarget."""

    page_id: int
    target_id: int


class LinkTarget(NamedTuple):
    """A row of linktarget."""

    target_id: int
    namespace: int
    title: str


def read_page_props(stream: BinaryIO, skipped: Counter[str]) -> Iterator[PageItem | DisambiguationPage]:
    """The items and disambiguation pages in page_props."""
    for page_id, name, value in _rows(stream, "page_props", ("pp_page", "pp_propname", "pp_value"), skipped):
        if name == b"wikibase_item":
            if qid := _qid(value):
                yield PageItem(page_id, qid)
            else:
                skipped["bad_qid"] += 1
        elif name == b"disambiguation":
            yield DisambiguationPage(page_id)
        else:
            skipped["other_property"] += 1


def read_items_per_site(stream: BinaryIO, wikis: Mapping[str, str], skipped: Counter[str]) -> Iterator[pa.RecordBatch]:
    """The sitelinks of some wikis in Wikidata's wb_items_per_site, as batches of SITELINKS.

    Outside the main namespace a title has its prefix.

    Args:
        stream: the SQL text.
        wikis: database name -> language, such as {"be_x_oldwiki": "be-tarask"}.
        skipped: counts rows that are left out.
    """
    names = pa.array([wiki.encode() for wiki in wikis], pa.binary())
    languages = pa.array(wikis.values(), pa.string())

    def kept(rows: pa.RecordBatch, mask: pa.BooleanArray, reason: str) -> pa.RecordBatch:
        if left_out := len(mask) - mask.true_count:
            skipped[reason] += left_out
        return rows.filter(mask) if left_out else rows

    columns = ("ips_item_id", "ips_site_id", "ips_site_page")
    for items, sites, pages in read_columns(stream, "wb_items_per_site", columns, integers=INTEGERS):
        values = [_qids(items), pa.array(sites, pa.binary()), pa.array(pages, pa.binary())]
        rows = pa.record_batch(values, names=["item", "site", "page"])
        rows = kept(rows, pc.and_(pc.and_(*(pc.is_valid(v) for v in values[:2])), pc.is_valid(values[2])), "null")
        rows = kept(rows, pc.is_in(rows["site"], names), "other_wiki")
        rows = kept(rows, pc.greater(rows["item"], 0), "bad_qid")
        rows = rows.append_column("title", _texts(rows["page"]))
        rows = kept(rows, pc.is_valid(rows["title"]), "not_utf8")
        rows = kept(rows, pc.not_equal(rows["title"], ""), "empty_title")
        row_languages = languages.take(pc.index_in(rows["site"], names))
        titles = pc.replace_substring(rows["title"], "_", " ")
        yield pa.record_batch([row_languages, titles, rows["item"]], schema=SITELINKS)


def read_langlinks(
    stream: BinaryIO, language_of_prefix: Mapping[str, str | None], skipped: Counter[str]
) -> Iterator[LangLink]:
    """The interlanguage links to some languages in langlinks.

    Args:
        stream: the SQL text.
        language_of_prefix: interwiki prefix -> language, such as {"no": "no", "nb": "no"}.
        skipped: counts rows that are left out.
    """
    languages = {prefix.encode(): language for prefix, language in language_of_prefix.items()}
    for page_id, prefix, page in _rows(stream, "langlinks", ("ll_from", "ll_lang", "ll_title"), skipped):
        language = languages.get(prefix)
        if language is None:
            skipped["other_language"] += 1
        elif (title := _title(page, skipped)) is not None:
            yield LangLink(page_id, language, title)


def read_redirects(stream: BinaryIO, skipped: Counter[str]) -> Iterator[RedirectRow]:
    """The redirects of a wiki in the table redirect. The title "" stands for the main page of the wiki `interwiki`."""
    columns = ("rd_from", "rd_namespace", "rd_title")
    for page_id, namespace, page, interwiki, fragment in _rows(
        stream, "redirect", columns, skipped, optional=("rd_interwiki", "rd_fragment")
    ):
        title = _title(page, skipped, may_be_empty=bool(interwiki))
        where = _text(interwiki or b"", skipped)
        part = _text(fragment or b"", skipped)
        if title is not None and where is not None and part is not None:
            yield RedirectRow(page_id, namespace, title, where, part)


def read_pagelinks(stream: BinaryIO, skipped: Counter[str]) -> Iterator[PageLink | TargetLink]:
    """The links of a wiki's pages in pagelinks: with titles in old tables, with ids of linktarget in new tables."""
    optional = ("pl_namespace", "pl_title", "pl_target_id")
    for page_id, namespace, page, target_id in _rows(stream, "pagelinks", ("pl_from",), skipped, optional):
        if target_id is not None:
            yield TargetLink(page_id, target_id)
        elif namespace is None or page is None:
            raise SqlDumpError("table `pagelinks` has neither pl_target_id nor both pl_namespace and pl_title")
        elif (title := _title(page, skipped)) is not None:
            yield PageLink(page_id, namespace, title)


def read_linktarget(stream: BinaryIO, skipped: Counter[str]) -> Iterator[LinkTarget]:
    """The titles in linktarget, to which the ids in new pagelinks refer."""
    for target_id, namespace, page in _rows(stream, "linktarget", ("lt_id", "lt_namespace", "lt_title"), skipped):
        if (title := _title(page, skipped)) is not None:
            yield LinkTarget(target_id, namespace, title)


def _rows(
    stream: BinaryIO, table: str, columns: tuple[str, ...], skipped: Counter[str], optional: tuple[str, ...] = ()
) -> Iterator[tuple[Any, ...]]:
    """The rows that have no NULL in `columns`; the types of values are those of MediaWiki's tables."""
    required = len(columns)
    for row in read_table(stream, table, columns, optional, INTEGERS):
        if None in row and None in row[:required]:
            skipped["null"] += 1
        else:
            yield row


def _text(value: bytes, skipped: Counter[str]) -> str | None:
    """Decodes UTF-8; None for other bytes, which are counted."""
    try:
        return str(value, "utf-8")
    except UnicodeDecodeError:
        skipped["not_utf8"] += 1
        return None


def _title(value: bytes, skipped: Counter[str], may_be_empty: bool = False) -> str | None:
    """A title with spaces; None for a title that is left out, which is counted."""
    title = _text(value, skipped)
    if title == "" and not may_be_empty:
        skipped["empty_title"] += 1
        return None
    return title and title.replace("_", " ")


def _qids(values: Sequence[Any]) -> pa.Int64Array:
    """The numbers of items as a column; 0 for a number that is too large."""
    try:
        return pa.array(values, pa.int64())
    except OverflowError:
        return pa.array([value if value is None or abs(value) <= MAX_QID else 0 for value in values], pa.int64())


def _texts(values: pa.BinaryArray) -> pa.StringArray:
    """Decodes UTF-8; null for other bytes."""
    try:
        return values.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([_text(value, Counter()) for value in values.to_pylist()], pa.string())


def _qid(value: bytes) -> int | None:
    """b"Q64" -> 64; None for other values."""
    digits = value[1:]
    if value[:1] != b"Q" or len(digits) > 19 or not digits.isdigit():
        return None
    return qid if 0 < (qid := int(digits)) <= MAX_QID else None
