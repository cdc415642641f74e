"""Training examples of articles: their sentences packed to at most 512 tokens, with the entities linked to in them.

As mLUKE makes them (Ri, Yamada, Tsuruoka, 2022; luke/pretraining/dataset.py of studio-ousia/luke), but nothing is lost
on the way: a sentence goes on where a mention runs over its end, and one that is too long is cut and not dropped.
What is left out has a reason and is counted. `ExampleOptions.mluke_exact` makes them as the reference does.

Many articles are done at once, by columns; which ones are done together makes no difference to any of them.
"""

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from mlukit.corpus.entities.vocabulary import UNKNOWN_ID
from mlukit.corpus.examples.article_columns import NO_ITEM, ArticleColumns, Integers, Links, Spans
from mlukit.corpus.examples.encode_batch import EncodedSentences, Mentions, encode_batch, gather
from mlukit.corpus.examples.encode_sentence import Flows
from mlukit.corpus.examples.mluke_reference import ABBREVIATION_LANGUAGES, mluke_sentences
from mlukit.corpus.examples.options import SPECIAL_TOKENS, EntityIds, ExampleOptions
from mlukit.corpus.examples.sentences import SentenceSplitter
from mlukit.corpus.examples.tokenizer import BOS_ID, EOS_ID, Tokenizer
from mlukit.schemas.arrow import EXAMPLES
from mlukit.schemas.manifest import Flow


@dataclass(frozen=True, slots=True)
class ExampleBatch:
    """The examples of some articles, and where their sentences and links went."""

    examples: pa.RecordBatch  # of `schemas.arrow.EXAMPLES`
    sentences: Flow  # entered: as they were split, those of headings and the parts of long ones included
    mentions: Flow  # entered: the articles' links


def sentence_splitter(language: str, options: ExampleOptions) -> SentenceSplitter:
    """The splitter that `make_examples` takes for a language's articles."""
    if options.mluke_exact:
        return SentenceSplitter(language, abbreviations=language in ABBREVIATION_LANGUAGES, corrections=False)
    return SentenceSplitter(language)


def make_examples(
    articles: pa.RecordBatch,
    splitter: SentenceSplitter,
    tokenizer: Tokenizer,
    entity_ids: EntityIds,
    options: ExampleOptions,
) -> ExampleBatch:
    """Makes the examples of articles.

    Args:
        articles: of one language, with the columns of `schemas.arrow.ARTICLE_TEXTS` at least.
        splitter: see `sentence_splitter`.
        entity_ids: entity ids of QIDs, -1 for those that the vocabulary has not: `EntityVocabulary.ids_of`.
    """
    flows = Flows()
    columns = ArticleColumns.from_batch(articles)
    mentions = _choose_mentions(columns, entity_ids, options, flows)
    if options.mluke_exact:
        sentences = _mluke_sentences(articles, columns, mentions, splitter, tokenizer, options, flows)
    else:
        sentences = encode_batch(
            columns, _sentences(columns, splitter, options, flows), mentions, tokenizer, options, flows
        )
    sentences = _long_enough(sentences, options, flows)
    article = columns.articles_of(sentences.start)
    example = _pack(sentences.pieces, article, options.max_pieces)
    if not options.keep_without_entities:
        kept = np.isin(example, example[sentences.sentence])
        if left_out := int((~kept).sum()):
            flows.skip("in an example without entities", left_out)
        sentences, article, example = sentences.select(kept), article[kept], example[kept]
    flows.sentences.out = len(article)
    examples = _examples(articles, columns, sentences, article, example, options, flows)
    return ExampleBatch(examples, flows.sentences, flows.mentions)


def _choose_mentions(
    articles: ArticleColumns, entity_ids: EntityIds, options: ExampleOptions, flows: Flows
) -> Mentions:
    """The links that are to be mentions, so far as the text's pieces do not matter."""
    start, end, qid, over_feed = articles.links
    flows.mentions.entered = len(start)
    entities = np.where(qid == NO_ITEM, -1, entity_ids(qid)).astype(np.int64)
    kept = np.ones(len(start), np.bool_)
    reasons = [
        ("in a heading", articles.headings.contain(start) & (not options.include_headings)),
        ("over a paragraph's end", over_feed),
    ]
    if options.include_unknown_entities:
        entities[entities < 0] = UNKNOWN_ID
    else:
        reasons += [("no item", qid == NO_ITEM), ("not in the vocabulary", entities < 0)]
    for reason, holds in reasons:
        if left_out := int((kept & holds).sum()):
            flows.mentions.skipped[reason] += left_out
        kept &= ~holds
    return Mentions(start[kept], end[kept], entities[kept])


def _sentences(articles: ArticleColumns, splitter: SentenceSplitter, options: ExampleOptions, flows: Flows) -> Spans:
    split = articles.spans(map(splitter.spans, articles.texts))
    sentences = merge_sentences(split, articles.links)
    flows.sentences.entered = len(sentences.start)
    if options.include_headings:
        return sentences
    heading = articles.headings.contain(sentences.start)
    if left_out := int(heading.sum()):
        flows.skip("heading", left_out)
    return Spans(*(column[~heading] for column in sentences))


def merge_sentences(sentences: Spans, links: Links) -> Spans:
    """The sentences with those joined over whose border a link runs: "Dr. No" ends no sentence.

    Links over the border of a paragraph join nothing, others start in a sentence.
    """
    starts = sentences.start
    first, last = np.searchsorted(starts, links.start, "right"), np.searchsorted(starts, links.end)
    over = (first < last) & ~links.over_feed
    inside = np.zeros(len(starts), np.bool_)  # sentences that start within a link
    for begin, end in zip(first[over].tolist(), last[over].tolist(), strict=True):
        inside[begin:end] = True
    return Spans(starts[~inside], sentences.end[~np.append(inside, False)[1:]])


def _mluke_sentences(
    articles: pa.RecordBatch,
    columns: ArticleColumns,
    mentions: Mentions,
    splitter: SentenceSplitter,
    tokenizer: Tokenizer,
    options: ExampleOptions,
    flows: Flows,
) -> EncodedSentences:
    paragraphs = articles.column("paragraphs").to_pylist()
    borders = np.searchsorted(mentions.start, columns.bases).tolist()
    sentences = []
    for number, text in enumerate(columns.texts):
        base = int(columns.bases[number])
        spans = np.array([(p["start"], p["end"]) for p in paragraphs[number]], np.int64).reshape(-1, 2)
        heading = columns.headings.contain(spans[:, 0] + base) & (spans[:, 0] < spans[:, 1])
        heading &= not options.include_headings
        if left_out := int(heading.sum()):
            flows.sentences.entered += left_out
            flows.skip("heading", left_out)
        inside = mentions.rows(borders[number], borders[number + 1], base)
        kept = spans[~heading].tolist()
        sentences.append(mluke_sentences(text, kept, inside, splitter, tokenizer, options, flows))
    return EncodedSentences.from_sentences(columns, sentences)


def _long_enough(sentences: EncodedSentences, options: ExampleOptions, flows: Flows) -> EncodedSentences:
    least = max(1, options.min_sentence_pieces)
    empty, short = sentences.pieces == 0, sentences.pieces < least
    for reason, holds in (("no pieces", empty), (f"under {least} pieces", short & ~empty)):
        if left_out := int(holds.sum()):
            flows.skip(reason, left_out, int(holds[sentences.sentence].sum()))
    return sentences.select(~short)


def _pack(pieces: Integers, article: Integers, max_pieces: int) -> Integers:
    """The number of the example that each sentence goes into: an article's in turn, as many as fit."""
    ends = np.cumsum(pieces).tolist()
    last_of_article = np.searchsorted(article, article, "right").tolist()
    sentences: list[int] = []  # of each example
    first = 0
    while first < len(ends):
        before = ends[first - 1] if first else 0
        end = min(last_of_article[first], bisect_right(ends, before + max_pieces, first))
        sentences.append(end - first)
        first = end
    return np.repeat(np.arange(len(sentences)), sentences)


def _examples(
    articles: pa.RecordBatch,
    columns: ArticleColumns,
    sentences: EncodedSentences,
    article: Integers,
    example: Integers,
    options: ExampleOptions,
    flows: Flows,
) -> pa.RecordBatch:
    """Args:
    article, example: of each sentence; examples ascend.
    """
    first = np.flatnonzero(np.diff(example, prepend=-1))  # sentence of each example
    sentence_offsets = np.append(first, len(example))
    example = np.repeat(np.arange(len(first)), np.diff(sentence_offsets))
    of_article = article[first]
    tokens, token_offsets, places = _tokens(sentences, example, sentence_offsets)
    in_example = example[sentences.sentence]
    mention_offsets = np.searchsorted(in_example, np.arange(len(first) + 1))
    kept = np.arange(len(in_example)) - mention_offsets[in_example] < options.max_entities
    if beyond := int((~kept).sum()):
        flows.mentions.skipped[f"beyond {options.max_entities} entities"] += beyond
    flows.mentions.out = int(kept.sum())
    mention_offsets = np.append(0, np.cumsum(kept))[mention_offsets]
    at = places[sentences.sentence]
    base = columns.bases[article]
    lists = {
        "token_ids": (token_offsets, tokens),
        "entity_ids": (mention_offsets, sentences.entity_id[kept]),
        "entity_starts": (mention_offsets, (at + sentences.mention_start)[kept]),
        "entity_ends": (mention_offsets, (at + sentences.mention_end)[kept]),
        "sentence_starts": (sentence_offsets, sentences.start - base),
        "sentence_ends": (sentence_offsets, sentences.end - base),
    }
    index = np.arange(len(first)) - np.searchsorted(of_article, of_article)
    made = {name: articles.column(name).take(pa.array(of_article)) for name in ("language", "page_id", "split")}
    made |= {"index": pa.array(index, pa.int32())}
    made |= {name: _lists(name, *column) for name, column in lists.items()}
    return pa.RecordBatch.from_arrays([made[name] for name in EXAMPLES.names], schema=EXAMPLES)


def _tokens(
    sentences: EncodedSentences, example: Integers, sentence_offsets: Integers
) -> tuple[Integers, Integers, Integers]:
    """The ids of all examples, where each begins, and where each sentence begins in its example."""
    before = np.append(0, np.cumsum(sentences.pieces))[sentence_offsets]  # pieces of all examples before
    offsets = before + SPECIAL_TOKENS * np.arange(len(before))
    tokens = np.empty(offsets[-1], np.int32)
    words = np.ones(len(tokens), np.bool_)
    words[offsets[:-1]] = words[offsets[1:] - 1] = False
    tokens[offsets[:-1]], tokens[offsets[1:] - 1] = BOS_ID, EOS_ID
    tokens[words] = gather(sentences.ids, sentences.first, sentences.pieces)
    return tokens, offsets, np.cumsum(sentences.pieces) - sentences.pieces - before[example] + 1


def _lists(name: str, offsets: Integers, values: Integers) -> pa.ListArray:
    return pa.ListArray.from_arrays(
        pa.array(offsets, pa.int32()), pa.array(values, pa.int32()), type=EXAMPLES.field(name).type
    )
