"""Joins the data of all sources about the titles of a wiki, partitioned by title, to build an index in parts."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlukit.corpus.dumps.mediawiki_tables import DisambiguationPage, LangLink, PageItem, RedirectRow
from mlukit.corpus.linking.hash_partitions import PARTS, PartitionedRows
from mlukit.corpus.linking.repeated_pages import NO_ARTICLE
from mlukit.corpus.linking.title_index import MAX_QID, HashTitles
from mlukit.schemas.records import PageTitle

BATCH_ROWS = 1 << 15
_LONE_SURROGATE = re.compile(b"\xed[\xa0-\xbf]")  # in UTF-8

NO_SOURCE = 255  # the `preference` of a row without an item
_PAGE_ID, _QID = pa.field("page_id", pa.int64()), pa.field("qid", pa.uint32())
_REVISION_ID = pa.field("revision_id", pa.int64())  # 0 if unknown
_PLACE = pa.field("place", pa.int64())  # the place of the article, or NO_ARTICLE
FORMER = -1  # the `revision_id` of a title that a page has only in an earlier copy
_PREFERENCE = pa.field("preference", pa.uint8())  # the number of the item's source: 0 for the most preferred source
_NAME = [pa.field("hash", pa.uint64()), pa.field("title", pa.binary())]
_TARGET = [
    pa.field("target_hash", pa.uint64()),
    pa.field("target", pa.binary()),
]  # null: not a page of the main namespace
_COPY = pa.field("copy", pa.int64())  # the number of the added page, counted over all pages
_PAGES = pa.schema([_PAGE_ID, _REVISION_ID, _PLACE, _COPY, *_NAME, pa.field("redirect", pa.bool_()), *_TARGET])
REPEATED = pa.schema([_PAGE_ID, _REVISION_ID, _PLACE])
_ITEMS = pa.schema([_PAGE_ID, _PREFERENCE, _QID])
_DISAMBIGUATIONS = pa.schema([_PAGE_ID])
_REDIRECTS = pa.schema([_PAGE_ID, *_TARGET])
LINKS = pa.schema([_PAGE_ID, pa.field("language", pa.string()), pa.field("title", pa.string())])
_PAGE_LINKS = pa.schema([*LINKS, _COPY])  # _EVERY_COPY, or the copy of the page whose text has the link
_EVERY_COPY = -1
TITLES = pa.schema(
    [
        *_NAME,
        pa.field("source", pa.uint8()),  # 0: a page of the dump; otherwise 1 + the number of the title's source
        pa.field("redirect", pa.bool_()),
        _REVISION_ID,
        _PAGE_ID,
        _QID,  # 0 for no item
        _PREFERENCE,
        pa.field("disambiguation", pa.bool_()),
        *_TARGET,
    ]
)

R = TypeVar("R")


class TitleJoin:
    """Joins added rows by page; `titles` and `links` then have the rows, partitioned by the hash of the title.

    Of a page that was added several times, one copy is kept, see `corpus.linking.repeated_pages`. `repeated` has these
    copies, partitioned by page id and ascending in each part.

    Args:
        folder: the folder for temporary files.
        stack: closes and removes the temporary files.
        hash_titles: the hash function.
        counts: counts what is left out.
        sources: the names of the sources of items, in order of preference.
    """

    def __init__(
        self, folder: Path, stack: ExitStack, hash_titles: HashTitles, counts: Counter[str], sources: Sequence[str]
    ) -> None:
        def parts(name: str, schema: pa.Schema) -> PartitionedRows:
            return stack.enter_context(PartitionedRows(folder / name, schema))

        self.titles, self.links = parts("titles", TITLES), parts("links", LINKS)
        self.repeated = parts("repeated", REPEATED)
        self.heap_bytes = 0  # of all titles; a title that is added twice counts twice
        self._counts, self._hash, self._sources = counts, hash_titles, sources
        self._pages, self._items = parts("pages", _PAGES), parts("items", _ITEMS)
        self._disambiguations = parts("disambiguations", _DISAMBIGUATIONS)
        self._redirects, self._page_links = parts("redirects", _REDIRECTS), parts("page_links", _PAGE_LINKS)
        self._copies = 0

    def add_pages(self, pages: Iterable[PageTitle]) -> None:
        """Adds pages, in the dump's order, with their interlanguage links."""
        for batch in _batches(pages):
            titles = [page.title.encode() for page in batch]
            targets = [None if page.redirect is None else page.redirect.encode() for page in batch]
            page_ids = _page_ids(batch)
            redirect = [target is not None for target in targets]
            known = [page.revision_id for page in batch], [_place(page) for page in batch]
            copies = np.arange(self._copies, self._copies + len(batch))
            name, target = (self._hash(titles), titles), (self._hash_some(targets), targets)
            rows = _rows(_PAGES, page_ids, *known, copies, *name, redirect, *target)
            self._pages.add(rows, page_ids % PARTS)
            self.heap_bytes += sum(map(len, titles))
            self._copies += len(batch)
            links = zip(copies.tolist(), batch, strict=True)
            self._add_links(
                (LangLink(page.page_id, *link), copy) for copy, page in links for link in page.interlanguage
            )

    def add_items(self, source: str, items: Iterable[PageItem | DisambiguationPage]) -> None:
        """Adds the items and disambiguation pages of a source."""
        preference = self._sources.index(source)
        for batch in _batches(items):
            with_item = [row for row in batch if isinstance(row, PageItem) and self._in_range(row.qid)]
            page_ids = _page_ids(with_item)
            qids = [row.qid for row in with_item]
            self._items.add(_rows(_ITEMS, page_ids, [preference] * len(qids), qids), page_ids % PARTS)
            page_ids = _page_ids([row for row in batch if isinstance(row, DisambiguationPage)])
            self._disambiguations.add(_rows(_DISAMBIGUATIONS, page_ids), page_ids % PARTS)

    def add_redirects(self, redirects: Iterable[RedirectRow]) -> None:
        """Adds rows of redirect.sql."""
        for batch in _batches(redirects):
            targets = [row.title.encode() if row.namespace == 0 and not row.interwiki else None for row in batch]
            page_ids = _page_ids(batch)
            self._redirects.add(_rows(_REDIRECTS, page_ids, self._hash_some(targets), targets), page_ids % PARTS)

    def add_links(self, links: Iterable[LangLink]) -> None:
        """Adds interlanguage links of a table."""
        self._add_links((link, _EVERY_COPY) for link in links)

    def _add_links(self, links: Iterable[tuple[LangLink, int]]) -> None:
        """Adds interlanguage links, each with the copy of the page that has the link, or _EVERY_COPY."""
        for batch in _batches(links):
            page_ids = _page_ids([link for link, _ in batch])
            languages, titles = [link.language for link, _ in batch], [link.title for link, _ in batch]
            rows = _rows(_PAGE_LINKS, page_ids, languages, titles, [copy for _, copy in batch])
            self._page_links.add(rows, page_ids % PARTS)

    def add_titles(self, source: str, items: Iterable[pa.RecordBatch]) -> None:
        """Adds titles and items of a source.

        Args:
            source: the name of the source.
            items: batches of `schemas.items.TITLE_ITEMS`, or of `title_items`.
        """
        preference = self._sources.index(source)
        for batch in items:
            qids = batch["item"].to_numpy()
            usable = (qids > 0) & (qids <= MAX_QID)
            self._counts["qid_out_of_range"] += int(np.count_nonzero(~usable))
            if batch["title"].type == pa.binary():
                usable &= self._are_text(batch["title"], usable)
            titles, qids = batch["title"].filter(pa.array(usable)).cast(pa.binary()), qids[usable]
            hashes, n, no = self._hash(titles.to_pylist()), len(titles), np.zeros(len(titles), bool)
            constant = [np.full(n, 1 + preference, np.uint8), no, *[np.zeros(n, np.int64)] * 2]
            item = [qids.astype(np.uint32), np.full(n, preference, np.uint8)]
            target = [np.zeros(n, np.uint64), pa.nulls(n, pa.binary())]
            rows = _rows(TITLES, hashes, titles, *constant, *item, no, *target)
            self.titles.add(rows, part_of_hashes(hashes))
            self.heap_bytes += pc.sum(pc.binary_length(titles)).as_py() or 0

    def join_pages(self) -> None:
        """Joins the rows of tables to the pages, and partitions the pages by title; rows without a page are counted."""
        sources = (self._pages, self._items, self._disambiguations, self._redirects, self._page_links)
        for part in range(PARTS):
            if not any(source.holds(part) for source in sources):
                continue
            pages = self._one_copy_each(self._pages.read(part).combine_chunks().sort_by("page_id"))
            page_ids = pages["page_id"].to_numpy()
            items = self._known(self._items, part, page_ids, *self._sources)
            positions = _places(items["page_id"].to_numpy(), page_ids)
            qids = np.where(positions >= 0, np.append(items["qid"].to_numpy(), np.uint32(0))[positions], np.uint32(0))
            preference = np.append(items["preference"].to_numpy(), np.uint8(NO_SOURCE))[positions]
            disambiguations = self._known(self._disambiguations, part, page_ids, "disambiguation")
            disambiguation = _places(disambiguations["page_id"].to_numpy(), page_ids) >= 0
            pages = self._with_redirects(part, pages, page_ids)
            preference = np.where(positions >= 0, preference, np.uint8(NO_SOURCE))
            self._partition_titles(pages, qids, preference, disambiguation)
            self._partition_links(part, pages, page_ids, qids)
        for source in sources:
            source.close()

    def _one_copy_each(self, pages: pa.Table) -> pa.Table:
        """The kept copy of each page; adds kept copies to `repeated`, and titles of other copies to `titles`.

        Args:
            pages: rows of _PAGES in the order of page ids, copies of a page in the order of the dump.
        """
        page_ids = pages["page_id"].to_numpy()
        if not np.any(page_ids[1:] == page_ids[:-1]):
            return pages
        pages = pages.sort_by([("page_id", "ascending"), ("revision_id", "ascending")])  # stable
        last = np.append(page_ids[1:] != page_ids[:-1], True)
        staying = np.flatnonzero(last)[np.cumsum(last) - last]  # for each copy
        others = pages.filter(pa.array(~last))
        self._counts["repeated_pages"] += len(others)
        repeated = np.unique(staying[~last])
        for batch in pages.take(pa.array(repeated)).select(REPEATED.names).combine_chunks().to_batches():
            self.repeated.add(batch, batch["page_id"].to_numpy() % PARTS)
        moved_to = pages.take(pa.array(staying[~last]))
        moved = pc.not_equal(others["title"], moved_to["title"])
        self._partition_former_titles(others.filter(moved), moved_to.filter(moved))
        return pages.filter(pa.array(last))

    def _partition_former_titles(self, pages: pa.Table, moved_to: pa.Table) -> None:
        """Adds titles that pages had before they were moved, as redirects to the titles that the pages have now."""
        n = len(pages)
        columns = {name: pages[name] for name in _PAGES.names}
        columns |= {"redirect": pa.array(np.ones(n, bool)), "revision_id": pa.array(np.full(n, FORMER))}
        columns |= {"target_hash": moved_to["hash"], "target": moved_to["title"]}
        former = pa.table([columns[name] for name in _PAGES.names], _PAGES)
        self._partition_titles(former, np.zeros(n, np.uint32), np.full(n, NO_SOURCE, np.uint8), np.zeros(n, bool))

    def _partition_titles(
        self,
        pages: pa.Table,
        qids: npt.NDArray[np.uint32],
        preference: npt.NDArray[np.uint8],
        disambiguation: npt.NDArray[np.bool],
    ) -> None:
        """Adds pages (rows of _PAGES) to `titles`.

        Args:
            pages: the pages.
            qids: the item of each page, or 0.
            preference: the number of the source of each item, or NO_SOURCE.
            disambiguation: whether each page is a disambiguation page.
        """
        columns = {**{name: pages[name] for name in _PAGES.names}, "qid": qids, "disambiguation": disambiguation}
        columns |= {"source": np.zeros(len(pages), np.uint8), "preference": preference}
        for batch in pa.table([columns[name] for name in TITLES.names], TITLES).combine_chunks().to_batches():
            self.titles.add(batch, part_of_hashes(batch["hash"].to_numpy()))

    def _with_redirects(self, part: int, pages: pa.Table, page_ids: npt.NDArray[np.int64]) -> pa.Table:
        """Pages with the redirects of redirect.sql in place of the dump's redirects."""
        redirects = self._known(self._redirects, part, page_ids, "redirect").combine_chunks()
        positions = _places(redirects["page_id"].to_numpy(), page_ids)
        matched = pa.array(positions >= 0)
        self._counts["redirects_elsewhere"] += redirects["target"].null_count
        places = pa.array(positions, mask=positions < 0)
        for name in ("target_hash", "target"):
            column = pc.if_else(matched, redirects[name].take(places), pages[name])
            pages = pages.set_column(pages.schema.get_field_index(name), name, column)
        redirect = pc.or_(matched, pages["redirect"])
        return pages.set_column(pages.schema.get_field_index("redirect"), "redirect", redirect)

    def _partition_links(
        self, part: int, pages: pa.Table, page_ids: npt.NDArray[np.int64], qids: npt.NDArray[np.uint32]
    ) -> None:
        """Adds the interlanguage links of pages without an item to `links`.

        Args:
            part: the number of the part.
            pages: the kept pages of the part, in the order of page ids.
            page_ids: the ids of the pages.
            qids: the item of each page, or 0.
        """
        links = self._known(self._page_links, part, page_ids, "interlanguage")
        positions = np.searchsorted(page_ids, links["page_id"].to_numpy())
        copies = links["copy"].to_numpy()
        staying = (copies == _EVERY_COPY) | (copies == pages["copy"].to_numpy()[positions])
        wanted = np.flatnonzero(staying & (qids[positions] == 0))
        hashes = pages["hash"].to_numpy()[positions[wanted]]
        for batch in links.select(LINKS.names).take(pa.array(wanted)).combine_chunks().to_batches():
            self.links.add(batch, part_of_hashes(hashes))

    def _known(self, parts: PartitionedRows, part: int, page_ids: npt.NDArray[np.int64], *tables: str) -> pa.Table:
        """The rows of a part whose page is in the dump, in the order of page ids; the other rows are counted by table.

        Args:
            parts: the rows.
            part: the number of the part.
            page_ids: the ids of the pages of the dump in this part, ascending.
            tables: the tables of the rows; with several tables, the `preference` of a row is the number of its table.
        """
        rows = parts.read(part).combine_chunks()
        order = [(name, "ascending") for name in ("page_id", "preference", "qid") if name in rows.column_names]
        known = _places(page_ids, rows["page_id"].to_numpy()) >= 0
        table_of_row = rows["preference"].to_numpy() if "preference" in rows.column_names else np.zeros(len(rows), int)
        for table, unknown in zip(tables, np.bincount(table_of_row[~known], minlength=len(tables)), strict=True):
            self._counts[f"unknown_page {table}"] += int(unknown)
        return rows.filter(pa.array(known)).sort_by(order)

    def _hash_some(self, titles: list[bytes | None]) -> npt.NDArray[np.uint64]:
        """The hashes of titles; 0 for None."""
        hashes = np.zeros(len(titles), np.uint64)
        some = [title for title in titles if title is not None]
        hashes[np.array([title is not None for title in titles], bool)] = self._hash(some)
        return hashes

    def _in_range(self, qid: int) -> bool:
        """Whether an index can hold an item; other items are counted."""
        if 0 < qid <= MAX_QID:
            return True
        self._counts["qid_out_of_range"] += 1
        return False

    def _are_text(self, titles: pa.BinaryArray, usable: npt.NDArray[np.bool]) -> npt.NDArray[np.bool]:
        """Whether each title has no lone surrogate; usable titles with a lone surrogate are counted."""
        text = np.array([not _LONE_SURROGATE.search(title) for title in titles.to_pylist()], bool)
        self._counts["not_unicode"] += int(np.count_nonzero(usable & ~text))
        return text


def title_items(pairs: Iterable[tuple[str, int]]) -> Iterator[pa.RecordBatch]:
    """Converts (title, QID) pairs to batches; titles are bytes, since a service may return lone surrogates."""
    for batch in _batches(pairs):
        titles = [title.encode("utf-8", "surrogatepass") for title, _ in batch]
        qids = [min(qid, MAX_QID + 1) for _, qid in batch]
        yield pa.record_batch([pa.array(titles, pa.binary()), pa.array(qids, pa.int64())], names=["title", "item"])


def part_of_hashes(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The part of each title; hashes ascend over parts."""
    return hashes >> np.uint64(64 - PARTS.bit_length() + 1)


def _places(keys: npt.NDArray[np.int64], wanted: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The index in `keys`, which ascend, of each value's first occurrence; -1 for values that do not occur."""
    if not len(keys):
        return np.full(len(wanted), -1)
    positions = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[positions] == wanted, positions, -1)


def _place(page: PageTitle) -> int:
    """The place of the page's article, or NO_ARTICLE."""
    return NO_ARTICLE if page.place is None else page.place


def _page_ids(rows: list[Any]) -> npt.NDArray[np.int64]:
    return np.array([row.page_id for row in rows], np.int64)


def _rows(schema: pa.Schema, *columns: Any) -> pa.RecordBatch:
    """A batch of the schema, from its columns in order."""
    return pa.RecordBatch.from_arrays(
        [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema
    )


def _batches(rows: Iterable[R]) -> Iterator[list[R]]:
    """The rows in lists of at most BATCH_ROWS."""
    iterator = iter(rows)
    while batch := list(islice(iterator, BATCH_ROWS)):
        yield batch
