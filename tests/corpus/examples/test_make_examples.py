import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlukit.corpus.examples.article_columns import ArticleColumns
from mlukit.corpus.examples.make_examples import merge_sentences
from mlukit.corpus.examples.options import ExampleOptions
from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.schemas.arrow import ARTICLE_ROWS
from mlukit.schemas.manifest import Flow
from mlukit.schemas.records import Example, LinkedArticle, Mention, Section, Span
from tests.corpus.examples.invented_articles import articles
from tests.corpus.examples.made_examples import Made, examples_of

KEEP_ALL = ExampleOptions(keep_without_entities=True, min_sentence_pieces=0, include_headings=True)


def article_of(marked: str, language: str = "en") -> LinkedArticle:
    """Paragraphs in lines, headings after "== "; a link is [[anchor|7]] to Q7, or [[anchor|]] without item."""
    text, paragraphs, sections, links = "", [], [], []
    for line in marked.split("\n"):
        start = len(text) + bool(paragraphs)
        text += "\n" * bool(paragraphs)
        heading = line.startswith("== ")
        for words, anchor, qid in re.findall(r"([^\[]*)(?:\[\[([^|]*)\|(\d*)\]\])?", line.removeprefix("== ")):
            text += words + anchor
            if anchor:
                number = int(qid) if qid else None
                links.append(
                    Mention(
                        len(text) - len(anchor), len(text), language, "T", "T", number, "resolved" if qid else "red"
                    )
                )
        paragraphs.append(Span(start, len(text)))
        if heading:
            sections.append(Section(start, len(text), 2, text[start:]))
    return LinkedArticle(
        language, 12, 1, "Title", 5, "article", "train", text, tuple(paragraphs), tuple(sections), tuple(links)
    )


def entity_ids(qids: Any) -> Any:
    """Odd items are in the vocabulary: Q7 has id 107."""
    return np.array([100 + qid if qid % 2 else -1 for qid in qids], np.int32)


def make(article: LinkedArticle, tokenizer: Tokenizer, **options: Any) -> Made:
    chosen = ExampleOptions(**options)
    return examples_of([article], tokenizer, entity_ids, chosen)


def shown(example: Example, tokenizer: Tokenizer) -> str:
    """The pieces, mentions as [pieces|entity id]."""
    pieces = tokenizer.pieces(example.token_ids)
    for entity_id, start, end in zip(example.entity_ids, example.entity_starts, example.entity_ends, strict=True):
        pieces[start] = "[" + pieces[start]
        pieces[end - 1] += f"|{entity_id}]"
    return " ".join(pieces)


def sentences(article: LinkedArticle, example: Example) -> list[str]:
    return [article.text[s:e] for s, e in zip(example.sentence_starts, example.sentence_ends, strict=True)]


def test_an_example(xlmr: Tokenizer) -> None:
    article = article_of("The [[dog|7]]s of [[Rome|9]] ran away. They came back in [[May|8]] and [[June|]].")
    batch = make(article, xlmr)
    [example] = batch.examples
    assert shown(example, xlmr) == (
        "<s> ▁The [▁dog|107] s ▁of [▁Rome|109] ▁ran ▁away . ▁They ▁came ▁back ▁in ▁May ▁and ▁June . </s>"
    )
    assert example.entity_ids == (107, 109)
    assert example.entity_starts == (2, 5)
    assert example.entity_ends == (3, 6)
    assert sentences(article, example) == ["The dogs of Rome ran away.", "They came back in May and June."]
    assert (example.language, example.page_id, example.index, example.split) == ("en", 12, 0, "train")
    assert batch.mentions.skipped == {"not in the vocabulary": 1, "no item": 1}
    assert (batch.mentions.entered, batch.mentions.out) == (4, 2)
    assert (batch.sentences.entered, batch.sentences.out) == (2, 2)


def test_no_word_starts_at_a_cut_in_japanese(xlmr: Tokenizer) -> None:
    [example] = make(article_of("東京は[[日本|7]]の首都である。[[大阪|9]]も大きい都市である。", "ja"), xlmr).examples
    assert shown(example, xlmr) == (
        "<s> ▁ 東京 は [日本|107] の 首都 である 。 [▁ 大阪|109] も 大きい 都市 である 。 </s>"
    )


def test_unknown_entities(xlmr: Tokenizer) -> None:
    article = article_of("They came back in [[May|8]] and [[June|]].")
    assert make(article, xlmr).examples == []
    [example] = make(article, xlmr, include_unknown_entities=True).examples
    assert shown(example, xlmr) == "<s> ▁They ▁came ▁back ▁in [▁May|1] ▁and [▁June|1] . </s>"


def test_a_sentence_goes_on_where_a_link_runs_over_its_end(xlmr: Tokenizer) -> None:
    article = article_of("She saw the film [[Dr. No|7]] at home. He saw [[Who? What? Why|8]] instead of it. Why not?")
    batch = make(article, xlmr, min_sentence_pieces=0)
    assert sentences(article, batch.examples[0]) == [
        "She saw the film Dr. No at home.",
        "He saw Who? What? Why instead of it.",
        "Why not?",
    ]
    assert batch.sentences.entered == 3


@pytest.mark.parametrize(
    ("links", "expected"),
    [
        ([(1, 3), (5, 9), (13, 14)], [(0, 3), (4, 12), (13, 20)]),
        ([(0, 9)], [(0, 12), (13, 20)]),
        ([(4, 6), (7, 12)], [(0, 3), (4, 6), (7, 12), (13, 20)]),
        ([(8, 15)], [(0, 3), (4, 6), (7, 12), (13, 20)]),  # over a paragraph's end
        ([], [(0, 3), (4, 6), (7, 12), (13, 20)]),
    ],
)
def test_merge_sentences(links: list[tuple[int, int]], expected: list[tuple[int, int]]) -> None:
    article = replace(
        article_of("Dr. A. No ca\nme back"),
        links=tuple(Mention(start, end, "en", "T", "T", 1, "resolved") for start, end in links),
    )
    columns = ArticleColumns.from_batch(ARTICLE_ROWS.to_batch([article]))
    split = columns.spans([[(0, 3), (4, 6), (7, 12), (13, 20)]])
    merged = merge_sentences(split, columns.links)
    assert [*zip(*(column.tolist() for column in merged), strict=True)] == expected
    nothing = merge_sentences(columns.spans([[]]), columns.links)
    assert [len(column) for column in nothing] == [0, 0]


def test_headings_are_left_out(xlmr: Tokenizer) -> None:
    article = article_of("The [[dog|7]] ran far away.\n== The long [[history|9]] of it\nIt was a very old dog.")
    batch = make(article, xlmr)
    assert sentences(article, batch.examples[0]) == ["The dog ran far away.", "It was a very old dog."]
    assert batch.sentences.skipped == {"heading": 1}
    assert batch.mentions.skipped == {"in a heading": 1}
    [example] = make(article, xlmr, include_headings=True).examples
    assert example.entity_ids == (107, 109)


def test_short_sentences_are_left_out(xlmr: Tokenizer) -> None:
    article = article_of("Yes, [[he|7]]. The [[dog|7]] ran far away.")
    batch = make(article, xlmr)
    assert sentences(article, batch.examples[0]) == ["The dog ran far away."]
    assert batch.sentences.skipped == {"under 5 pieces": 1}
    assert batch.mentions.skipped == {"sentence left out: under 5 pieces": 1}
    [example] = make(article, xlmr, min_sentence_pieces=0).examples
    assert example.entity_ids == (107, 107)


def test_sentences_are_packed_within_a_page(xlmr: Tokenizer) -> None:
    article = article_of("The [[dog|7]] ran far away. " * 5 + "The cat ran far away. " * 3)
    batch = make(article, xlmr, max_tokens=14)  # 6 pieces a sentence, two fit
    assert [len(example.token_ids) for example in batch.examples] == [14, 14, 14]
    assert [example.index for example in batch.examples] == [0, 1, 2]
    assert batch.sentences.skipped == {"in an example without entities": 2}
    assert len(make(article, xlmr, max_tokens=14, keep_without_entities=True).examples) == 4


def test_long_mentions_leave_no_trace(xlmr: Tokenizer) -> None:
    article = article_of("The [[dog who ran away|7]]s and the [[cat|9]] came back.")
    batch = make(article, xlmr, max_mention_tokens=3)
    assert shown(batch.examples[0], xlmr) == ("<s> ▁The ▁dog ▁who ▁ran ▁away s ▁and ▁the [▁cat|109] ▁came ▁back . </s>")
    assert batch.mentions.skipped == {"over 3 pieces": 1}


def test_entities_beyond_the_limit(xlmr: Tokenizer) -> None:
    batch = make(article_of("The [[dog|7]] and the [[cat|9]] and the [[cow|11]] came."), xlmr, max_entities=2)
    assert batch.examples[0].entity_ids == (107, 109)
    assert batch.mentions.skipped == {"beyond 2 entities": 1}


def test_a_mention_without_pieces(xlmr: Tokenizer) -> None:
    batch = make(article_of("The dog\u200d [[\u0007|9]] and the [[cat|7]] ran away."), xlmr)
    assert batch.examples[0].entity_ids == (107,)
    assert batch.mentions.skipped == {"no pieces": 1}


def test_a_long_sentence_is_cut_where_words_start(xlmr: Tokenizer) -> None:
    article = article_of("The [[New York City|7]] of old and " * 30 + "the end.")
    batch = make(article, xlmr, max_tokens=52)
    texts = [text for example in batch.examples for text in sentences(article, example)]
    assert " ".join(texts) == article.text
    assert max(len(example.token_ids) for example in batch.examples) <= 52
    assert sum(len(example.entity_ids) for example in batch.examples) == 30
    assert batch.sentences.entered == batch.sentences.out == len(texts)
    assert min(len(ids) for ids in xlmr.encode(texts)) > 25


def test_a_long_sentence_without_spaces_is_cut_too(xlmr: Tokenizer) -> None:
    article = article_of("ประเทศไทยเป็นประเทศที่ตั้งอยู่ใน[[เอเชีย|7]]และเป็นเมืองหลวงของ" * 12, "th")
    batch = make(article, xlmr, max_tokens=40)
    assert "".join(text for example in batch.examples for text in sentences(article, example)) == article.text
    assert sum(len(example.entity_ids) for example in batch.examples) == 12
    check(article, batch, xlmr, ExampleOptions(max_tokens=40))


def test_a_sentence_of_one_mention_that_fits_nowhere(xlmr: Tokenizer) -> None:
    article = article_of("[[The quick brown fox jumps over the lazy dog|7]]")
    batch = make(article, xlmr, max_tokens=8)
    assert batch.sentences.skipped == {"over 6 pieces, nowhere to cut": 1}
    assert batch.mentions.skipped == {"sentence left out: over 6 pieces, nowhere to cut": 1}


def test_a_link_over_a_paragraphs_end_is_no_mention(xlmr: Tokenizer) -> None:
    article = article_of("The dog ran far away from\nthe cat who was there.")
    link = Mention(16, 34, "en", "T", "T", 7, "resolved")
    batch = make(LinkedArticle(**{**fields(article), "links": (link,)}), xlmr, keep_without_entities=True)
    assert batch.mentions.skipped == {"over a paragraph's end": 1}
    assert batch.sentences.out == 2


def fields(article: LinkedArticle) -> dict[str, Any]:
    return {name: getattr(article, name) for name in LinkedArticle.__dataclass_fields__}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_tokens": 2}, "max_tokens is 2; accepted: 3 or more"),
        ({"max_entities": 0}, "max_entities is 0; accepted: 1 or more"),
        ({"max_mention_tokens": 0}, "max_mention_tokens is 0"),
        ({"min_sentence_pieces": 511}, "min_sentence_pieces is 511; accepted: 0 to 510"),
        ({"min_sentence_pieces": -1}, "min_sentence_pieces is -1"),
    ],
)
def test_options_that_cannot_be(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ExampleOptions(**options)


OPTIONS = st.builds(
    ExampleOptions,
    max_tokens=st.integers(3, 40),
    max_entities=st.integers(1, 4),
    max_mention_tokens=st.integers(1, 8),
    min_sentence_pieces=st.just(0) | st.just(1),
    keep_without_entities=st.booleans(),
    include_unknown_entities=st.booleans(),
    include_headings=st.booleans(),
)


@given(articles(), OPTIONS)
@settings(max_examples=400, deadline=None)
def test_every_article_gives_sound_examples(
    small_tokenizer: Tokenizer, article: LinkedArticle, options: ExampleOptions
) -> None:
    batch = examples_of([article], small_tokenizer, entity_ids, options)
    check(article, batch, small_tokenizer, options)


@given(st.lists(articles(), min_size=2, max_size=4), OPTIONS, st.booleans())
@settings(max_examples=200, deadline=None)
def test_articles_do_not_matter_to_each_other(
    small_tokenizer: Tokenizer, some: list[LinkedArticle], options: ExampleOptions, exact: bool
) -> None:
    some = [replace(article, page_id=i) for i, article in enumerate(some)]
    options = replace(options, mluke_exact=exact)
    together = examples_of(some, small_tokenizer, entity_ids, options)
    alone = [examples_of(some, small_tokenizer, entity_ids, options, slice(i, i + 1)) for i in range(len(some))]
    assert together.examples == [example for made in alone for example in made.examples]
    for name in ("sentences", "mentions"):
        flow = Flow()
        for made in alone:
            flow.add(getattr(made, name))
        assert getattr(together, name) == flow


@given(articles())
@settings(max_examples=100, deadline=None)
def test_nothing_is_lost(xlmr: Tokenizer, article: LinkedArticle) -> None:
    batch = examples_of([article], xlmr, entity_ids, KEEP_ALL)
    check(article, batch, xlmr, KEEP_ALL)
    assert not set(batch.sentences.skipped) - {"no pieces"}
    spans = [s for e in batch.examples for s in zip(e.sentence_starts, e.sentence_ends, strict=True)]
    outside = [*zip([0, *(end for _, end in spans)], [*(start for start, _ in spans), len(article.text)], strict=True)]
    left_out = [article.text[start:end].strip() for start, end in outside]
    assert xlmr.encode(left_out) == [[]] * len(left_out)


def check(article: LinkedArticle, batch: Made, tokenizer: Tokenizer, options: ExampleOptions) -> None:
    """All that is promised of every example, but for those of `mluke_exact`."""
    assert batch.sentences.unaccounted == batch.mentions.unaccounted == 0
    assert batch.mentions.entered == len(article.links)
    spans = [span for e in batch.examples for span in zip(e.sentence_starts, e.sentence_ends, strict=True)]
    assert all(start < end for start, end in spans) and all(a[1] <= b[0] for a, b in pairwise(spans))
    assert [example.index for example in batch.examples] == list(range(len(batch.examples)))
    links = {(link.start, link.end): link for link in article.links}
    for example in batch.examples:
        assert example.token_ids[0] == 0 and example.token_ids[-1] == 2
        assert len(example.token_ids) <= options.max_tokens
        assert len(example.entity_ids) <= options.max_entities
        assert example.entity_ids or options.keep_without_entities
        pieces = tokenizer.pieces(example.token_ids)
        whole = "".join(tokenizer.normalize(text) for text in sentences(article, example))
        assert matches("".join(pieces[1:-1]), whole)
        mentions = list(zip(example.entity_starts, example.entity_ends, strict=True))
        assert all(1 <= start < end <= len(pieces) - 1 for start, end in mentions)
        assert all(end - start <= options.max_mention_tokens for start, end in mentions)
        assert all(a[1] <= b[0] for a, b in pairwise(mentions))
        chosen = chosen_links(example, links.values(), options)
        if len(chosen) == len(mentions):
            for (start, end), link in zip(mentions, chosen, strict=True):
                assert same_words(tokenizer, pieces[start:end], article.text[link.start : link.end])


def chosen_links(example: Example, links: Any, options: ExampleOptions) -> list[Mention]:
    known = [link for link in links if options.include_unknown_entities or (link.qid or 0) % 2]
    ranges = list(zip(example.sentence_starts, example.sentence_ends, strict=True))
    return [link for link in known if any(start <= link.start and link.end <= end for start, end in ranges)]


def same_words(tokenizer: Tokenizer, pieces: list[str], anchor: str) -> bool:
    """Whether a mention's pieces are the anchor's text; what normalisation joins over its ends may differ."""
    joined, alone = "".join(pieces).removeprefix("▁"), tokenizer.normalize(anchor).removeprefix("▁")
    return matches(joined, alone) or matches(joined[:-1], alone[:-1]) or matches(joined, alone[1:])


def matches(pieces: str, normalised: str) -> bool:
    """Whether pieces are the normalised text; <unk> stands for any characters."""
    return re.fullmatch(".+".join(map(re.escape, pieces.split("<unk>"))), normalised, re.DOTALL) is not None
