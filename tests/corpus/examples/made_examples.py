"""Articles as records in, examples as records out."""

from collections.abc import Sequence
from dataclasses import dataclass

from mlukit.corpus.examples.make_examples import make_examples, sentence_splitter
from mlukit.corpus.examples.options import EntityIds, ExampleOptions
from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.schemas.arrow import ARTICLE_ROWS, EXAMPLE_ROWS
from mlukit.schemas.manifest import Flow
from mlukit.schemas.records import Example, LinkedArticle


@dataclass(frozen=True)
class Made:
    examples: list[Example]
    sentences: Flow
    mentions: Flow


def examples_of(
    articles: Sequence[LinkedArticle],
    tokenizer: Tokenizer,
    entity_ids: EntityIds,
    options: ExampleOptions,
    rows: slice = slice(None),
) -> Made:
    """The examples of articles of one language; of some rows of a batch of them, where asked for."""
    splitter = sentence_splitter(articles[0].language, options)
    batch = make_examples(ARTICLE_ROWS.to_batch(articles)[rows], splitter, tokenizer, entity_ids, options)
    batch.examples.validate(full=True)
    return Made(EXAMPLE_ROWS.to_records(batch.examples), batch.sentences, batch.mentions)
