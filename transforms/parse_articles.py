"""Reads a range of a dump, and writes articles without markup, and titles for the title index."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import ClassVar

from mlukit.corpus.dumps.pages import PAGE_FAILURES, PageReader, SkippedPage
from mlukit.corpus.dumps.ranges import DumpRange
from mlukit.corpus.languages.language import Language
from mlukit.corpus.languages.load import any_language, with_namespaces
from mlukit.corpus.titles.normalise import namespace_of
from mlukit.corpus.wikitext.read_page import REDIRECT, known_title, read_page
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.parquet_shards import ShardWriter, write_failures, write_records
from mlukit.engine.storage import Storage, open_file
from mlukit.engine.task import Task
from mlukit.engine.task_transform import TaskTransform
from mlukit.schemas import layout
from mlukit.schemas.arrow import PAGE_TITLE_ROWS, PARSED_ARTICLE_ROWS
from mlukit.schemas.manifest import Flow, Shard, TaskResult
from mlukit.schemas.records import Article, Failure, Page, PageTitle, article_place
from mlukit.schemas.summaries import ParsedText

STAGE = "link"


@dataclass
class _Tally:
    """Counts of the pages and links of a range."""

    pages: Flow = field(default_factory=Flow)
    links: Flow = field(default_factory=Flow)
    counts: Counter[str] = field(default_factory=Counter)
    wikitext_bytes: int = 0

    def result(self, task: "RangeToParse", shards: list[Shard], reader: PageReader) -> TaskResult:
        """The result of the task."""
        flows = {"pages": self.pages, "links": self.links}
        text = ParsedText(reader.xml_bytes, self.wikitext_bytes)
        read = {task.dump_range.file_name: reader.account}
        return TaskResult(task.name, tuple(shards), flows, self.counts, text, read)


@dataclass(frozen=True)
class RangeToParse(Task):
    """A range of a dump, which gives one shard, or several if the file can be read only from its beginning."""

    step: ClassVar[str] = "parse"
    dump_range: DumpRange


@dataclass(eq=False, repr=False)
class ParseShards(TaskTransform[RangeToParse]):
    """PCollection of RangeToParse -> results: articles without markup, titles, and failures of pages."""

    task = RangeToParse
    namespaces: Mapping[str, Mapping[int, str]]  # names in the headers of the dumps, by language

    def run(self, task: RangeToParse, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """Writes a file of articles, of titles and of failures for every shard of the range."""
        language = with_namespaces(any_language(task.language), self.namespaces[task.language])
        dump_range = task.dump_range
        reader = PageReader(
            open_file, dump_range, STAGE, namespace_of_title=lambda title: namespace_of(title, language)
        )
        tally, shards = _Tally(), list[Shard]()
        records = iter(reader)
        waiting = next(records, None)
        for shard in range(dump_range.shard, dump_range.shard + dump_range.shards):
            with _Outputs(storage, task.language, shard) as outputs:
                while waiting is not None and reader.shard <= shard:
                    outputs.write(_read(waiting, reader.head, language, tally))
                    done = reader.position - dump_range.start
                    heartbeat.advance(done, pages=1)
                    waiting = next(records, None)
            shards += outputs.shards
        return tally.result(task, shards, reader)


class _Outputs:
    """The files of a shard: articles, titles, and failures if there are any."""

    def __init__(self, storage: Storage, language: str, shard: int) -> None:
        self._storage, self._shard = storage, shard
        self._paths = (layout.parsed_articles(language, shard), layout.page_titles(language, shard))
        self._failures_path = layout.failures_shard(language, STAGE, shard)
        self._failures: list[Failure] = []
        self._open = ExitStack()
        self.shards: list[Shard] = []

    def __enter__(self) -> "_Outputs":
        self._streams = [self._open.enter_context(self._storage.write(path)) for path in self._paths]
        self._articles: ShardWriter[Article] = self._open.enter_context(
            write_records(self._streams[0], PARSED_ARTICLE_ROWS)
        )
        self._titles: ShardWriter[PageTitle] = self._open.enter_context(
            write_records(self._streams[1], PAGE_TITLE_ROWS, row_group_rows=1 << 14)
        )
        return self

    def write(self, records: Iterator[Article | PageTitle | Failure]) -> None:
        """Writes each record to the file of its class, and the title of an article to the titles."""
        for record in records:
            if isinstance(record, Article):
                place = article_place(self._shard, self._articles.rows)
                title = PageTitle(record.page_id, record.title, None, record.interlanguage, record.revision_id, place)
                self._articles.write(record, len(record.text))
                self._titles.write(title)
            elif isinstance(record, PageTitle):
                self._titles.write(record)
            else:
                self._failures.append(record)

    def __exit__(self, *error: object) -> None:
        self._open.__exit__(*error)  # type: ignore[arg-type]
        if error[0] is None:
            self.shards = [self._storage.shard(*pair) for pair in zip(self._paths, self._streams, strict=True)]
            self.shards += write_failures(self._storage, self._failures_path, self._failures)


def _read(
    record: Page | SkippedPage | Failure, head: Page | None, language: Language, tally: _Tally
) -> Iterator[Article | PageTitle | Failure]:
    """Counts a record of a dump, and yields the records to write.

    Args:
        record: the record.
        head: what is known of a page that is left out or unreadable (`PageReader.head`), because links may lead to it.
        language: the language of the dump.
        tally: the counts.
    """
    if isinstance(record, Failure) and record.reason not in PAGE_FAILURES:  # damage of the dump, not of a page
        tally.counts[f"damage {record.reason}"] += 1
        yield record
        return
    tally.pages.entered += 1
    if isinstance(record, SkippedPage):
        tally.pages.skipped[record.reason] += 1
    elif isinstance(record, Failure):
        tally.pages.failed[record.reason] += 1
        yield record
    else:
        yield from _read_page(record, language, tally)
    if head is not None:
        yield known_title(head, language)


def _read_page(page: Page, language: Language, tally: _Tally) -> Iterator[Article | PageTitle | Failure]:
    """Parses and counts a page; yields an article, or the title of a redirect or failed page, and failures."""
    tally.wikitext_bytes += len(page.text.encode())
    read = read_page(page, language, STAGE)
    if isinstance(read, PageTitle):
        tally.pages.skipped[REDIRECT] += 1
        yield read
    elif isinstance(read, Failure):
        tally.pages.failed[read.reason] += 1
        yield read
        yield known_title(page, language)
    else:
        article, left_out, failures = read
        tally.pages.out += 1
        tally.links.entered += len(article.links) + left_out.total()
        tally.links.out += len(article.links)
        tally.links.skipped.update(left_out)
        tally.counts[f"kind {article.kind}"] += 1
        tally.counts.update(failure.reason for failure in failures)
        yield article
        yield from failures
