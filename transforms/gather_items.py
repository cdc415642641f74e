"""Reads sources that give the items of titles, and writes the items of each language's titles.

There is a transform for each shape of source (`corpus.dumps.table_shapes`), and none for a particular source. A table
of Wikidata is read once for all languages.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import ClassVar, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlukit.corpus.dumps.files import DumpError, FileInfo
from mlukit.corpus.dumps.item_sources import ITEM_SOURCES, sources_of_shape
from mlukit.corpus.dumps.lines import lines_within
from mlukit.corpus.dumps.ranges import DumpRange, plan_ranges
from mlukit.corpus.dumps.sql import open_sql
from mlukit.corpus.dumps.table_shapes import ItemLines, TitleItems
from mlukit.corpus.dumps.wikidata_json import BadLine, WikidataItem, lines_of
from mlukit.corpus.languages.load import any_language
from mlukit.corpus.languages.wiki_names import wiki_of
from mlukit.corpus.titles.normalise import capitalise, namespace_of
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.parquet_shards import ShardWriter, write_batches, write_failures, write_records
from mlukit.engine.storage import CountingStream, Storage, open_file
from mlukit.engine.task import Task
from mlukit.engine.task_transform import TaskTransform
from mlukit.schemas import layout
from mlukit.schemas.arrow import RecordCodec
from mlukit.schemas.damage import FileAccount
from mlukit.schemas.items import ITEM_LABEL_ROWS, TITLE_ITEM_ROWS, TITLE_ITEMS, ItemLabel, TitleItem
from mlukit.schemas.layout import ALL_LANGUAGES
from mlukit.schemas.manifest import Flow, Shard, TaskResult
from mlukit.schemas.records import Failure

_ROW_GROUP = 1 << 16
_BLOCK_ROWS = 1 << 17
_REPORT_EVERY = 1 << 12  # items

R = TypeVar("R")


@dataclass(frozen=True)
class ItemTable(Task):
    """A table of titles and their items, which is read as a whole."""

    step: ClassVar[str] = "items"
    source: str  # the name of a `TitleItems`
    path: str
    languages: tuple[str, ...]


@dataclass(eq=False, repr=False)
class GatherTables(TaskTransform[ItemTable]):
    """PCollection of ItemTable -> results: files of titles with their items."""

    task = ItemTable

    def run(self, task: ItemTable, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """Writes a file of `schemas.items.TITLE_ITEMS` for each language."""
        skipped: Counter[str] = Counter()
        (source,) = (one for one in sources_of_shape(TitleItems) if one.name == task.source)
        wikis = {wiki_of(language): language for language in task.languages}
        paths = {language: layout.items(task.source, language, 0) for language in task.languages}
        with ExitStack() as files:
            streams = {language: files.enter_context(storage.write(path)) for language, path in paths.items()}
            writers = {
                language: files.enter_context(write_batches(stream, TITLE_ITEMS, _ROW_GROUP))
                for language, stream in streams.items()
            }
            raw = files.enter_context(open_file(task.path))
            table = files.enter_context(open_sql(lambda _: raw, task.path))
            batches = source.read(table, wikis, skipped)
            for rows in _blocks(batches, lambda: heartbeat.advance(raw.tell())):
                articles = _of_articles(rows, skipped)
                for language, writer in writers.items():
                    of_language = articles.filter(pc.equal(articles["language"], language))
                    writer.write(of_language.select(TITLE_ITEMS.names))
        shards = tuple(storage.shard(path, streams[language]) for language, path in paths.items())
        written = sum(shard.rows for shard in shards)
        flow = Flow(written + skipped.total(), written, skipped=skipped)
        return TaskResult(task.name, shards, {_flow_name(source): flow})


def _blocks(batches: Iterator[pa.RecordBatch], report: Callable[[], None]) -> Iterator[pa.Table]:
    """Joins batches into larger tables, so that many languages cost little more than few; reports at each batch."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        report()
        waiting += [batch] * (len(batch) > 0)
        rows += len(batch)
        if rows >= _BLOCK_ROWS:
            yield pa.Table.from_batches(waiting)
            waiting, rows = [], 0
    if waiting:
        yield pa.Table.from_batches(waiting)


def _of_articles(sitelinks: pa.Table, skipped: Counter[str]) -> pa.Table:
    """Drops and counts sitelinks whose title has the prefix of another namespace than the article namespace."""
    article = pc.invert(pc.match_substring(sitelinks["title"], ":")).to_numpy()
    prefixed = np.flatnonzero(~article)
    pairs = zip(*(sitelinks[name].take(prefixed).to_pylist() for name in ("language", "title")), strict=True)
    article[prefixed] = [namespace_of(title, any_language(language)) == 0 for language, title in pairs]
    if foreign := int(np.count_nonzero(~article)):
        skipped["other namespace"] += foreign
    return sitelinks.filter(pa.array(article))


@dataclass(frozen=True)
class ItemRange(Task):
    """A range of a text file with one item per line: titles, and labels if the source has labels."""

    step: ClassVar[str] = "item_lines"
    source: str  # the name of an `ItemLines`
    dump_range: DumpRange
    languages: tuple[str, ...]


@dataclass(eq=False, repr=False)
class GatherLines(TaskTransform[ItemRange]):
    """PCollection of ItemRange -> results: files of titles with their items, of labels, and of bad lines."""

    task = ItemRange
    allow_damaged: bool  # whether to use the readable part of a damaged file, and report the damage

    def run(self, task: ItemRange, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """Writes a file of `schemas.items.TITLE_ITEMS` for each language, and one of `ITEM_LABELS` if there are labels.

        Raises:
            DumpError: the file is cut off or damaged, and damage is not allowed.
        """
        skipped: Counter[str] = Counter()
        account = FileAccount()
        lost: Counter[str] = Counter()
        failures: list[Failure] = []
        (source,) = (one for one in sources_of_shape(ItemLines) if one.name == task.source)
        wikis = {wiki_of(language): language for language in task.languages}
        with _ItemFiles(storage, source, task.languages, task.dump_range.shard) as files:
            lines = lines_of(lines_within(open_file, task.dump_range, account))
            for count, item in enumerate(source.read(lines, wikis, skipped)):
                if count % _REPORT_EVERY == 0:
                    heartbeat.advance()
                if isinstance(item, BadLine):
                    failures.append(_failure(task, source, item))
                    lost.update({item.reason: item.titles} if item.titles else {})
                else:
                    files.write_item(item)
            if account.damage and not self.allow_damaged:
                raise DumpError(_damage(task, account))
        path = layout.failures_shard(task.language, "link", task.number)
        shards = [*files.shards, *write_failures(storage, path, failures)]
        foreign = Counter({"other namespace": files.foreign} if files.foreign else {})
        flow = Flow(files.titles + files.foreign + lost.total(), files.titles, lost, foreign)
        counts = {f"items without {reason}": n for reason, n in skipped.items()}
        counts |= {f"damage {reason}": n for reason, n in account.damage.items()} | {"bad lines": len(failures)}
        read = {task.dump_range.file_name: account}
        return TaskResult(task.name, tuple(shards), {_flow_name(source): flow}, counts, files=read)


def _damage(task: ItemRange, account: FileAccount) -> str:
    """The message about a damaged file of items, with what to do."""
    place = account.places[0]
    what = "is cut off" if place.reason == "truncated" else "cannot be decoded"
    return (
        f"{task.dump_range.path} {what} at byte {place.byte:,} of {task.dump_range.size:,}: download the file again, "
        "or use its readable part with --allow-damaged"
    )


def _failure(task: ItemRange, source: ItemLines, line: BadLine) -> Failure:
    detail = f"line {line.number} of range {task.dump_range.shard}: {line.detail}"
    return Failure("link", f"{source.subject} {line.reason}", task.language, None, None, detail)


Gathering: TypeAlias = ItemTable | ItemRange


def plan_gathering(
    files: Sequence[tuple[str, str, FileInfo]],
    languages: Sequence[str],
    first_numbers: Mapping[str, int],
    range_size: int | None,
) -> list[Gathering]:
    """Plans the tasks that read sources of items, in the order of the sources and of their files.

    Args:
        files: (language, kind, file) of all source files; other kinds are ignored.
        languages: the languages to build.
        first_numbers: the number of the first task of each language. Shards of failures are numbered by task, and the
            tasks that read the dump of the language have the numbers before.
        range_size: the size of a range in bytes; None to choose it by the size of the file.
    """
    tasks: list[Gathering] = []
    numbers: Counter[tuple[str, str]] = Counter()
    for source in ITEM_SOURCES:
        for language, file in ((language, file) for language, kind, file in files if kind == source.name):
            wanted = tuple(languages) if language == ALL_LANGUAGES else (language,)
            if isinstance(source, TitleItems):
                number = _next(numbers, ItemTable.step, language, first_numbers)
                tasks.append(ItemTable(language, number, file.size, source.name, file.path, wanted))
            elif isinstance(source, ItemLines):
                for part in plan_ranges(language, [file], range_size):
                    number = _next(numbers, ItemRange.step, language, first_numbers)
                    tasks.append(ItemRange(language, number, part.end - part.start, source.name, part, wanted))
    return tasks


def _next(numbers: Counter[tuple[str, str]], step: str, language: str, first_numbers: Mapping[str, int]) -> int:
    """The next task number of a step in a language, which is counted in `numbers`."""
    number = first_numbers.get(language, 0) + numbers[step, language]
    numbers[step, language] += 1
    return number


def _flow_name(source: TitleItems | ItemLines) -> str:
    return "sitelinks" if source.of_wikidata else source.name


class _ItemFiles:
    """A file of titles and, if the source has labels, a file of labels for each language, all open at once."""

    def __init__(self, storage: Storage, source: ItemLines, languages: Sequence[str], number: int) -> None:
        self._storage, self._source, self._number = storage, source, number
        self._languages = {code: any_language(code) for code in languages}
        self._open = ExitStack()
        self._streams: dict[str, CountingStream] = {}
        self.titles = self.foreign = 0  # numbers of sitelinks to articles, and to other pages
        self.shards: list[Shard] = []

    def __enter__(self) -> "_ItemFiles":
        self._titles = self._writers(layout.items, TITLE_ITEM_ROWS)
        self._labels = self._writers(layout.item_labels, ITEM_LABEL_ROWS) if self._source.labels else {}
        return self

    def _writers(self, path_of: Callable[[str, str, int], str], codec: RecordCodec[R]) -> dict[str, ShardWriter[R]]:
        writers = {}
        for code in self._languages:
            path = path_of(self._source.name, code, self._number)
            self._streams[path] = self._open.enter_context(self._storage.write(path))
            writers[code] = self._open.enter_context(write_records(self._streams[path], codec, _ROW_GROUP))
        return writers

    def write_item(self, item: WikidataItem) -> None:
        """Writes the sitelinks of an item to articles, and its labels; counts the other sitelinks."""
        for code, written in item.sitelinks.items():
            language = self._languages[code]
            title = written if self._source.of_wikidata else capitalise(written, language)
            if namespace_of(title, language):
                self.foreign += 1
            else:
                self._titles[code].write(TitleItem(title, item.qid))
                self.titles += 1
        for code, label in item.labels.items() if self._labels else ():
            self._labels[code].write(ItemLabel(item.qid, label))

    def __exit__(self, *error: object) -> None:
        self._open.__exit__(*error)  # type: ignore[arg-type]
        if error[0] is None:
            self.shards = [self._storage.shard(path, stream) for path, stream in self._streams.items()]
