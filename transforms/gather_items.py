"""Reads a table of Wikidata once for all languages, and writes what each language's index takes of it."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlukit.corpus.dumps.lines import lines_within
from mlukit.corpus.dumps.mediawiki_tables import read_items_per_site
from mlukit.corpus.dumps.ranges import DumpRange
from mlukit.corpus.dumps.sql import open_sql
from mlukit.corpus.dumps.wikidata_json import BadLine, WikidataItem, lines_of, read_entities
from mlukit.corpus.languages.load import any_language
from mlukit.corpus.languages.wiki_names import wiki_of
from mlukit.corpus.titles.normalise import namespace_of
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.parquet_shards import ShardWriter, write_batches, write_failures, write_records
from mlukit.engine.storage import CountingStream, Storage, open_file
from mlukit.engine.task import Task
from mlukit.schemas import layout
from mlukit.schemas.arrow import RecordCodec
from mlukit.schemas.items import ITEM_LABEL_ROWS, TITLE_ITEM_ROWS, TITLE_ITEMS, ItemLabel, TitleItem
from mlukit.schemas.layout import ALL_LANGUAGES
from mlukit.schemas.manifest import Flow, Shard, TaskResult
from mlukit.schemas.records import Failure

SITELINKS, WIKIDATA, LABELS = "wb_items_per_site", "wikidata_json", "labels"  # sources, in order of preference
_ROW_GROUP = 1 << 16
_BLOCK_ROWS = 1 << 17
_REPORT_EVERY = 1 << 12  # items

R = TypeVar("R")


@dataclass(frozen=True)
class GatherSitelinks(Task):
    """wb_items_per_site: titles and their items."""

    step: ClassVar[str] = "items"
    path: str
    languages: tuple[str, ...]

    def run(self, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """Writes a file of `schemas.items.TITLE_ITEMS` for each language."""
        skipped: Counter[str] = Counter()
        wikis = {wiki_of(language): language for language in self.languages}
        paths = {language: layout.items(SITELINKS, language, self.number) for language in self.languages}
        with ExitStack() as files:
            streams = {language: files.enter_context(storage.write(path)) for language, path in paths.items()}
            writers = {
                language: files.enter_context(write_batches(stream, TITLE_ITEMS, _ROW_GROUP))
                for language, stream in streams.items()
            }
            raw = files.enter_context(open_file(self.path))
            table = files.enter_context(open_sql(lambda _: raw, self.path))
            batches = read_items_per_site(table, wikis, skipped)
            for rows in _blocks(batches, lambda: heartbeat.advance(raw.tell())):
                articles = _of_articles(rows, skipped)
                for language, writer in writers.items():
                    of_language = articles.filter(pc.equal(articles["language"], language))
                    writer.write(of_language.select(TITLE_ITEMS.names))
        shards = tuple(storage.shard(path, streams[language]) for language, path in paths.items())
        written = sum(shard.rows for shard in shards)
        return TaskResult(self.name, shards, {"sitelinks": Flow(written + skipped.total(), written, skipped=skipped)})


def _blocks(batches: Iterator[pa.RecordBatch], report: Callable[[], None]) -> Iterator[pa.Table]:
    """Batches put together, so that many languages cost little more than few; reports at each batch."""
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
    """Without those whose title has the prefix of another namespace."""
    article = pc.invert(pc.match_substring(sitelinks["title"], ":")).to_numpy()
    prefixed = np.flatnonzero(~article)
    pairs = zip(*(sitelinks[name].take(prefixed).to_pylist() for name in ("language", "title")), strict=True)
    article[prefixed] = [namespace_of(title, any_language(language)) == 0 for language, title in pairs]
    if foreign := int(np.count_nonzero(~article)):
        skipped["other namespace"] += foreign
    return sitelinks.filter(pa.array(article))


@dataclass(frozen=True)
class GatherWikidata(Task):
    """A range of the Wikidata JSON dump: titles, their items, and the items' labels."""

    step: ClassVar[str] = "wikidata"
    dump_range: DumpRange
    languages: tuple[str, ...]

    def run(self, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """Writes a file of `schemas.items.TITLE_ITEMS` and one of `ITEM_LABELS` for each language."""
        skipped: Counter[str] = Counter()
        damage: Counter[str] = Counter()
        failures: list[Failure] = []
        wikis = {wiki_of(language): language for language in self.languages}
        with _WikidataFiles(storage, self.languages, self.number) as files:
            lines = lines_of(lines_within(open_file, self.dump_range, damage))
            for count, entity in enumerate(read_entities(lines, wikis, skipped)):
                if count % _REPORT_EVERY == 0:
                    heartbeat.advance()
                if isinstance(entity, BadLine):
                    detail = f"line {entity.number} of range {self.number}: {entity.detail}"
                    failures.append(Failure("link", f"wikidata {entity.reason}", ALL_LANGUAGES, None, None, detail))
                else:
                    files.write_item(entity)
        path = layout.failures_shard(ALL_LANGUAGES, "link", self.number)
        shards = [*files.shards, *write_failures(storage, path, failures)]
        foreign = Counter({"other namespace": files.foreign} if files.foreign else {})
        flow = Flow(files.titles + files.foreign, files.titles, skipped=foreign)
        counts = {f"items without {reason}": n for reason, n in skipped.items()}
        counts |= {f"damage {reason}": n for reason, n in damage.items()} | {"bad lines": len(failures)}
        return TaskResult(self.name, tuple(shards), {"sitelinks": flow}, counts)


class _WikidataFiles:
    """A file of titles and one of labels for each language, all open at once."""

    def __init__(self, storage: Storage, languages: Sequence[str], number: int) -> None:
        self._storage, self._number = storage, number
        self._languages = {code: any_language(code) for code in languages}
        self._open = ExitStack()
        self._streams: dict[str, CountingStream] = {}
        self.titles = self.foreign = 0  # sitelinks to articles, and to other pages
        self.shards: list[Shard] = []

    def __enter__(self) -> "_WikidataFiles":
        self._titles = self._writers(WIKIDATA, TITLE_ITEM_ROWS)
        self._labels = self._writers(LABELS, ITEM_LABEL_ROWS)
        return self

    def _writers(self, source: str, codec: RecordCodec[R]) -> dict[str, ShardWriter[R]]:
        writers = {}
        for code in self._languages:
            path = layout.items(source, code, self._number)
            self._streams[path] = self._open.enter_context(self._storage.write(path))
            writers[code] = self._open.enter_context(write_records(self._streams[path], codec, _ROW_GROUP))
        return writers

    def write_item(self, item: WikidataItem) -> None:
        """An item's sitelinks, those that lead to articles, and labels."""
        for code, title in item.sitelinks.items():
            if namespace_of(title, self._languages[code]):
                self.foreign += 1
            else:
                self._titles[code].write(TitleItem(title, item.qid))
                self.titles += 1
        for code, label in item.labels.items():
            self._labels[code].write(ItemLabel(item.qid, label))

    def __exit__(self, *error: object) -> None:
        self._open.__exit__(*error)  # type: ignore[arg-type]
        if error[0] is None:
            self.shards = [self._storage.shard(path, stream) for path, stream in self._streams.items()]
