from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mlukit.corpus.examples.article_columns import ArticleColumns, Spans
from mlukit.corpus.examples.encode_batch import EncodedSentences, Mentions, encode_batch, gather
from mlukit.corpus.examples.encode_sentence import Flows, encode_sentences, with_mentions
from mlukit.corpus.examples.options import ExampleOptions
from mlukit.corpus.examples.sentences import SentenceSplitter
from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.schemas.arrow import ARTICLE_ROWS
from mlukit.schemas.records import LinkedArticle
from tests.corpus.examples.invented_articles import articles

OPTIONS = st.builds(
    ExampleOptions,
    max_tokens=st.integers(3, 40),
    max_mention_tokens=st.integers(1, 8),
    min_sentence_pieces=st.just(0),
)


@given(st.lists(articles(), min_size=1, max_size=3), OPTIONS)
@settings(max_examples=300, deadline=None)
def test_as_one_sentence_after_the_other(xlmr: Tokenizer, some: list[LinkedArticle], options: ExampleOptions) -> None:
    check(xlmr, some, options)


@given(st.lists(articles(), min_size=1, max_size=3), OPTIONS)
@settings(max_examples=100, deadline=None)
def test_where_words_cannot_be_split_alone(
    small_tokenizer: Tokenizer, some: list[LinkedArticle], options: ExampleOptions
) -> None:
    check(replace(small_tokenizer, words=None), some, options)


def check(tokenizer: Tokenizer, some: list[LinkedArticle], options: ExampleOptions) -> None:
    """Encodes articles by columns, and each by itself; links over a sentence's border are left out."""
    split = [SentenceSplitter("en").spans(article.text) for article in some]
    inside = [
        [(m.start, m.end, 7) for m in article.links if any(s <= m.start and m.end <= e for s, e in spans)]
        for article, spans in zip(some, split, strict=True)
    ]
    columns = ArticleColumns.from_batch(ARTICLE_ROWS.to_batch(some))
    spans = columns.spans([[(start, end) for start, end, _ in of_one] for of_one in inside])
    mentions = Mentions(*spans, np.full(len(spans.start), 7))
    flows, expected_flows = Flows(), Flows()
    encoded = encode_batch(columns, columns.spans(split), mentions, tokenizer, options, flows)
    alone = [
        encode_sentences(article.text, with_mentions(*rows), tokenizer, options, expected_flows)
        for article, *rows in zip(some, split, inside, strict=True)
    ]
    assert rows_of(encoded) == rows_of(EncodedSentences.from_sentences(columns, alone))
    assert flows == expected_flows


def rows_of(encoded: EncodedSentences) -> list[object]:
    ids = gather(encoded.ids, encoded.first, encoded.pieces)
    columns = (encoded.start, encoded.end, encoded.pieces, ids, encoded.sentence)
    return [column.tolist() for column in (*columns, encoded.mention_start, encoded.mention_end, encoded.entity_id)]


def test_most_sentences_are_encoded_together(xlmr: Tokenizer) -> None:
    """Also in languages without spaces: what is left to `encode_sentences` goes a long way."""
    text = "東京は日本の首都である。กรุงเทพเป็นเมือง។ Ça (Paris) va. Е́то."
    article = LinkedArticle("ja", 1, 1, "T", 5, "article", "train", text, (), (), ())
    columns = ArticleColumns.from_batch(ARTICLE_ROWS.to_batch([article]))
    anchors = ["日本", "首都", "กรุงเทพ", "Paris"]
    starts = np.array([text.index(anchor) for anchor in anchors])
    mentions = Mentions(starts, starts + list(map(len, anchors)), np.arange(4))
    whole = columns.spans([[(0, len(text))]])
    alone = replace(xlmr, _processor=None)  # would fail
    encoded = encode_batch(columns, whole, mentions, alone, ExampleOptions(), Flows())
    first, last = encoded.mention_start.tolist(), encoded.mention_end.tolist()
    shown = ["".join(xlmr.pieces(encoded.ids[a:b].tolist())) for a, b in zip(first, last, strict=True)]
    assert shown == anchors


def test_spans_around() -> None:
    spans = Spans(np.array([2, 8]), np.array([5, 9]))
    assert spans.contain(np.array([0, 2, 4, 5, 8, 9])).tolist() == [False, True, True, False, True, False]
    assert Spans(np.array([], int), np.array([], int)).contain(np.array([3])).tolist() == [False]
