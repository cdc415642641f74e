"""Makes training examples from a shard of articles."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlukit.corpus.examples.make_each import TEXT_BYTES, Maker, make_each
from mlukit.corpus.examples.make_examples import ExampleBatch, make_examples, sentence_splitter
from mlukit.corpus.examples.options import ExampleOptions
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.parquet_shards import read_shards, write_failures
from mlukit.engine.split_shards import SplitShards
from mlukit.engine.storage import Storage
from mlukit.engine.task import Task
from mlukit.engine.task_transform import TaskTransform
from mlukit.schemas import layout
from mlukit.schemas.arrow import ARTICLE_TEXTS, EXAMPLES
from mlukit.schemas.manifest import Flow, TaskResult
from mlukit.schemas.records import SPLITS, Failure
from mlukit.schemas.summaries import MadeExamples
from mlukit.transforms.open_models import open_models


@dataclass(frozen=True)
class ArticleShard(Task):
    """The articles of a range."""

    step: ClassVar[str] = "examples"
    articles: tuple[str, ...]  # the files
    tokenizer: str  # fingerprint of the model that the run uses
    entities: str  # fingerprint of the entity vocabulary that the run uses


@dataclass(eq=False, repr=False)
class MakeExampleShards(TaskTransform[ArticleShard]):
    """PCollection of ArticleShard -> results: one shard of examples for each split and format."""

    task = ArticleShard
    kinds: frozenset[str]  # kinds of pages from which examples are made
    formats: tuple[str, ...]
    options: ExampleOptions

    def run(self, task: ArticleShard, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """See `corpus.examples.make_examples.make_examples`."""
        flows = {"articles": Flow(), "sentences": Flow(), "mentions": Flow()}
        made = MadeExamples()
        failures: list[Failure] = []
        make = _maker(storage, task, self.options)
        outputs = SplitShards(
            storage, layout.EXAMPLES, EXAMPLES, language=task.language, number=task.number, formats=self.formats
        )
        with outputs:
            for articles in self._articles(task, storage, flows["articles"], heartbeat):
                for number, batch in _made(articles, make, failures, flows["articles"]):
                    flows["sentences"].add(batch.sentences)
                    flows["mentions"].add(batch.mentions)
                    _count_articles(number, batch.examples, flows["articles"])
                    made += _summary(batch.examples)
                    outputs.write(batch.examples)
        path = layout.failures_shard(task.language, task.step, task.number)
        shards = (*outputs.shards, *write_failures(storage, path, failures))
        return TaskResult(task.name, shards, flows, summary=made)

    def _articles(
        self, task: ArticleShard, storage: Storage, flow: Flow, heartbeat: Heartbeat
    ) -> Iterator[pa.RecordBatch]:
        """Yields the articles of the accepted kinds in batches of limited size, and counts the others."""
        for group in read_shards(storage, task.articles, ARTICLE_TEXTS, heartbeat.advance):
            for batch in _by_size(group):
                flow.entered += batch.num_rows
                heartbeat.advance(pages=batch.num_rows)
                wanted = pc.is_in(batch.column("kind"), pa.array(sorted(self.kinds), pa.string()))
                for kind in batch.column("kind").filter(pc.invert(wanted)).to_pylist():
                    flow.skipped[f"kind {kind}"] += 1
                if (kept := batch.filter(wanted)).num_rows:
                    yield kept


def _by_size(articles: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Splits articles into parts of about `TEXT_BYTES` of text."""
    begins = pc.cumulative_sum(pc.binary_length(articles.column("text"))).to_numpy() // TEXT_BYTES
    borders = np.flatnonzero(np.diff(begins, append=-1)) + 1
    for start, end in pairwise((0, *borders.tolist())):
        yield articles.slice(start, end - start)


def _maker(storage: Storage, task: ArticleShard, options: ExampleOptions) -> Maker:
    tokenizer, vocabulary = open_models(storage.root, task.tokenizer, task.entities)
    splitter = sentence_splitter(task.language, options)
    return lambda articles: make_examples(articles, splitter, tokenizer, vocabulary.ids_of, options)


def _made(
    articles: pa.RecordBatch, make: Maker, failures: list[Failure], flow: Flow
) -> Iterator[tuple[int, ExampleBatch]]:
    """Yields the number of articles of each batch with their examples; records and counts failures."""
    for made in make_each(articles, make, ArticleShard.step):
        if isinstance(made, Failure):
            failures.append(made)
            flow.failed[made.reason] += 1
        else:
            yield made


def _count_articles(number: int, examples: pa.RecordBatch, articles: Flow) -> None:
    """Counts articles with and without examples, of `number` articles in all."""
    with_examples = pc.count_distinct(examples.column("page_id")).as_py()
    articles.out += with_examples
    if without := number - with_examples:
        articles.skipped["no example"] += without


def _summary(examples: pa.RecordBatch) -> MadeExamples:
    train, validation = (pc.equal(examples.column("split"), split).true_count for split in SPLITS)
    return MadeExamples(train, validation, tokens=len(examples.column("token_ids").flatten()))
