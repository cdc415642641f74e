"""Builds the title index of one wiki. Memory does not grow with the wiki.

There are three joins, and each is processed one part at a time: rows of tables with pages, by page id; pages with the
titles of other sources, by the hash of the title; redirects with their targets. Intermediate rows are in temporary
files in the folder of the index.
"""

import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlukit.corpus.dumps.mediawiki_tables import DisambiguationPage, LangLink, PageItem, RedirectRow
from mlukit.corpus.linking.follow_redirects import NOWHERE, follow_redirects
from mlukit.corpus.linking.hash_partitions import PARTS, PartitionedRows, scratch_folder
from mlukit.corpus.linking.join_titles import FORMER, NO_SOURCE, TitleJoin, part_of_hashes, title_items
from mlukit.corpus.linking.repeated_pages import page_keys
from mlukit.corpus.linking.title_index import (
    BROKEN,
    DISAMBIGUATION,
    IN_DUMP,
    INTERLANGUAGE,
    LOOP,
    REDIRECT,
    HashTitles,
    hash_titles,
)
from mlukit.corpus.linking.title_index_writer import TitleIndexWriter
from mlukit.schemas.records import PageTitle

COUNTS = {
    "titles": "rows of the index",
    "articles": "pages of the dump that are not redirects",
    "redirects": "redirects of the dump",
    "sitelink_only": "titles that only a source of items knows",
    "repeated_pages": "copies of pages left out: the dump has another copy with a later revision or at a later place",
    "former_titles": "titles that only such a copy has; they lead to the page",
    "duplicate_titles": "pages whose title leads to another page: the dump has another page with the same title",
    "disambiguations": "pages that are disambiguation pages by page_props",
    "items": "titles with an item of their own",
    "items from …": "titles whose own item comes from this source",
    "items_of_several_titles": "titles whose item is also the item of an article or of an earlier title",
    "redirect_loops": "redirects that form a loop",
    "redirects_broken": "redirects that lead to a page that does not exist",
    "redirects_elsewhere": "rows of redirect.sql that lead to another namespace or wiki",
    "interlanguage": "interlanguage links of articles without an item, kept for corpus.linking.interlanguage_items",
    "unknown_page …": "rows of this table whose page is not in the dump",
    "qid_out_of_range": "rows whose item is not in Q1 to Q4294967295",
    "not_unicode": "rows whose title has a lone surrogate",
}
ROW_LINKS = pa.schema([pa.field("row", pa.uint32()), pa.field("language", pa.string()), pa.field("title", pa.string())])
_REDIRECTS = pa.schema([pa.field("row", pa.uint32()), pa.field("target", pa.binary())])
_HOMONYMS = pa.schema([pa.field("page_id", pa.int64()), pa.field("qid", pa.uint32())])
_ITEMS = pa.schema([pa.field("qid", pa.uint32()), pa.field("standing", pa.uint8()), pa.field("row", pa.uint32())])
_ORDER = [
    *((name, "ascending") for name in ("hash", "title", "source", "redirect")),
    ("revision_id", "descending"),
    *((name, "ascending") for name in ("page_id", "qid")),
]
_CHUNK_ROWS = 1 << 20


def build_title_index(
    directory: Path,
    pages: Iterable[PageTitle] = (),
    *,
    items_by_page: Mapping[str, Iterable[PageItem | DisambiguationPage]] | None = None,
    items_by_title: Mapping[str, Iterable[pa.RecordBatch]] | None = None,
    preference: Sequence[str] = (),
    redirects: Iterable[RedirectRow] = (),
    langlinks: Iterable[LangLink] = (),
    hash_titles: HashTitles = hash_titles,
) -> dict[str, int]:
    """Writes an index; the same input in the same order gives the same bytes.

    Of several copies of a page, `corpus.linking.repeated_pages` chooses one. Of several pages with the same title, one
    is kept: a page that is not a redirect before a redirect, then the latest revision, then the smallest page id. If
    a copy that is left out has another title, this title leads to the page, unless a page with this title is kept.

    Args:
        directory: a folder only for the index. The header is written last: a folder without a header is not an index.
        pages: the pages of the main namespace, redirects included, in the dump's order.
        items_by_page: source -> rows about pages of this wiki, by their ids.
        items_by_title: source -> titles of this wiki's main namespace and their items, as
            `corpus.linking.join_titles.TitleJoin.add_titles` takes them.
        preference: the names of the sources, and possibly of other sources, in order of preference; by default the
            sources of `items_by_page`, then the sources of `items_by_title`.
        redirects: rows of redirect.sql; they override and complete the redirects of the dump.
        langlinks: stored with the interlanguage links of the pages, for `corpus.linking.interlanguage_items`.
        hash_titles: another hash function, for tests.

    Returns:
        Counts under the names in COUNTS; a count of 0 may be missing.
    """
    counts: Counter[str] = Counter()
    by_page, by_title = items_by_page or {}, items_by_title or {}
    sources = preference or (*by_page, *by_title)
    with scratch_folder(directory / "parts") as folder, ExitStack() as stack:
        rows = TitleJoin(folder, stack, hash_titles, counts, sources)
        rows.add_pages(pages)
        for source, items in by_page.items():
            rows.add_items(source, items)
        rows.add_redirects(redirects)
        rows.add_links(langlinks)
        for source, titles in by_title.items():
            rows.add_titles(source, titles)
        rows.join_pages()
        writer = TitleIndexWriter(directory, rows.heap_bytes)
        stack.callback(writer.close)
        _IndexBuild(folder, stack, writer, counts).build(rows, sources)
        counts = +counts
        writer.finish(counts)
    return dict(counts)


def write_layer(directory: Path, name: str, items: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Writes a layer of an index, in place of an older one: items of titles that have no item in the index itself.

    Args:
        directory: the folder of the index.
        name: one of `corpus.linking.title_index.LAYERS`.
        items: (title, QID).

    Returns:
        Counts, as `build_title_index` returns them.
    """
    with scratch_folder(directory / f"{name}.part") as folder:
        counts = build_title_index(folder / name, items_by_title={name: title_items(items)})
        shutil.rmtree(directory / name, ignore_errors=True)
        (folder / name).rename(directory / name)
    return counts


class _IndexBuild:
    """Writes the files of the index from rows that are sorted by title."""

    def __init__(self, folder: Path, stack: ExitStack, writer: TitleIndexWriter, counts: Counter[str]) -> None:
        self._writer, self._counts = writer, counts
        self._redirects = stack.enter_context(PartitionedRows(folder / "row_redirects", _REDIRECTS))
        self._items = stack.enter_context(PartitionedRows(folder / "row_items", _ITEMS))
        self._homonyms = stack.enter_context(PartitionedRows(folder / "homonyms", _HOMONYMS))

    def build(self, rows: TitleJoin, sources: Sequence[str]) -> None:
        """Writes all files but the header."""
        ends = [0]
        with pq.ParquetWriter(self._writer.directory / INTERLANGUAGE, ROW_LINKS, compression="zstd") as links:
            for part in range(PARTS):
                if rows.titles.holds(part):
                    titles = rows.titles.read(part)
                    self._write_titles(titles.combine_chunks().sort_by(_ORDER), rows.links.read(part), sources, links)
                ends.append(self._writer.rows)
        self._write_targets(ends)
        self._write_items()
        self._write_pages(rows)

    def _write_titles(
        self, rows: pa.Table, links: pa.Table, sources: Sequence[str], link_writer: pq.ParquetWriter
    ) -> None:
        """Merges the rows of each title to one row: the page, if any, with the item of the most preferred source.

        Args:
            rows: rows of `corpus.linking.join_titles.TITLES`, sorted.
            links: interlanguage links of the pages.
            sources: the names of sources, in order of preference.
            link_writer: receives the links of articles without an item.
        """
        titles = rows["title"].combine_chunks()
        first = np.append(True, pc.not_equal(titles[1:], titles[:-1]).to_numpy(zero_copy_only=False))
        starts = np.flatnonzero(first)
        source, qids = rows["source"].to_numpy(), rows["qid"].to_numpy()
        former = rows["revision_id"].to_numpy() == FORMER
        duplicates = ~first & (source == 0) & ~former
        preference = np.where((qids > 0) & ~duplicates, rows["preference"].to_numpy(), np.uint8(NO_SOURCE))
        # For each title, the first row with the smallest preference; NO_SOURCE for a title without an item.
        best, chosen = np.divmod(
            np.minimum.reduceat(preference.astype(np.int64) * len(qids) + np.arange(len(qids)), starts), len(qids)
        )
        qids = np.where(best == NO_SOURCE, np.uint32(0), qids[chosen])
        self._count_titles(best, sources)
        self._counts["duplicate_titles"] += int(np.count_nonzero(duplicates))
        self._add_homonyms(rows.filter(pa.array(duplicates & ~rows["redirect"].to_numpy())))
        self._counts["former_titles"] += int(np.count_nonzero(first & former))
        rows = rows.take(pa.array(starts)).combine_chunks()
        flags = self._flags(rows)
        row_0 = self._writer.append(rows["hash"], rows["title"].combine_chunks(), qids, flags)
        self._add_redirects(rows, row_0)
        self._add_items(qids, flags, row_0)
        self._write_links(links, rows, qids, row_0, link_writer)

    def _count_titles(self, source_of_item: npt.NDArray[np.int64], sources: Sequence[str]) -> None:
        """Counts titles and items; `source_of_item` has the number of a source, or NO_SOURCE, for each title."""
        for number, source in enumerate(sources):
            self._counts[f"items from {source}"] += int(np.count_nonzero(source_of_item == number))
        self._counts["titles"] += len(source_of_item)
        self._counts["items"] += int(np.count_nonzero(source_of_item != NO_SOURCE))

    def _flags(self, rows: pa.Table) -> npt.NDArray[np.uint8]:
        """The flags that are known before redirects are followed; also counts titles by flag."""
        in_dump = rows["source"].to_numpy() == 0
        redirect, disambiguation = rows["redirect"].to_numpy(), rows["disambiguation"].to_numpy()
        self._counts["sitelink_only"] += int(np.count_nonzero(~in_dump))
        self._counts["redirects"] += int(np.count_nonzero(redirect))
        self._counts["articles"] += int(np.count_nonzero(in_dump & ~redirect))
        self._counts["disambiguations"] += int(np.count_nonzero(disambiguation))
        flags: npt.NDArray[np.integer] = in_dump * IN_DUMP | redirect * REDIRECT | disambiguation * DISAMBIGUATION
        return flags.astype(np.uint8)

    def _add_redirects(self, rows: pa.Table, row_0: int) -> None:
        """Partitions redirects by the hash of the title that they lead to."""
        numbers = np.arange(row_0, row_0 + len(rows), dtype=np.uint32)
        table = pa.table([numbers, rows["target"]], schema=_REDIRECTS)
        parts = part_of_hashes(rows["target_hash"].to_numpy())
        redirect = rows["redirect"].to_numpy()
        for batch in table.filter(pa.array(redirect)).combine_chunks().to_batches():
            self._redirects.add(batch, parts[redirect])

    def _add_homonyms(self, pages: pa.Table) -> None:
        """Partitions the articles whose title leads to another page by page id."""
        for batch in pages.select(_HOMONYMS.names).combine_chunks().to_batches():
            self._homonyms.add(batch, batch["page_id"].to_numpy() % PARTS)

    def _add_items(self, qids: npt.NDArray[np.uint32], flags: npt.NDArray[np.uint8], row_0: int) -> None:
        """Partitions items by QID. As the title of an item, an article is preferred, then a redirect, then others."""
        with_item = np.flatnonzero(qids)
        qids, flags = qids[with_item], flags[with_item]
        standing = np.where(flags & IN_DUMP, flags & REDIRECT, 4).astype(np.uint8)
        columns = [pa.array(qids), pa.array(standing), pa.array((with_item + row_0).astype(np.uint32))]
        self._items.add(pa.RecordBatch.from_arrays(columns, schema=_ITEMS), part_of_items(qids))

    def _write_links(
        self, links: pa.Table, rows: pa.Table, qids: npt.NDArray[np.uint32], row_0: int, writer: pq.ParquetWriter
    ) -> None:
        """Writes the interlanguage links of articles that have no item."""
        lacking = np.flatnonzero((qids == 0) & (rows["source"].to_numpy() == 0) & ~rows["redirect"].to_numpy())
        page_ids = rows["page_id"].to_numpy()[lacking]
        order = np.argsort(page_ids)
        lacking, page_ids = lacking[order], page_ids[order]
        wanted = links["page_id"].to_numpy()
        positions = np.minimum(np.searchsorted(page_ids, wanted), len(page_ids) - 1)
        kept = np.flatnonzero(page_ids[positions] == wanted) if len(page_ids) else np.empty(0, np.int64)
        if not len(kept):
            return
        numbers = (lacking[positions[kept]] + row_0).astype(np.uint32)
        links = links.take(pa.array(kept))
        table = pa.table([numbers, links["language"], links["title"]], schema=ROW_LINKS)
        table = table.group_by(ROW_LINKS.names, use_threads=False).aggregate([])
        table = table.sort_by([(name, "ascending") for name in ROW_LINKS.names])
        writer.write_table(table, row_group_size=len(table))  # all links of a page are in one row group
        self._counts["interlanguage"] += len(table)

    def _write_targets(self, ends: Sequence[int]) -> None:
        """Finds the rows that redirects lead to, and follows redirects to their ends.

        Args:
            ends: the first row of each part of titles, and the number of rows.
        """
        targets = self._writer.map("targets")
        for part in range(PARTS):
            if not self._redirects.holds(part):
                continue
            redirects = self._redirects.read(part).combine_chunks()
            titles = self._writer.read_titles(ends[part], ends[part + 1])
            positions = pc.index_in(redirects["target"], value_set=titles, skip_nulls=True)
            found = positions.is_valid().to_numpy()
            rows = redirects["row"].to_numpy()
            targets[rows] = NOWHERE
            targets[rows[found]] = positions.drop_null().to_numpy() + ends[part]
        flags = self._writer.map("flags")
        follow_redirects(targets, self._writer.map("qids"), flags)
        for start in range(0, len(flags), _CHUNK_ROWS):
            chunk = flags[start : start + _CHUNK_ROWS]
            self._counts["redirect_loops"] += int(np.count_nonzero(chunk & LOOP))
            self._counts["redirects_broken"] += int(np.count_nonzero(chunk & BROKEN))

    def _write_items(self) -> None:
        """Writes each item once, with the row of its preferred title."""
        for part in range(PARTS):
            items = self._items.read(part).sort_by([(name, "ascending") for name in _ITEMS.names])
            qids = items["qid"].to_numpy()
            first = np.diff(qids, prepend=np.uint32(0)) != 0
            self._writer.write("item_qids", qids[first])
            self._writer.write("item_rows", items["row"].to_numpy()[first])
            self._counts["items_of_several_titles"] += int(np.count_nonzero(~first))

    def _write_pages(self, rows: TitleJoin) -> None:
        """Writes the kept copy of each repeated page, and the pages whose title leads to another page."""
        for part in range(PARTS):
            pages = rows.repeated.read(part)
            self._writer.write("repeated_keys", page_keys(pages["page_id"].to_numpy()))
            self._writer.write("repeated_revisions", pages["revision_id"].to_numpy())
            self._writer.write("repeated_places", pages["place"].to_numpy())
            homonyms = self._homonyms.read(part).sort_by("page_id")
            self._writer.write("homonym_keys", page_keys(homonyms["page_id"].to_numpy()))
            self._writer.write("homonym_qids", homonyms["qid"].to_numpy())


def part_of_items(qids: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """The part of each item; items ascend over parts. Wikidata has some 140 million items."""
    parts: npt.NDArray[np.uint32] = np.minimum(qids >> np.uint32(21), np.uint32(PARTS - 1))
    return parts
