"""Measures the processor seconds of each step from a dump to examples, one step after the other in this process.

Work that all workers share is left out: sitelinks, title indexes, the vocabulary. Three of four links get invented
items.

usage: python benchmarks/steps.py DUMP.xml.bz2 MODEL [--language en]

Prints seconds and MB of XML per second, for each step and for all steps.
"""

import argparse
import bz2
import gc
import io
import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
from examples import entity_ids, in_batches, item

from mlukit.corpus.dumps.files import FileInfo
from mlukit.corpus.dumps.pages import PageReader
from mlukit.corpus.dumps.ranges import plan_ranges
from mlukit.corpus.examples.make_examples import make_examples, sentence_splitter
from mlukit.corpus.examples.options import ExampleOptions
from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.corpus.languages.language import Language
from mlukit.corpus.languages.load import load_language
from mlukit.corpus.wikitext.read_page import parse_page
from mlukit.engine.parquet_shards import write_batches, write_records
from mlukit.engine.task_transform import RARELY
from mlukit.schemas.arrow import EXAMPLES, PARSED_ARTICLE_ROWS
from mlukit.schemas.parquet import ROW_GROUP_ROWS
from mlukit.schemas.records import Article, LinkedArticle, Mention, Page
from mlukit.schemas.tf_example import encode_examples
from mlukit.schemas.tfrecord import TFRecordWriter

T = TypeVar("T")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dump", type=Path, help="a dump compressed by bzip2")
    parser.add_argument("model", type=Path, help="SentencePiece model in XLM-R's layout")
    parser.add_argument("--language", default="en")
    asked = parser.parse_args()
    gc.set_threshold(*RARELY)  # as workers have it
    language, tokenizer = load_language(asked.language), Tokenizer.load(asked.model.read_bytes())
    steps = Steps(xml := decoded_bytes(asked.dump))
    steps.time("(bzip2 alone, a part of the next)", lambda: decoded_bytes(asked.dump), part=True)
    pages = steps.time("pages out of the dump", lambda: pages_of(asked.dump, language))
    articles = steps.time(
        "text and links out of wikitext", lambda: [parse_page(page, language, "link")[0] for page in pages]
    )
    steps.time("articles to Parquet", lambda: articles_to_parquet(articles))
    batches = in_batches(list(map(with_items, articles)))
    paragraphs = [article.text.split("\n") for article in articles]
    steps.time("(SentencePiece alone, a part of the next)", lambda: list(map(tokenizer.encode, paragraphs)), part=True)
    examples = steps.time("examples out of articles", lambda: examples_of(batches, language, tokenizer))
    steps.time("examples to Parquet", lambda: examples_to_parquet(examples))
    steps.time("examples to TFRecord", lambda: tfrecord(examples))
    print(f"{steps.total:8.2f} s {xml / 1e6 / steps.total:6.1f} MB/s  all of it")


class Steps:
    """Measures the time of steps."""

    def __init__(self, xml: int) -> None:
        self._xml = xml
        self.total = 0.0

    def time(self, name: str, do: Callable[[], T], part: bool = False) -> T:
        """Calls `do` and returns its value. A step that is part of another step does not count in the total."""
        start = time.process_time()
        result = do()
        seconds = time.process_time() - start
        self.total += 0 if part else seconds
        print(f"{seconds:8.2f} s {self._xml / 1e6 / seconds:6.1f} MB/s  {name}", flush=True)
        return result


def decoded_bytes(dump: Path) -> int:
    """The number of bytes of XML in the dump."""
    with bz2.open(dump) as stream:
        return sum(map(len, iter(lambda: stream.read(1 << 20), b"")))


def pages_of(dump: Path, language: Language) -> list[Page]:
    """The articles of the dump, without redirects."""
    ranges = plan_ranges(language.code, [FileInfo(str(dump), dump.stat().st_size)])
    found = (page for part in ranges for page in PageReader(lambda path: Path(path).open("rb"), part, "link"))  # noqa: SIM115
    return [page for page in found if isinstance(page, Page) and page.redirect is None]


def articles_to_parquet(articles: list[Article]) -> int:
    """The size of a shard."""
    stream = io.BytesIO()
    with write_records(stream, PARSED_ARTICLE_ROWS) as writer:  # type: ignore[arg-type]
        for article in articles:
            writer.write(article)
    return len(stream.getvalue())


def examples_to_parquet(examples: list[pa.RecordBatch]) -> int:
    """The size of a shard."""
    stream = io.BytesIO()
    with write_batches(stream, EXAMPLES, ROW_GROUP_ROWS) as writer:  # type: ignore[arg-type]
        for batch in examples:
            writer.write(pa.Table.from_batches([batch]))
    return len(stream.getvalue())


def with_items(article: Article) -> LinkedArticle:
    """The article with invented items."""
    links = (
        Mention(link.start, link.end, link.language, link.target, link.target, item(link.target), "resolved")
        for link in article.links
    )
    return LinkedArticle(
        language=article.language,
        page_id=article.page_id,
        revision_id=article.revision_id,
        title=article.title,
        qid=None,
        kind=article.kind,
        split="train",
        text=article.text,
        paragraphs=article.paragraphs,
        sections=article.sections,
        links=tuple(links),
    )


def examples_of(articles: list[pa.RecordBatch], language: Language, tokenizer: Tokenizer) -> list[pa.RecordBatch]:
    """All examples of the articles."""
    options = ExampleOptions()
    splitter = sentence_splitter(language.code, options)
    return [make_examples(batch, splitter, tokenizer, entity_ids, options).examples for batch in articles]


def tfrecord(examples: list[pa.RecordBatch]) -> int:
    """The size of a shard."""
    stream = io.BytesIO()
    with TFRecordWriter(stream) as writer:
        for example in chain.from_iterable(map(encode_examples, examples)):
            writer.write(example)
    return len(stream.getvalue())


if __name__ == "__main__":
    main()
