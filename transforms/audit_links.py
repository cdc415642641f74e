"""Compares a language's links with its wikitext and pagelinks; pages and table rows are partitioned by page for it."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import BinaryIO, ClassVar, TypeVar, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mlukit.corpus.audit.link_audit import SEEN_PAGES, LinkTally, SeenPage, TablePart, compare_pages
from mlukit.corpus.audit.page_links import page_parts, write_page_links
from mlukit.corpus.audit.written_links import written_links
from mlukit.corpus.dumps.files import FileInfo
from mlukit.corpus.dumps.mediawiki_tables import LinkTarget, read_linktarget, read_pagelinks
from mlukit.corpus.dumps.sql import open_sql
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.storage import Storage, is_local, open_file
from mlukit.engine.task import Task
from mlukit.schemas import layout
from mlukit.schemas.manifest import TaskResult
from mlukit.schemas.parquet import read_parquet
from mlukit.transforms.reread_pages import ArticleShards, DumpPages, beside_articles

R = TypeVar("R")
_COLUMNS = ["page_id", "title", "links"]
_REPORT_EVERY = 1 << 14  # rows


@dataclass(frozen=True)
class CollectWikitextLinks(Task):
    """The extracted links of some shards of articles, and those of the wikitext where the dump is there."""

    step: ClassVar[str] = "seen"
    shards: ArticleShards
    parts: int

    def run(self, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """Writes a file for each shard."""
        counts: Counter[str] = Counter()
        some = self.shards
        pages = DumpPages(some.dump_range, some.header_namespaces, heartbeat) if some.dump_range else None
        for shard, paths in enumerate(some.files, some.first):
            files = [_articles(storage, path, self.language) for path in paths]
            seen = [*_merge(files, pages, shard)]
            counts["pages"] += len(seen)
            with storage.write(layout.seen_links(self.language, shard)) as stream:
                _write_parts(seen, self.parts, cast(BinaryIO, stream))
            heartbeat.advance()
        return TaskResult(self.name, counts=counts)


def _articles(storage: Storage, path: str, language: str) -> Iterator[tuple[int, SeenPage]]:
    """The articles of a file with their page ids."""
    with storage.open(path) as stream:
        for batch in read_parquet(stream, columns=_COLUMNS):
            for row in range(batch.num_rows):
                page_id, title, links = (batch[name][row].as_py() for name in _COLUMNS)
                inside = {link["target"]: link["page"] or "" for link in links if link["language"] == language}
                abroad = sum(link["language"] != language for link in links)
                yield page_id, SeenPage(page_id, title, True, inside, abroad, None)


def _merge(files: Sequence[Iterator[tuple[int, SeenPage]]], pages: DumpPages | None, shard: int) -> Iterator[SeenPage]:
    """Articles with the links of their pages, and redirects."""
    if pages is None:
        yield from (article for _, article in chain.from_iterable(files))
        return
    for page, article in beside_articles(pages.of_shard(shard), files):
        if article is not None:
            links = written_links(page.text, pages.language)
            yield SeenPage(article.page_id, article.title, True, article.targets, article.abroad, links)
        elif pages.is_redirect(page):
            yield SeenPage(page.page_id, page.title, False, {}, 0, None)


def _write_parts(pages: Sequence[SeenPage], parts: int, stream: BinaryIO) -> None:
    table = pa.Table.from_pylist([page.to_row() for page in pages], SEEN_PAGES)
    part_of = page_parts(table["page_id"].to_numpy(), parts)
    order = np.argsort(part_of, kind="stable")
    borders = np.searchsorted(part_of[order], np.arange(parts + 1)).tolist()
    table = table.take(pa.array(order))
    with pq.ParquetWriter(stream, SEEN_PAGES, compression="zstd", write_statistics=False) as writer:
        for start, end in pairwise(borders):
            writer.write_table(table.slice(start, end - start), row_group_size=max(1, end - start))


@dataclass(frozen=True)
class PartitionPageLinks(Task):
    """pagelinks of one wiki, with linktarget where there is one, partitioned by page."""

    step: ClassVar[str] = "pagelinks"
    pagelinks: FileInfo
    linktarget: FileInfo | None
    parts: int

    def run(self, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """See `corpus.audit.page_links.write_page_links`."""
        counts: Counter[str] = Counter()
        near = storage.path(layout.WORK) if is_local(storage.root) else None
        with (
            tempfile.TemporaryDirectory(dir=near) as folder,
            storage.write(layout.page_links(self.language)) as out,
            open_sql(open_file, self.pagelinks.path) as links,
        ):
            targets = None if self.linktarget is None else self._targets(self.linktarget.path, counts, heartbeat)
            rows = _watched(read_pagelinks(links, counts), heartbeat)
            counts += write_page_links(rows, targets, Path(folder), self.parts, cast(BinaryIO, out))
        return TaskResult(self.name, counts=counts)

    @staticmethod
    def _targets(path: str, counts: Counter[str], heartbeat: Heartbeat) -> Iterator[LinkTarget]:
        with open_sql(open_file, path) as stream:
            yield from _watched(read_linktarget(stream, counts), heartbeat)


def _watched(rows: Iterator[R], heartbeat: Heartbeat) -> Iterator[R]:
    for count, row in enumerate(rows):
        if count % _REPORT_EVERY == 0:
            heartbeat.advance()
        yield row


@dataclass(frozen=True)
class CompareLinks(Task):
    """One part of a language's pages meets its part of pagelinks."""

    step: ClassVar[str] = "compare"
    seen: tuple[str, ...]
    page_links: str  # "" where the table is missing

    @property
    def path(self) -> str:
        """Where the tally is written."""
        return layout.link_comparison(self.language, self.number)

    def run(self, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """See `corpus.audit.link_audit.compare_pages`."""
        tally = LinkTally()
        table = TablePart(_read_part(storage, self.page_links, self.number)) if self.page_links else None
        pages = chain.from_iterable(self._pages(storage, path, heartbeat) for path in self.seen)
        compare_pages(pages, table, tally)
        storage.write_json(self.path, tally.to_json())
        return TaskResult(self.name, counts={"pages": tally.counts["pages"]})

    def _pages(self, storage: Storage, path: str, heartbeat: Heartbeat) -> Iterator[SeenPage]:
        heartbeat.advance()
        yield from map(SeenPage.from_row, _read_part(storage, path, self.number).to_pylist())


def _read_part(storage: Storage, path: str, part: int) -> pa.Table:
    with storage.open(path) as stream, pq.ParquetFile(stream) as file:
        return file.read_row_group(part, use_threads=False)
