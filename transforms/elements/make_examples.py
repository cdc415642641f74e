"""Makes training examples from articles, with the tokenizer and the entity vocabulary of a finished build."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

import apache_beam as beam

from mlukit.corpus.examples.make_each import TEXT_BYTES, Maker, make_each
from mlukit.corpus.examples.make_examples import make_examples, sentence_splitter
from mlukit.corpus.examples.options import ExampleOptions
from mlukit.corpus.examples.sentences import SentenceSplitter
from mlukit.engine.counters import ARTICLES, EXAMPLES, MENTIONS, SENTENCES, count, count_flow
from mlukit.schemas.arrow import ARTICLE_ROWS, EXAMPLE_ROWS
from mlukit.schemas.manifest import Flow
from mlukit.schemas.records import Example, Failure, LinkedArticle
from mlukit.transforms.elements.batches import ArticleBatches
from mlukit.transforms.elements.joins import FAILURES, check_input, stage_record
from mlukit.transforms.open_models import open_models

STAGE = "examples"  # the stage in failures, the same as in the command


@beam.typehints.with_input_types(LinkedArticle)
@beam.typehints.with_output_types(Example)
class MakeExamples(beam.PTransform):
    """Makes training examples from articles.

    Input: a PCollection of `LinkedArticle`, in any languages. Output: `examples`, a PCollection of `Example`, for each
    article in the order of `index`; and `failures`, a PCollection of `Failure`. Articles of kinds that the vocabulary
    of OUT excludes are counted and left out. Each worker opens the tokenizer and the vocabulary once.

    Args:
        output: OUT, an output folder with all three stages finished. The options of its examples stage are used.
        text_bytes: approximate bytes of text that are encoded together; encoding needs some 25 times as much memory.

    Raises:
        ValueError: the examples stage of OUT is not finished.
    """

    def __init__(self, output: str, *, text_bytes: int = TEXT_BYTES) -> None:
        super().__init__()
        made, vocabulary = (stage_record(output, stage, "MakeExamples") for stage in (STAGE, "vocabulary"))
        self._make = _EncodeArticles(output, made, frozenset(vocabulary["options"]["kinds"]), text_bytes)

    def expand(self, articles: Any) -> Any:
        """Makes examples without a shuffle, from many articles at a time."""
        check_input(self, articles)
        make = beam.ParDo(self._make).with_output_types(Example, failures=Failure)
        return articles | "Make" >> make.with_outputs(FAILURES, main="examples")


class _EncodeArticles(ArticleBatches):
    """Makes the examples of batches of articles, and counts articles, sentences, mentions and examples."""

    def __init__(self, output: str, made: Mapping[str, Any], kinds: frozenset[str], text_bytes: int) -> None:
        super().__init__(text_bytes)
        self._output, self._kinds = output, kinds
        self._options = ExampleOptions(**{field.name: made["options"][field.name] for field in fields(ExampleOptions)})
        self._tokenizer, self._entities = (made["fingerprints"][name] for name in ("tokenizer", "entities"))

    def setup(self) -> None:
        self._models = open_models(self._output, self._tokenizer, self._entities)
        self._splitters = dict[str, SentenceSplitter]()

    def make(self, articles: Sequence[LinkedArticle]) -> Iterator[tuple[int, Example | Failure]]:
        flow = Flow(len(articles))
        by_language: dict[str, list[LinkedArticle]] = {}
        for article in articles:
            if article.kind in self._kinds:
                by_language.setdefault(article.language, []).append(article)
            else:
                flow.skipped[f"kind {article.kind}"] += 1
        numbers = {(article.language, article.page_id): number for number, article in enumerate(articles)}
        for language, chosen in by_language.items():
            for record in self._records(language, chosen, flow):
                yield numbers[record.language, record.page_id or 0], record
        count_flow(ARTICLES, flow)

    def _records(self, language: str, articles: list[LinkedArticle], flow: Flow) -> Iterator[Example | Failure]:
        """Makes and counts the examples of articles in one language."""
        for made in make_each(ARTICLE_ROWS.to_batch(articles), self._maker(language), STAGE):
            if isinstance(made, Failure):
                flow.failed[made.reason] += 1
                yield made
                continue
            number, batch = made
            examples = EXAMPLE_ROWS.to_records(batch.examples)
            with_examples = len({example.page_id for example in examples})
            flow.out += with_examples
            flow.skipped["no example"] += number - with_examples
            count_flow(SENTENCES, batch.sentences)
            count_flow(MENTIONS, batch.mentions)
            for split, made_of_split in Counter(example.split for example in examples).items():
                count(f"{EXAMPLES} {split}", made_of_split)
            yield from examples

    def _maker(self, language: str) -> Maker:
        """The function that makes examples in a language; the sentence splitter is made once per language."""
        if language not in self._splitters:
            self._splitters[language] = sentence_splitter(language, self._options)
        tokenizer, vocabulary = self._models
        splitter, options = self._splitters[language], self._options
        return lambda articles: make_examples(articles, splitter, tokenizer, vocabulary.ids_of, options)
