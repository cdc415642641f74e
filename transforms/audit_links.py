"""Compares the links of a language with the wikitext and the pagelinks table, in partitions by page."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
from mlukit.engine.step_results import Results
from mlukit.engine.storage import Storage, is_local, open_file
from mlukit.engine.task import Task
from mlukit.engine.task_transform import TaskTransform
from mlukit.schemas import layout
from mlukit.schemas.manifest import Shard, TaskResult, dump_json
from mlukit.schemas.parquet import read_parquet
from mlukit.transforms.reread_pages import ArticleShards, DumpPages, PageAndRevision, beside_articles

R = TypeVar("R")
_COLUMNS = ["page_id", "revision_id", "title", "links"]
_REPORT_EVERY = 1 << 14  # rows


@dataclass(frozen=True)
class ShardsToCompare(Task):
    """Some shards of articles."""

    step: ClassVar[str] = "seen"
    shards: ArticleShards


@dataclass(eq=False, repr=False)
class CollectLinks(TaskTransform[ShardsToCompare]):
    """PCollection of ShardsToCompare -> results: the extracted links and, with a dump, the links in the wikitext."""

    task = ShardsToCompare
    namespaces: Mapping[str, Mapping[int, str]]  # names in the headers of the dumps, by language
    parts: Mapping[str, int]  # number of partitions, by language

    def run(self, task: ShardsToCompare, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """Writes a file for each shard, with a row group for each partition."""
        counts: Counter[str] = Counter()
        some, written = task.shards, list[Shard]()
        pages = DumpPages(some.dump_range, self.namespaces[task.language], heartbeat) if some.dump_range else None
        for shard, paths in enumerate(some.files, some.first):
            files = [_articles(storage, path, task.language) for path in paths]
            seen = [*_merge(files, pages, shard)]
            counts["pages"] += len(seen)
            path = layout.seen_links(task.language, shard)
            with storage.write(path) as stream:
                _write_parts(seen, self.parts[task.language], cast(BinaryIO, stream))
            written.append(storage.shard(path, stream))
            heartbeat.advance()
        return TaskResult(task.name, tuple(written), counts=counts)


def _articles(storage: Storage, path: str, language: str) -> Iterator[tuple[PageAndRevision, SeenPage]]:
    """The articles of a file, by page and revision, with the links to their own language."""
    with storage.open(path) as stream:
        for batch in read_parquet(stream, columns=_COLUMNS):
            for row in range(batch.num_rows):
                page_id, revision_id, title, links = (batch[name][row].as_py() for name in _COLUMNS)
                inside = {link["target"]: link["page"] or "" for link in links if link["language"] == language}
                abroad = sum(link["language"] != language for link in links)
                yield (page_id, revision_id), SeenPage(page_id, title, True, inside, abroad, None)


def _merge(
    files: Sequence[Iterator[tuple[PageAndRevision, SeenPage]]], pages: DumpPages | None, shard: int
) -> Iterator[SeenPage]:
    """Adds to articles the links in the wikitext of their pages, and adds redirects; without a dump, adds nothing."""
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
    """Writes pages as Parquet, with a row group for each partition, in order."""
    table = pa.Table.from_pylist([page.to_row() for page in pages], SEEN_PAGES)
    part_of = page_parts(table["page_id"].to_numpy(), parts)
    order = np.argsort(part_of, kind="stable")
    borders = np.searchsorted(part_of[order], np.arange(parts + 1)).tolist()
    table = table.take(pa.array(order))
    with pq.ParquetWriter(stream, SEEN_PAGES, compression="zstd", write_statistics=False) as writer:
        for start, end in pairwise(borders):
            writer.write_table(table.slice(start, end - start), row_group_size=max(1, end - start))


@dataclass(frozen=True)
class LinkTables(Task):
    """The pagelinks table of one wiki, and its linktarget table if there is one."""

    step: ClassVar[str] = "pagelinks"
    pagelinks: FileInfo
    linktarget: FileInfo | None


@dataclass(eq=False, repr=False)
class PartitionPageLinks(TaskTransform[LinkTables]):
    """PCollection of LinkTables -> results: a file with the rows of a wiki, partitioned by page."""

    task = LinkTables
    parts: Mapping[str, int]  # number of partitions, by language

    def run(self, task: LinkTables, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """See `corpus.audit.page_links.write_page_links`."""
        counts: Counter[str] = Counter()
        near = storage.path(layout.WORK) if is_local(storage.root) else None
        path, parts = layout.page_links(task.language), self.parts[task.language]
        with (
            tempfile.TemporaryDirectory(dir=near) as folder,
            storage.write(path) as out,
            open_sql(open_file, task.pagelinks.path) as links,
        ):
            targets = None if task.linktarget is None else _targets(task.linktarget.path, counts, heartbeat)
            rows = _watched(read_pagelinks(links, counts), heartbeat)
            counts += write_page_links(rows, targets, Path(folder), parts, cast(BinaryIO, out))
        return TaskResult(task.name, (storage.shard(path, out),), counts=counts)


def _targets(path: str, counts: Counter[str], heartbeat: Heartbeat) -> Iterator[LinkTarget]:
    with open_sql(open_file, path) as stream:
        yield from _watched(read_linktarget(stream, counts), heartbeat)


def _watched(rows: Iterator[R], heartbeat: Heartbeat) -> Iterator[R]:
    """Passes rows through, and calls the heartbeat now and then."""
    for count, row in enumerate(rows):
        if count % _REPORT_EVERY == 0:
            heartbeat.advance()
        yield row


@dataclass(frozen=True)
class PagePart(Task):
    """One partition of a language's pages."""

    step: ClassVar[str] = "compare"
    page_links: str  # the file with the rows of pagelinks; "" if the table is missing
    seen: tuple[str, ...] = ()  # the files with links of `CollectLinks`


@dataclass(eq=False, repr=False)
class CompareLinks(TaskTransform[PagePart]):
    """PCollection of PagePart -> results: tallies of the comparison with pagelinks; runs `after` `CollectLinks`."""

    task = PagePart

    def complete(self, task: PagePart, earlier: Results) -> PagePart:
        """Adds the files with links of the language; the task reads its partition from each file."""
        return replace(task, seen=tuple(shard.path for shard in earlier[task.language].shards))

    def run(self, task: PagePart, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """See `corpus.audit.link_audit.compare_pages`."""
        tally = LinkTally()
        table = TablePart(_read_part(storage, task.page_links, task.number)) if task.page_links else None
        pages = chain.from_iterable(_pages(storage, path, task.number, heartbeat) for path in task.seen)
        compare_pages(pages, table, tally)
        path = layout.link_comparison(task.language, task.number)
        with storage.write(path) as stream:
            stream.write(dump_json(tally.to_json()))
        return TaskResult(task.name, (storage.shard(path, stream),), counts={"pages": tally.counts["pages"]})


def _pages(storage: Storage, path: str, part: int, heartbeat: Heartbeat) -> Iterator[SeenPage]:
    heartbeat.advance()
    yield from map(SeenPage.from_row, _read_part(storage, path, part).to_pylist())


def _read_part(storage: Storage, path: str, part: int) -> pa.Table:
    with storage.open(path) as stream, pq.ParquetFile(stream) as file:
        return file.read_row_group(part, use_threads=False)
