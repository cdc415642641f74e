"""Makes training examples from articles: packs sentences into at most 512 tokens, with the entities of their links.

The method is mLUKE's (Ri, Yamada, Tsuruoka, 2022; luke/pretraining/dataset.py of studio-ousia/luke), with fewer losses:
a sentence is joined to the next one if a mention runs over its end, and a sentence that is too long is cut, not
dropped. Everything that is left out is counted with a reason. `ExampleOptions.mluke_exact` follows the reference.

Many articles are processed together, by columns; the result for an article does not depend on the others.
"""

from bisect import bisect_right
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import pyarrow as pa

from mlukit.corpus.entities.vocabulary import UNKNOWN_ID
from mlukit.corpus.examples.article_columns import NO_ITEM, ArticleColumns, Flags, Integers, Links, Spans
from mlukit.corpus.examples.encode_batch import EncodedSentences, Mentions, encode_batch, gather
from mlukit.corpus.examples.encode_sentence import Flows
from mlukit.corpus.examples.mluke_reference import ABBREVIATION_LANGUAGES, MlukeEncoder
from mlukit.corpus.examples.options import SPECIAL_TOKENS, EntityIds, ExampleOptions
from mlukit.corpus.examples.sentences import SentenceSplitter
from mlukit.corpus.examples.tokenizer import BOS_ID, EOS_ID, Tokenizer
from mlukit.schemas.arrow import EXAMPLES
from mlukit.schemas.manifest import Flow


@dataclass(frozen=True, slots=True)
class ExampleBatch:
    """The examples of some articles, and the flows of sentences and links."""

    examples: pa.RecordBatch  # of `schemas.arrow.EXAMPLES`
    sentences: Flow  # entered: all sentences of the split, headings and the parts of long sentences included
    mentions: Flow  # entered: the articles' links


class PackedSentences(NamedTuple):
    """Encoded sentences with the article and the example of each."""

    sentences: EncodedSentences
    article: Integers  # the number of each sentence's article, ascending
    example: Integers  # the number of each sentence's example, ascending; numbers may be missing

    def select(self, kept: Flags) -> Self:
        """The sentences for which `kept` is true."""
        return type(self)(self.sentences.select(kept), self.article[kept], self.example[kept])


def sentence_splitter(language: str, options: ExampleOptions) -> SentenceSplitter:
    """The splitter that `make_examples` needs for a language's articles."""
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
        articles: articles of one language, with at least the columns of `schemas.arrow.ARTICLE_TEXTS`.
        splitter: see `sentence_splitter`.
        tokenizer: encodes words.
        entity_ids: QIDs -> entity ids, -1 for QIDs that are not in the vocabulary: `EntityVocabulary.ids_of`.
        options: limits and choices.
    """
    flows = Flows()
    columns = ArticleColumns.from_batch(articles)
    mentions = _choose_mentions(columns, entity_ids, options, flows)
    if options.mluke_exact:
        encoder = MlukeEncoder(splitter, tokenizer, options, flows)
        sentences = _mluke_sentences(articles, columns, mentions, encoder)
    else:
        sentences = encode_batch(
            columns, _sentences(columns, splitter, options, flows), mentions, tokenizer, options, flows
        )
    sentences = _long_enough(sentences, options, flows)
    article = columns.articles_of(sentences.start)
    packed = PackedSentences(sentences, article, _pack(sentences.pieces, article, options.max_pieces))
    if not options.keep_without_entities:
        kept = np.isin(packed.example, packed.example[sentences.sentence])
        if left_out := int((~kept).sum()):
            flows.skip("in an example without entities", left_out)
        packed = packed.select(kept)
    flows.sentences.out = len(packed.article)
    examples = _examples(articles, columns, packed, options, flows)
    return ExampleBatch(examples, flows.sentences, flows.mentions)


def _choose_mentions(
    articles: ArticleColumns, entity_ids: EntityIds, options: ExampleOptions, flows: Flows
) -> Mentions:
    """The links that become mentions; the other links are counted by reason.

    Limits that depend on pieces are checked later.
    """
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
    """The sentences of articles, without headings unless the options include them."""
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
    """Joins two sentences if a link runs over their border: no sentence ends within the link "Dr. No".

    Links over the border of a paragraph do not join sentences; all other links start in a sentence.
    """
    starts = sentences.start
    first, last = np.searchsorted(starts, links.start, "right"), np.searchsorted(starts, links.end)
    joining = (first < last) & ~links.over_feed
    inside = np.zeros(len(starts), np.bool_)  # sentences that start in a link
    for begin, end in zip(first[joining].tolist(), last[joining].tolist(), strict=True):
        inside[begin:end] = True
    return Spans(starts[~inside], sentences.end[~np.append(inside, False)[1:]])


def _mluke_sentences(
    articles: pa.RecordBatch, columns: ArticleColumns, mentions: Mentions, encoder: MlukeEncoder
) -> EncodedSentences:
    """The sentences of articles as mLUKE's script makes them, without headings unless the options include them."""
    paragraphs = articles.column("paragraphs").to_pylist()
    borders = np.searchsorted(mentions.start, columns.bases).tolist()
    sentences = []
    for number, text in enumerate(columns.texts):
        base = int(columns.bases[number])
        spans = np.array([(p["start"], p["end"]) for p in paragraphs[number]], np.int64).reshape(-1, 2)
        heading = columns.headings.contain(spans[:, 0] + base) & (spans[:, 0] < spans[:, 1])
        heading &= not encoder.options.include_headings
        if left_out := int(heading.sum()):
            encoder.flows.sentences.entered += left_out
            encoder.flows.skip("heading", left_out)
        inside = mentions.rows(borders[number], borders[number + 1], base)
        kept = spans[~heading].tolist()
        sentences.append(encoder.encode(text, kept, inside))
    return EncodedSentences.from_sentences(columns, sentences)


def _long_enough(sentences: EncodedSentences, options: ExampleOptions, flows: Flows) -> EncodedSentences:
    """The sentences that are long enough; the other sentences are counted."""
    least = max(1, options.min_sentence_pieces)
    empty, short = sentences.pieces == 0, sentences.pieces < least
    for reason, holds in (("no pieces", empty), (f"under {least} pieces", short & ~empty)):
        if left_out := int(holds.sum()):
            flows.skip(reason, left_out, int(holds[sentences.sentence].sum()))
    return sentences.select(~short)


def _pack(pieces: Integers, article: Integers, max_pieces: int) -> Integers:
    """The number of each sentence's example; an example takes the next sentences of an article until it is full.

    Args:
        pieces: the number of pieces of each sentence.
        article: the number of each sentence's article, ascending.
        max_pieces: the limit of an example.
    """
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
    articles: pa.RecordBatch, columns: ArticleColumns, packed: PackedSentences, options: ExampleOptions, flows: Flows
) -> pa.RecordBatch:
    """A row of `schemas.arrow.EXAMPLES` for each example; mentions beyond the limit are counted and left out.

    Args:
        articles: the batch; examples take language, page and split from it.
        columns: the columns of the same articles.
        packed: the sentences of the articles.
        options: limits.
        flows: counts mentions.
    """
    sentences, article, example = packed
    first = np.flatnonzero(np.diff(example, prepend=-1))  # the first sentence of each example
    sentence_offsets = np.append(first, len(example))
    example = np.repeat(np.arange(len(first)), np.diff(sentence_offsets))  # numbers without gaps
    example_article = article[first]
    tokens, token_offsets, sentence_tokens = _tokens(sentences, example, sentence_offsets)
    kept, mention_offsets = _limit_mentions(example[sentences.sentence], len(first), options, flows)
    mention_base, text_base = sentence_tokens[sentences.sentence], columns.bases[article]
    lists = {
        "token_ids": (token_offsets, tokens),
        "entity_ids": (mention_offsets, sentences.entity_id[kept]),
        "entity_starts": (mention_offsets, (mention_base + sentences.mention_start)[kept]),
        "entity_ends": (mention_offsets, (mention_base + sentences.mention_end)[kept]),
        "sentence_starts": (sentence_offsets, sentences.start - text_base),
        "sentence_ends": (sentence_offsets, sentences.end - text_base),
    }
    index = np.arange(len(first)) - np.searchsorted(example_article, example_article)
    made = {name: articles.column(name).take(pa.array(example_article)) for name in ("language", "page_id", "split")}
    made |= {"index": pa.array(index, pa.int32())}
    made |= {name: _lists(name, *column) for name, column in lists.items()}
    return pa.RecordBatch.from_arrays([made[name] for name in EXAMPLES.names], schema=EXAMPLES)


def _limit_mentions(example: Integers, examples: int, options: ExampleOptions, flows: Flows) -> tuple[Flags, Integers]:
    """Keeps the first mentions of each example, up to the limit.

    Args:
        example: the number of each mention's example, ascending.
        examples: the number of examples.
        options: the limit.
        flows: counts the mentions.

    Returns:
        Whether each mention is kept, and the index of each example's first kept mention among the kept mentions.
    """
    offsets = np.searchsorted(example, np.arange(examples + 1))
    kept = np.arange(len(example)) - offsets[example] < options.max_entities
    if left_out := int((~kept).sum()):
        flows.mentions.skipped[f"beyond {options.max_entities} entities"] += left_out
    flows.mentions.out = int(kept.sum())
    return kept, np.append(0, np.cumsum(kept))[offsets]


def _tokens(
    sentences: EncodedSentences, example: Integers, sentence_offsets: Integers
) -> tuple[Integers, Integers, Integers]:
    """The token ids of all examples, <s> and </s> included.

    Args:
        sentences: the sentences of all examples, in order.
        example: the number of each sentence's example.
        sentence_offsets: the number of each example's first sentence, and the number of sentences.

    Returns:
        The ids; the offset of each example in the ids, and their number; the offset of each sentence in its example.
    """
    pieces_before = np.append(0, np.cumsum(sentences.pieces))[sentence_offsets]  # pieces of all earlier examples
    offsets = pieces_before + SPECIAL_TOKENS * np.arange(len(pieces_before))
    tokens = np.empty(offsets[-1], np.int32)
    words = np.ones(len(tokens), np.bool_)
    words[offsets[:-1]] = words[offsets[1:] - 1] = False
    tokens[offsets[:-1]], tokens[offsets[1:] - 1] = BOS_ID, EOS_ID
    tokens[words] = gather(sentences.ids, sentences.first, sentences.pieces)
    return tokens, offsets, np.cumsum(sentences.pieces) - sentences.pieces - pieces_before[example] + 1


def _lists(name: str, offsets: Integers, values: Integers) -> pa.ListArray:
    """The column `name` of EXAMPLES, from the offsets of its lists and their values."""
    return pa.ListArray.from_arrays(
        pa.array(offsets, pa.int32()), pa.array(values, pa.int32()), type=EXAMPLES.field(name).type
    )
