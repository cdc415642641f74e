"""Encodes the sentences of many articles with their mentions, by columns.

Most sentences are encoded together: they are split into words by columns, and each distinct word is encoded once.
`encode_sentences` encodes the other sentences one by one: a sentence in which a cut changes the normalisation, a
sentence with a mention that is too long or empty, and a sentence that is too long for an example.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlukit.corpus.examples.article_columns import ArticleColumns, Flags, Integers, Spans
from mlukit.corpus.examples.encode_sentence import EntityMention, Flows, Sentence, SentenceRange, encode_sentences
from mlukit.corpus.examples.nfkc_boundaries import SPACE, is_safe_boundary
from mlukit.corpus.examples.options import ExampleOptions
from mlukit.corpus.examples.piece_cache import PieceCache, Pieces
from mlukit.corpus.examples.tokenizer import Tokenizer

_LIKELY = 64  # characters of a piece, at most: a longer sentence must be cut in any case, so it is not encoded here


class Mentions(NamedTuple):
    """Links that become mentions, in ascending order of their places."""

    start: Integers
    end: Integers
    entity_id: Integers

    def rows(self, first: int, last: int, base: int) -> list[EntityMention]:
        """The mentions with the numbers [first, last), with offsets counted from `base`."""
        chosen = slice(first, last)
        places = (self.start[chosen] - base).tolist(), (self.end[chosen] - base).tolist()
        return list(zip(*places, self.entity_id[chosen].tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class EncodedSentences:
    """Sentences in ascending order, and their mentions."""

    start: Integers
    end: Integers
    first: Integers  # index of each sentence's first piece in `ids`
    pieces: Integers  # number of pieces of each sentence
    ids: npt.NDArray[np.int32]
    sentence: Integers  # the number of each mention's sentence, ascending
    mention_start: Integers  # in pieces, counted from the sentence's first
    mention_end: Integers
    entity_id: Integers

    @classmethod
    def from_sentences(cls, articles: ArticleColumns, sentences: Sequence[Sequence[Sentence]]) -> Self:
        """Makes columns from the encoded sentences of each article."""
        rows = list(chain.from_iterable(sentences))
        spans = articles.spans([[(start, end) for start, end, _, _ in encoded] for encoded in sentences])
        pieces = _integers(len(row.ids) for row in rows)
        mentions = _integers(chain.from_iterable(chain.from_iterable(row.mentions for row in rows))).reshape(-1, 3)
        return cls(
            start=spans.start,
            end=spans.end,
            first=np.cumsum(pieces) - pieces,
            pieces=pieces,
            ids=np.fromiter(chain.from_iterable(row.ids for row in rows), np.int32),
            sentence=np.repeat(np.arange(len(rows)), [len(row.mentions) for row in rows]),
            mention_start=mentions[:, 0],
            mention_end=mentions[:, 1],
            entity_id=mentions[:, 2],
        )

    def select(self, kept: Flags) -> Self:
        """The sentences for which `kept` is true, with their mentions; `ids` stays as it is."""
        kept_mentions = kept[self.sentence]
        return type(self)(
            start=self.start[kept],
            end=self.end[kept],
            first=self.first[kept],
            pieces=self.pieces[kept],
            ids=self.ids,
            sentence=(np.cumsum(kept) - 1)[self.sentence[kept_mentions]],
            mention_start=self.mention_start[kept_mentions],
            mention_end=self.mention_end[kept_mentions],
            entity_id=self.entity_id[kept_mentions],
        )

    def merge(self, other: Self) -> Self:
        """These sentences and the other sentences together, in the order of their places."""
        if not len(other.start):
            return self
        order = np.argsort(np.append(self.start, other.start), kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        sentence = place[np.append(self.sentence, other.sentence + len(self.start))]
        by_sentence = np.argsort(sentence, kind="stable")
        return type(self)(
            start=np.append(self.start, other.start)[order],
            end=np.append(self.end, other.end)[order],
            first=np.append(self.first, other.first + len(self.ids))[order],
            pieces=np.append(self.pieces, other.pieces)[order],
            ids=np.append(self.ids, other.ids),
            sentence=sentence[by_sentence],
            mention_start=np.append(self.mention_start, other.mention_start)[by_sentence],
            mention_end=np.append(self.mention_end, other.mention_end)[by_sentence],
            entity_id=np.append(self.entity_id, other.entity_id)[by_sentence],
        )


def encode_batch(
    articles: ArticleColumns,
    sentences: Spans,
    mentions: Mentions,
    tokenizer: Tokenizer,
    options: ExampleOptions,
    flows: Flows,
) -> EncodedSentences:
    """Encodes sentences, with the same result as `encode_sentences`.

    Args:
        articles: the articles.
        sentences: the sentences of the articles.
        mentions: the mentions; each starts in a sentence.
        tokenizer: encodes words.
        options: limits of sentences and mentions.
        flows: counts what is left out.
    """
    of_mention = np.searchsorted(sentences.end, mentions.start, "right")
    together = sentences.end - sentences.start <= _LIKELY * options.max_pieces
    together &= tokenizer.words is not None
    together[of_mention[~_cut_cleanly(articles, sentences, mentions, of_mention)]] = False
    chosen, chosen_mentions = np.flatnonzero(together), together[of_mention]
    encoded = _encode_together(
        articles,
        Spans(*(column[together] for column in sentences)),
        Mentions(*(column[chosen_mentions] for column in mentions)),
        (np.cumsum(together) - 1)[of_mention[chosen_mentions]],
        tokenizer.words,
    )
    number = encoded.mention_end - encoded.mention_start
    fits = encoded.pieces <= options.max_pieces
    fits[encoded.sentence[(number < 1) | (number > options.max_mention_tokens)]] = False
    together[chosen[~fits]] = False
    alone = _alone(articles, sentences, mentions, of_mention, ~together)
    by_article = [
        encode_sentences(text, ranges, tokenizer, options, flows) if ranges else []
        for text, ranges in zip(articles.texts, alone, strict=True)
    ]
    return encoded.select(fits).merge(EncodedSentences.from_sentences(articles, by_article))


def _cut_cleanly(articles: ArticleColumns, sentences: Spans, mentions: Mentions, of_mention: Integers) -> Flags:
    """Whether each mention can be cut out of its sentence without a change to the text around it.

    Such a mention lies in its sentence, does not overlap the mention before it, and has safe boundaries.

    Args:
        articles: the articles.
        sentences: the sentences of the articles.
        mentions: the mentions.
        of_mention: the number of each mention's sentence.
    """
    start, end = sentences.start[of_mention], sentences.end[of_mention]
    clean = (mentions.start >= start) & (mentions.end <= end) & (mentions.start < mentions.end)
    clean[1:] &= mentions.start[1:] >= mentions.end[:-1]
    for places, border in ((mentions.start, start), (mentions.end, end)):
        inner = np.flatnonzero(clean & (places != border))
        clean[inner] = is_safe_boundary(articles.data, articles.bytes_before(places[inner]))
    return clean


def _encode_together(
    articles: ArticleColumns, sentences: Spans, mentions: Mentions, of_mention: Integers, words: PieceCache | None
) -> EncodedSentences:
    """Encodes sentences by columns; `of_mention` is the number of each mention's sentence."""
    if words is None or not len(sentences.start):
        return EncodedSentences.from_sentences(articles, [[] for _ in articles.texts])
    start, end, cut, cut_end = map(articles.bytes_before, (*sentences, mentions.start, mentions.end))
    begins, pieces = _encode_words(articles.data, Spans(start, end), np.concatenate((cut, cut_end)), words)
    until = np.cumsum(pieces.number, dtype=np.int64)  # number of pieces up to each word's end
    ids = gather(pieces.ids, pieces.first, pieces.number)
    pieces_before = np.append(0, until)
    first, last, of_cut, of_cut_end = (
        pieces_before[np.searchsorted(begins, places)] for places in (start, end, cut, cut_end)
    )
    return EncodedSentences(
        *sentences,
        first,
        last - first,
        ids,
        of_mention,
        of_cut - first[of_mention],
        of_cut_end - first[of_mention],
        mentions.entity_id,
    )


def _encode_words(
    data: npt.NDArray[np.uint8], sentences: Spans, cuts: Integers, words: PieceCache
) -> tuple[Integers, Pieces]:
    """Splits sentences into words, and encodes the words.

    Args:
        data: the texts in UTF-8.
        sentences: the byte offsets of sentences in `data`.
        cuts: the byte offsets at which mentions start or end; a cut inside a word makes two words of it.
        words: encodes words.

    Returns:
        The byte offset at which each word begins, and the pieces of each word.
    """
    depth = np.zeros(len(data) + 1, np.int8)
    depth[sentences.start] = 1
    depth[sentences.end] -= 1
    text = np.cumsum(depth[:-1], dtype=np.int8).astype(np.bool_) & (data != SPACE)
    border = np.zeros(len(data) + 1, np.bool_)
    border[sentences.start] = True
    goes_on = text.copy()  # whether the byte belongs to the same word as the byte before
    goes_on[1:] &= text[:-1]
    goes_on[:1] = False
    goes_on &= ~border[:-1]
    border[cuts] = True
    begins = np.flatnonzero(text & (border[:-1] | ~goes_on))
    letters = np.cumsum(text, dtype=np.int32)
    offsets = np.append(letters[begins] - 1, letters[-1:]).astype(np.int32)
    written = pa.StringArray.from_buffers(len(begins), pa.py_buffer(offsets), pa.py_buffer(data[text]))
    return begins, _look_up(written, goes_on[begins], words)


def _look_up(written: pa.StringArray, goes_on: Flags, words: PieceCache) -> Pieces:
    """The pieces of words.

    Args:
        written: the words.
        goes_on: whether each word continues a word that was cut; in the cache, a space is put before such a word.
        words: the cache.
    """
    numbered = written.dictionary_encode()
    different = numbered.dictionary.to_pylist()
    key = numbered.indices.to_numpy() + goes_on * np.int32(len(different))
    used = np.zeros(2 * len(different), np.bool_)
    used[key] = True
    names = different + [" " + word for word in different] if goes_on.any() else different
    found = words.look_up([names[i] for i in np.flatnonzero(used).tolist()])
    rows = (np.cumsum(used) - 1)[key]
    return Pieces(found.ids, found.first[rows], found.number[rows])


def gather(values: npt.NDArray[np.int32], first: npt.NDArray[Any], number: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """The values in the ranges [first, first + number), one range after the other."""
    ends = np.cumsum(number, dtype=np.int64)
    total = int(ends[-1]) if len(ends) else 0
    return values[np.repeat(first - (ends - number), number) + np.arange(total)]


def _alone(
    articles: ArticleColumns, sentences: Spans, mentions: Mentions, of_mention: Integers, chosen: Flags
) -> list[list[SentenceRange]]:
    """The chosen sentences of each article with their mentions, with offsets into the article's text."""
    ranges: list[list[SentenceRange]] = [[] for _ in articles.texts]
    rows = np.flatnonzero(chosen)
    article = articles.articles_of(sentences.start[rows])
    base = articles.bases[article]
    first, last = np.searchsorted(of_mention, rows), np.searchsorted(of_mention, rows, "right")
    columns = (article, base, sentences.start[rows] - base, sentences.end[rows] - base, first, last)
    for number, origin, start, end, from_mention, to_mention in zip(*(c.tolist() for c in columns), strict=True):
        ranges[number].append(SentenceRange(start, end, mentions.rows(from_mention, to_mention, origin)))
    return ranges


def _integers(values: Iterable[int]) -> Integers:
    return np.fromiter(values, np.int64)
