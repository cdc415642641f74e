"""Asks Wikidata for the items of titles that have no item in any table, and keeps the answers for the next run."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from mlukit.corpus.dumps.item_sources import QUERY_SERVICE
from mlukit.corpus.linking.build_title_index import build_title_index
from mlukit.corpus.linking.join_titles import title_items
from mlukit.corpus.linking.title_index import TitleIndex
from mlukit.corpus.web.wikidata_query import WikidataApi
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.storage import Storage, is_local
from mlukit.engine.task import Task
from mlukit.engine.task_transform import TaskTransform
from mlukit.schemas import layout
from mlukit.schemas.manifest import TaskResult
from mlukit.schemas.parquet import read_parquet
from mlukit.transforms.open_title_index import header_shard, open_indexes

ASKED = QUERY_SERVICE.layer  # the layer of a title index with the answers


@dataclass(frozen=True)
class TitlesToAskFor(Task):
    """The titles of parsed articles and of their links; a single task, because the service allows one client."""

    step: ClassVar[str] = "ask"
    parsed: tuple[str, ...]  # shards of parsed articles in all languages


@dataclass(eq=False, repr=False)
class AskWikidata(TaskTransform[TitlesToAskFor]):
    """TitlesToAskFor -> a layer of the title index of each language."""

    task = TitlesToAskFor
    languages: tuple[str, ...]
    endpoint: str
    contact: str
    cache: str  # a local file; "" for a file in the output folder

    def run(self, task: TitlesToAskFor, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """See `corpus.web.wikidata_query`."""
        counts: Counter[str] = Counter()
        indexes = open_indexes(storage, self.languages)
        with ExitStack() as stack:
            api = stack.enter_context(
                WikidataApi(self._cache_file(storage, stack), self.endpoint, contact=self.contact)
            )
            for language, index in indexes.items():
                with storage.write_folder(f"{layout.title_index(language)}/{ASKED}") as folder:
                    lacking = _lacking(task.parsed, language, index, storage, heartbeat)
                    answers = _answers(api, language, lacking, heartbeat)
                    built = build_title_index(folder, items_by_title={ASKED: title_items(answers)})
                counts[f"{language} titles given an item"] = built.get("items", 0)
            counts.update({f"wikidata {name}": n for name, n in api.counts.items()})
        layers = tuple(header_shard(storage, language, ASKED) for language in self.languages)
        return TaskResult(task.name, layers, counts=counts)

    def _cache_file(self, storage: Storage, stack: ExitStack) -> Path:
        """The file with the answers: of the user, in a local output folder, or a temporary one."""
        if self.cache:
            return Path(self.cache)
        if is_local(storage.root):
            return Path(storage.path(layout.WIKIDATA_ANSWERS))
        return Path(stack.enter_context(tempfile.TemporaryDirectory())) / layout.WIKIDATA_ANSWERS


def _answers(api: WikidataApi, language: str, titles: Iterator[str], heartbeat: Heartbeat) -> Iterator[tuple[str, int]]:
    """The titles for which Wikidata has an item, with the number of the item."""
    for title, qid in api.items(language, titles):
        heartbeat.advance()
        if qid is not None:
            yield title, qid


def _lacking(
    parsed: Sequence[str], language: str, index: TitleIndex, storage: Storage, heartbeat: Heartbeat
) -> Iterator[str]:
    """Titles of a language without an item: titles of articles and targets of links."""
    for path in parsed:
        with storage.open(path) as stream:
            for batch in read_parquet(stream, columns=["language", "title", "links"]):
                heartbeat.advance()
                yield from _without_item(_titles(batch, language), index)


def _titles(batch: pa.RecordBatch, language: str) -> list[str]:
    titles = batch["title"].filter(pc.equal(batch["language"], language))
    links = batch["links"].flatten()
    targets = links.field("target").filter(pc.equal(links.field("language"), language))
    return sorted({*titles.to_pylist(), *targets.to_pylist()})


def _without_item(titles: Sequence[str], index: TitleIndex) -> Iterator[str]:
    """The titles that the index has no item for, with redirects resolved."""
    for title, found in zip(titles, index.find(titles), strict=True):
        if found.qid is None and found.status in ("red", "no_item"):
            yield found.page or title
