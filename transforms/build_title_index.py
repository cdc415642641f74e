"""Builds the title index of one wiki from the titles in its dump, its tables and the tables of Wikidata."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

import pyarrow as pa

from mlukit.corpus.dumps.files import REDIRECT, FileInfo
from mlukit.corpus.dumps.item_sources import ITEM_SOURCES, sources_of_shape
from mlukit.corpus.dumps.mediawiki_tables import LangLink, read_redirects
from mlukit.corpus.dumps.sql import open_sql
from mlukit.corpus.dumps.table_shapes import LanguageLinks, PageItems
from mlukit.corpus.languages.load import any_language
from mlukit.corpus.linking.build_title_index import build_title_index
from mlukit.corpus.linking.join_titles import BATCH_ROWS
from mlukit.corpus.linking.label_index import build_label_index
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.parquet_shards import read_records
from mlukit.engine.storage import Storage, open_file
from mlukit.engine.task import Task
from mlukit.engine.task_transform import TaskTransform
from mlukit.schemas import layout
from mlukit.schemas.arrow import PAGE_TITLE_ROWS
from mlukit.schemas.manifest import TaskResult
from mlukit.schemas.parquet import read_parquet
from mlukit.schemas.records import PageTitle
from mlukit.transforms.open_title_index import header_shard

# The tables of a wiki that its title index is built from.
OWN_TABLES = (*(source.name for source in sources_of_shape(PageItems, LanguageLinks)), REDIRECT.name)
_REPORT_EVERY = 1 << 12  # rows


@dataclass(frozen=True)
class WikiTitles(Task):
    """The files with the titles and items of a wiki."""

    step: ClassVar[str] = "index"
    titles: tuple[str, ...]  # shards of PageTitle
    tables: tuple[tuple[str, FileInfo], ...]  # of `OWN_TABLES`
    items: tuple[tuple[str, tuple[str, ...]], ...]  # (source, files of TITLE_ITEMS)
    labels: tuple[str, ...]  # files of ITEM_LABELS


@dataclass(eq=False, repr=False)
class BuildTitleIndexes(TaskTransform[WikiTitles]):
    """PCollection of WikiTitles -> results: title indexes, which do not have items from other languages yet."""

    task = WikiTitles

    def run(self, task: WikiTitles, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """See `corpus.linking.build_title_index.build_title_index`."""
        skipped: Counter[str] = Counter()
        tables = dict(task.tables)
        with ExitStack() as files, storage.write_folder(layout.title_index(task.language)) as folder:

            def table(name: str) -> BinaryIO:
                return files.enter_context(open_sql(open_file, tables[name].path))

            counts = build_title_index(
                folder,
                _pages(task.titles, storage, heartbeat),
                items_by_page={
                    source.name: source.read(table(source.name), skipped)
                    for source in sources_of_shape(PageItems)
                    if source.name in tables
                },
                items_by_title={source: _batches(storage, paths) for source, paths in task.items},
                preference=[source.name for source in ITEM_SOURCES],
                redirects=read_redirects(table(REDIRECT.name), skipped) if REDIRECT.name in tables else (),
                langlinks=(
                    link
                    for source in sources_of_shape(LanguageLinks)
                    if source.name in tables
                    for link in _links(task.language, source, table(source.name), skipped)
                ),
            )
            if task.labels:
                counts["labels"] = build_label_index(folder, _batches(storage, task.labels))
            heartbeat.check()
        counts |= {f"rows of tables left out: {reason}": n for reason, n in skipped.items()}
        return TaskResult(task.name, (header_shard(storage, task.language),), counts=counts)


def _pages(titles: Iterable[str], storage: Storage, heartbeat: Heartbeat) -> Iterator[PageTitle]:
    for path in titles:
        with storage.open(path) as stream:
            for count, page in enumerate(read_records(stream, PAGE_TITLE_ROWS)):
                if count % _REPORT_EVERY == 0:
                    heartbeat.advance()
                yield page


def _links(language: str, source: LanguageLinks, stream: BinaryIO, skipped: Counter[str]) -> Iterator[LangLink]:
    wikipedias = {prefix: code for prefix, code in any_language(language).interwiki.items() if code}
    return source.read(stream, wikipedias, skipped)


def _batches(storage: Storage, paths: Iterable[str]) -> Iterator[pa.RecordBatch]:
    for path in paths:
        with storage.open(path) as stream:
            yield from read_parquet(stream, rows=BATCH_ROWS)
