"""Reads a table of Wikidata once for all languages, and writes what each language's index takes of it."""

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, ClassVar

from corpus.dump_files import wiki_of
from corpus.dump_lines import lines_within
from corpus.dump_ranges import DumpRange
from corpus.language_tables import any_language
from corpus.sitelinks import read_items_per_site
from corpus.sql_dump import open_sql
from corpus.titles import namespace_of
from corpus.wikidata_json import BadLine, WikidataItem, lines_of, read_entities
from schemas.items import ITEM_LABEL_ROWS, TITLE_ITEM_ROWS, ItemLabel, TitleItem
from schemas.manifest import Flow, Receipt, Shard
from schemas.records import Failure
from transforms.do_units import ALL_LANGUAGES, Unit
from transforms.monitor import Monitor
from transforms.storage import WORK, CountingStream, Storage, open_file
from transforms.write_shards import ShardWriter, write_failures, write_records

SITELINKS, WIKIDATA, LABELS = "wb_items_per_site", "wikidata_json", "labels"  # sources, in order of preference
_ROW_GROUP = 1 << 16
_REPORT_EVERY = 1 << 12  # rows


def items_path(source: str, language: str, number: int) -> str:
    """Where a part of a language's sitelinks or labels lies."""
    return f"{WORK}/items/{source}/{language}-{number:05}.parquet"


@dataclass(frozen=True)
class GatherSitelinks(Unit):
    """wb_items_per_site: titles and their items."""

    phase: ClassVar[str] = "items"
    path: str
    languages: tuple[str, ...]

    def run(self, storage: Storage, monitor: Monitor) -> Receipt:
        """Writes a file of `schemas.items.TITLE_ITEMS` for each language."""
        skipped: Counter[str] = Counter()
        wikis = {wiki_of(language): language for language in self.languages}
        with (
            _Files(storage, self.languages, {SITELINKS: TITLE_ITEM_ROWS}, self.number) as files,
            open_file(self.path) as raw,
            open_sql(lambda _: raw, self.path) as stream,
        ):
            for count, (code, title, qid) in enumerate(read_items_per_site(stream, wikis, skipped)):
                if count % _REPORT_EVERY == 0:
                    monitor.advance(raw.tell())
                files.write_title(SITELINKS, code, title, qid)
        return Receipt(self.name, tuple(files.shards), {"sitelinks": files.flow(skipped)})


@dataclass(frozen=True)
class GatherWikidata(Unit):
    """A range of the Wikidata JSON dump: titles, their items, and the items' labels."""

    phase: ClassVar[str] = "wikidata"
    dump_range: DumpRange
    languages: tuple[str, ...]

    def run(self, storage: Storage, monitor: Monitor) -> Receipt:
        """Writes a file of `schemas.items.TITLE_ITEMS` and one of `ITEM_LABELS` for each language."""
        skipped: Counter[str] = Counter()
        damage: Counter[str] = Counter()
        failures: list[Failure] = []
        wikis = {wiki_of(language): language for language in self.languages}
        codecs = {WIKIDATA: TITLE_ITEM_ROWS, LABELS: ITEM_LABEL_ROWS}
        with _Files(storage, self.languages, codecs, self.number) as files:
            lines = lines_of(lines_within(open_file, self.dump_range, damage))
            for count, entity in enumerate(read_entities(lines, wikis, skipped)):
                if count % _REPORT_EVERY == 0:
                    monitor.advance()
                if isinstance(entity, BadLine):
                    detail = f"line {entity.number} of range {self.number}: {entity.detail}"
                    failures.append(Failure("link", f"wikidata {entity.reason}", ALL_LANGUAGES, None, None, detail))
                else:
                    files.write_item(entity)
        path = f"failures/{ALL_LANGUAGES}/link-{self.number:05}.parquet"
        shards = [*files.shards, *write_failures(storage, path, failures)]
        flow = files.flow(Counter())
        counts = {f"items without {reason}": n for reason, n in skipped.items()}
        counts |= {f"damage {reason}": n for reason, n in damage.items()} | {"bad lines": len(failures)}
        return Receipt(self.name, tuple(shards), {"sitelinks": flow}, counts)


class _Files:
    """A file for each source and language, all open at once."""

    def __init__(self, storage: Storage, languages: Sequence[str], codecs: dict[str, Any], number: int) -> None:
        self._storage, self._number, self._codecs = storage, number, codecs
        self._languages = {code: any_language(code) for code in languages}
        self._open = ExitStack()
        self._streams: dict[str, CountingStream] = {}
        self._writers: dict[tuple[str, str], ShardWriter[Any]] = {}
        self._foreign = self._written = 0
        self.shards: list[Shard] = []

    def __enter__(self) -> "_Files":
        for source, codec in self._codecs.items():
            for code in self._languages:
                path = items_path(source, code, self._number)
                self._streams[path] = self._open.enter_context(self._storage.write(path))
                self._writers[source, code] = self._open.enter_context(
                    write_records(self._streams[path], codec, row_group_rows=_ROW_GROUP)
                )
        return self

    def write_title(self, source: str, code: str, title: str, qid: int) -> None:
        """A sitelink, if it leads to an article."""
        if namespace_of(title, self._languages[code]):
            self._foreign += 1
        else:
            self._writers[source, code].write(TitleItem(title, qid))
            self._written += 1

    def write_item(self, item: WikidataItem) -> None:
        """An item's sitelinks and labels."""
        for code, title in item.sitelinks.items():
            self.write_title(WIKIDATA, code, title, item.qid)
        for code, label in item.labels.items():
            self._writers[LABELS, code].write(ItemLabel(item.qid, label))

    def flow(self, skipped: Counter[str]) -> Flow:
        """Of sitelinks."""
        reasons = skipped + Counter({"other namespace": self._foreign})
        return Flow(self._written + reasons.total(), self._written, skipped=reasons)

    def __exit__(self, *error: object) -> None:
        self._open.__exit__(*error)  # type: ignore[arg-type]
        if error[0] is None:
            self.shards = [self._storage.shard(path, stream) for path, stream in self._streams.items()]
