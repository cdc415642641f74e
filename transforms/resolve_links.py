"""Looks up the links of a shard of articles, and adds the items of the articles."""

from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from mlukit.corpus.linking.repeated_pages import copies_that_stay, leave_out
from mlukit.corpus.linking.resolve_links import resolve_batch
from mlukit.corpus.linking.script_variants import variants_of
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.split_shards import SplitShards
from mlukit.engine.storage import Storage
from mlukit.engine.task import Task
from mlukit.engine.task_transform import TaskTransform
from mlukit.schemas import layout
from mlukit.schemas.arrow import ARTICLES
from mlukit.schemas.manifest import Flow, TaskResult
from mlukit.schemas.parquet import read_parquet
from mlukit.schemas.records import article_place
from mlukit.schemas.summaries import ResolvedArticles
from mlukit.transforms.open_title_index import open_indexes


@dataclass(frozen=True)
class ParsedShard(Task):
    """The parsed articles of a range."""

    step: ClassVar[str] = "resolve"
    articles: str  # the file


@dataclass(eq=False, repr=False)
class ResolveShards(TaskTransform[ParsedShard]):
    """PCollection of ParsedShard -> results: linked articles, one shard for each split and format.

    If the dump has a page several times, one copy is kept. The other copies are counted as left out here, although the
    parser counted them as written.
    """

    task = ParsedShard
    languages: tuple[str, ...]
    validation_share: float
    formats: tuple[str, ...]

    def run(self, task: ParsedShard, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """See `corpus.linking.resolve_links.resolve_batch`."""
        flows = {name: Flow() for name in ("pages", "links", "links with item")}
        counts, resolved, place = Counter[str](), ResolvedArticles(), article_place(task.number, 0)
        indexes, variants = open_indexes(storage, self.languages), variants_of(self.languages)
        outputs = SplitShards(
            storage, layout.ARTICLES, ARTICLES, language=task.language, number=task.number, formats=self.formats
        )
        with storage.open(task.articles) as parsed, outputs:
            for batch in read_parquet(parsed):
                stays, place = pa.array(copies_that_stay(batch, indexes, place)), place + batch.num_rows
                if stays.false_count:
                    leave_out(batch.filter(pc.invert(stays)), flows["pages"], flows["links"])
                    batch = batch.filter(stays)
                articles = resolve_batch(batch, indexes, self.validation_share, variants)
                outputs.write(articles)
                _count_links(articles, flows["links with item"], counts)
                resolved += _count_articles(articles, counts)
                heartbeat.advance(parsed.tell(), pages=articles.num_rows)
        return TaskResult(task.name, tuple(outputs.shards), flows, counts, resolved)


def _count_articles(articles: pa.RecordBatch, counts: Counter[str]) -> ResolvedArticles:
    counts.update({f"articles {split}": n for split, n in _tally(articles["split"]).items()})
    counts.update({f"articles of kind {kind}": n for kind, n in _tally(articles["kind"]).items()})
    lacking = articles["qid"].null_count
    characters = pc.sum(pc.utf8_length(articles["text"])).as_py() or 0
    return ResolvedArticles(articles.num_rows - lacking, lacking, characters)


def _count_links(articles: pa.RecordBatch, flow: Flow, counts: Counter[str]) -> None:
    """Counts links with an item by status, and links without an item as skipped, also by status."""
    links = articles["links"].flatten()
    without = pc.is_null(links.field("qid"))
    flow.entered += len(links)
    flow.skipped.update(_tally(links.field("status").filter(without)))
    found = _tally(links.field("status").filter(pc.invert(without)))
    flow.out += found.total()
    counts.update({f"links {status}": n for status, n in found.items()})


def _tally(values: pa.Array) -> Counter[str]:
    return Counter({row["values"]: row["counts"] for row in pc.value_counts(values).to_pylist()})
