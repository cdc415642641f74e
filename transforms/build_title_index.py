"""Builds the title index of one wiki: of its dump's titles, its own tables and Wikidata's."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

import pyarrow as pa

from corpus.dump_files import FileInfo
from corpus.label_index import build_label_index
from corpus.language_tables import any_language
from corpus.sitelinks import LangLink, read_langlinks, read_page_props, read_redirects
from corpus.sql_dump import open_sql
from corpus.title_index_build import build_title_index
from corpus.title_rows import BATCH_ROWS
from schemas.arrow import PAGE_TITLE_ROWS
from schemas.manifest import Receipt
from schemas.records import PageTitle
from transforms.do_units import Unit
from transforms.monitor import Monitor
from transforms.open_index import header_shard, index_folder
from transforms.storage import Storage, open_file
from transforms.write_shards import read_batches, read_records

_REPORT_EVERY = 1 << 12  # rows


@dataclass(frozen=True)
class BuildTitleIndex(Unit):
    """The index of a language, but for what other languages know of its pages."""

    phase: ClassVar[str] = "index"
    titles: tuple[str, ...]  # shards of PageTitle
    tables: tuple[tuple[str, FileInfo], ...]  # "page_props", "redirect", "langlinks"
    items: tuple[tuple[str, tuple[str, ...]], ...]  # source -> files of TITLE_ITEMS, in order of preference
    labels: tuple[str, ...]  # files of ITEM_LABELS

    def run(self, storage: Storage, monitor: Monitor) -> Receipt:
        """See `corpus.title_index_build.build_title_index`."""
        skipped: Counter[str] = Counter()
        tables = dict(self.tables)
        with ExitStack() as files, storage.write_folder(index_folder(self.language)) as folder:

            def table(name: str) -> BinaryIO:
                return files.enter_context(open_sql(open_file, tables[name].path))

            counts = build_title_index(
                folder,
                self._pages(storage, monitor),
                items_by_page=read_page_props(table("page_props"), skipped) if "page_props" in tables else (),
                items_by_title={source: _batches(storage, paths) for source, paths in self.items},
                redirects=read_redirects(table("redirect"), skipped) if "redirect" in tables else (),
                langlinks=self._langlinks(table("langlinks"), skipped) if "langlinks" in tables else (),
            )
            if self.labels:
                counts["labels"] = build_label_index(folder, _batches(storage, self.labels))
            monitor.check()
        counts |= {f"rows of tables left out: {reason}": n for reason, n in skipped.items()}
        return Receipt(self.name, (header_shard(storage, self.language),), counts=counts)

    def _pages(self, storage: Storage, monitor: Monitor) -> Iterator[PageTitle]:
        for path in self.titles:
            with storage.open(path) as stream:
                for count, page in enumerate(read_records(stream, PAGE_TITLE_ROWS)):
                    if count % _REPORT_EVERY == 0:
                        monitor.advance()
                    yield page

    def _langlinks(self, stream: BinaryIO, skipped: Counter[str]) -> Iterator[LangLink]:
        wikipedias = {prefix: code for prefix, code in any_language(self.language).interwiki.items() if code}
        return read_langlinks(stream, wikipedias, skipped)


def _batches(storage: Storage, paths: Iterable[str]) -> Iterator[pa.RecordBatch]:
    for path in paths:
        with storage.open(path) as stream:
            yield from read_batches(stream, rows=BATCH_ROWS)
