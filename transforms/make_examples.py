"""Makes the training examples of a shard of articles."""

import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO, ClassVar, cast

from corpus.example_options import ExampleOptions
from corpus.examples import make_examples, sentence_splitter
from corpus.tokenizer import Tokenizer
from corpus.vocabulary import EntityVocabulary
from schemas.arrow import ARTICLE_TEXT_ROWS, EXAMPLE_ROWS
from schemas.manifest import Flow, Receipt, Shard
from schemas.records import ArticleText, Example, Failure
from schemas.tf_example import encode_example
from schemas.tfrecord import TFRecordWriter
from transforms.do_units import Unit
from transforms.monitor import Monitor
from transforms.order_vocabulary import VOCABULARY_PARQUET
from transforms.parse_articles import failures_path
from transforms.storage import CountingStream, Storage
from transforms.train_tokenizer import MODEL_PATH
from transforms.write_shards import ShardWriter, read_records, write_failures, write_records

_ENDINGS = {"parquet": "parquet", "tfrecord": "tfrecord.gz"}


@dataclass(frozen=True)
class MakeExamples(Unit):
    """A shard of articles gives a shard of examples in each format."""

    phase: ClassVar[str] = "examples"
    articles: str
    kinds: frozenset[str]
    formats: tuple[str, ...]
    options: ExampleOptions
    tokenizer: str  # fingerprint of the model
    entities: str  # fingerprint of the vocabulary

    def run(self, storage: Storage, monitor: Monitor) -> Receipt:
        """See `corpus.examples.make_examples`."""
        tokenizer, vocabulary = _opened(storage.root, self.tokenizer, self.entities)
        splitter = sentence_splitter(self.language, self.options)
        flows = {"articles": Flow(), "sentences": Flow(), "mentions": Flow()}
        counts: Counter[str] = Counter()
        failures: list[Failure] = []
        with storage.open(self.articles) as stream, _Outputs(storage, self) as outputs:
            for article in self._articles(stream, flows["articles"], monitor):
                try:
                    batch = make_examples(article, splitter, tokenizer, vocabulary.ids_of, self.options)
                except Exception:  # one article must not end the run, and its failure is recorded
                    failures.append(_failure(article, flows["articles"]))
                    continue
                flows["sentences"].add(batch.sentences)
                flows["mentions"].add(batch.mentions)
                _count(batch.examples, flows["articles"], counts)
                for example in batch.examples:
                    outputs.write(example)
        path = failures_path(self.language, self.phase, self.number)
        shards = (*outputs.shards, *write_failures(storage, path, failures))
        return Receipt(self.name, shards, flows, counts)

    def _articles(self, stream: BinaryIO, flow: Flow, monitor: Monitor) -> Iterator[ArticleText]:
        """The articles of the kinds that examples are made of."""
        for article in read_records(stream, ARTICLE_TEXT_ROWS):
            flow.entered += 1
            monitor.advance(stream.tell(), pages=1)
            if article.kind in self.kinds:
                yield article
            else:
                flow.skipped[f"kind {article.kind}"] += 1


def _failure(article: ArticleText, flow: Flow) -> Failure:
    reason, detail = "example_error", traceback.format_exc(limit=-3)
    flow.failed[reason] += 1
    return Failure(MakeExamples.phase, reason, article.language, article.page_id, article.title, detail)


@lru_cache(maxsize=1)
def _opened(root: str, model_fingerprint: str, entities_fingerprint: str) -> tuple[Tokenizer, EntityVocabulary]:
    """What the units of a run share, kept for the process's next one: it takes a second or two to read.

    Raises:
        ValueError: they are not those that the run was planned with.
    """
    storage = Storage(root)
    with storage.open(MODEL_PATH) as model, storage.open(VOCABULARY_PARQUET) as stream:
        tokenizer, vocabulary = Tokenizer.load(model.read(), checked=True), EntityVocabulary.open(stream)
    found = ((MODEL_PATH, tokenizer, model_fingerprint), (VOCABULARY_PARQUET, vocabulary, entities_fingerprint))
    for path, opened, fingerprint in found:
        if opened.fingerprint != fingerprint:
            raise ValueError(f"{path} has the fingerprint {opened.fingerprint}, the run began with {fingerprint}")
    return tokenizer, vocabulary


def _count(examples: tuple[Example, ...], articles: Flow, counts: Counter[str]) -> None:
    if not examples:
        articles.skipped["no example"] += 1
        return
    articles.out += 1
    counts["examples"] += len(examples)
    counts[f"examples {examples[0].split}"] += len(examples)
    counts["tokens"] += sum(len(example.token_ids) for example in examples)


class _Outputs:
    """The shard in each of the formats."""

    def __init__(self, storage: Storage, unit: MakeExamples) -> None:
        self._storage = storage
        folder = f"examples/{unit.language}/examples-{unit.number:05}"
        self._paths = {name: f"{folder}.{_ENDINGS[name]}" for name in unit.formats}
        self._open = ExitStack()
        self._streams: dict[str, CountingStream] = {}
        self._parquet: ShardWriter[Example] | None = None
        self._tfrecord: TFRecordWriter | None = None
        self.shards: list[Shard] = []

    def __enter__(self) -> "_Outputs":
        self._streams = {
            name: self._open.enter_context(self._storage.write(path)) for name, path in self._paths.items()
        }
        if "parquet" in self._streams:
            self._parquet = self._open.enter_context(write_records(self._streams["parquet"], EXAMPLE_ROWS))
        if "tfrecord" in self._streams:
            stream = cast(BinaryIO, self._streams["tfrecord"])
            self._tfrecord = self._open.enter_context(TFRecordWriter(stream))
        return self

    def write(self, example: Example) -> None:
        """Writes the example in each format."""
        if self._parquet:
            self._parquet.write(example)
        if self._tfrecord:
            self._tfrecord.write(encode_example(example))
            self._streams["tfrecord"].rows += 1

    def __exit__(self, *error: object) -> None:
        self._open.__exit__(*error)  # type: ignore[arg-type]
        if error[0] is None:
            self.shards = [self._storage.shard(path, self._streams[name]) for name, path in self._paths.items()]
