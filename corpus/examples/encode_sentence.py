"""Encodes the sentences of an article with their mentions, and cuts sentences that are too long for an example."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from mlukit.corpus.examples.options import ExampleOptions
from mlukit.corpus.examples.sentences import trimmed_spans
from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.schemas.manifest import Flow

EntityMention: TypeAlias = tuple[int, int, int]  # start, end: in the text or in pieces of a sentence; entity id

FILL = 0.9  # parts of a long sentence aim at this share of the limit, which leaves room to look for a word's start


class SentenceRange(NamedTuple):
    """A sentence before it is encoded, with the mentions in it."""

    start: int
    end: int
    mentions: list[EntityMention]


class Sentence(NamedTuple):
    """An encoded sentence, ready for an example."""

    start: int  # in the article's text
    end: int
    ids: list[int]
    mentions: list[EntityMention]  # in pieces, counted from the sentence's first


@dataclass(frozen=True, slots=True)
class Flows:
    """The flows of sentences and mentions: how many entered, came out and were left out, and why."""

    sentences: Flow = field(default_factory=Flow)
    mentions: Flow = field(default_factory=Flow)

    def skip(self, reason: str, sentences: int = 1, mentions: int = 0) -> None:
        """Counts sentences that are left out, and the mentions in them."""
        self.sentences.skipped[reason] += sentences
        if mentions:
            self.mentions.skipped[f"sentence left out: {reason}"] += mentions


def with_mentions(sentences: Sequence[tuple[int, int]], mentions: list[EntityMention]) -> list[SentenceRange]:
    """The sentences with the mentions that lie in them; both are ascending, and each mention lies in a sentence."""
    starts = [start for start, _, _ in mentions]
    borders = pairwise((0, *(bisect_left(starts, end) for _, end in sentences)))
    return [
        SentenceRange(start, end, mentions[first:last])
        for (start, end), (first, last) in zip(sentences, borders, strict=True)
    ]


def encode_sentences(
    text: str, ranges: Sequence[SentenceRange], tokenizer: Tokenizer, options: ExampleOptions, flows: Flows
) -> list[Sentence]:
    """Encodes ascending sentences. Mentions that are too long become plain text; long sentences are cut."""
    done: list[Sentence] = []
    while ranges:
        encoded = tokenizer.encode_segments([text[start:end] for start, end, _ in ranges], list(map(_cuts, ranges)))
        to_encode: list[SentenceRange] = []  # sentences that were changed, and must be encoded again
        for sentence, segments in zip(ranges, encoded, strict=True):
            if sentence.mentions and (unfit := _unfit_mentions(segments, options, flows)):
                kept = [mention for i, mention in enumerate(sentence.mentions) if i not in unfit]
                to_encode.append(sentence._replace(mentions=kept))
            elif len((joined := _joined(sentence, segments)).ids) <= options.max_pieces:
                done.append(joined)
            else:
                to_encode += _cut_or_skip(text, sentence, len(joined.ids), tokenizer, options, flows)
        ranges = to_encode
    done.sort()
    return done


def _cuts(sentence: SentenceRange) -> list[int]:
    """The starts and ends of mentions, counted from the start of the sentence."""
    origin, _, mentions = sentence
    return [place - origin for start, end, _ in mentions for place in (start, end)]


def _unfit_mentions(segments: Sequence[list[int]], options: ExampleOptions, flows: Flows) -> list[int]:
    """The numbers of mentions that have no pieces or too many; these mentions are counted as skipped."""
    unfit = [i for i, ids in enumerate(segments[1::2]) if not 0 < len(ids) <= options.max_mention_tokens]
    for i in unfit:
        too_long = bool(segments[2 * i + 1])
        flows.mentions.skipped[f"over {options.max_mention_tokens} pieces" if too_long else "no pieces"] += 1
    return unfit


def _cut_or_skip(
    text: str, sentence: SentenceRange, pieces: int, tokenizer: Tokenizer, options: ExampleOptions, flows: Flows
) -> list[SentenceRange]:
    """The parts of a sentence that is too long; an empty list, and a count, if the sentence cannot be cut."""
    parts = _cut(text, sentence, pieces, tokenizer, options)
    if len(parts) > 1:
        flows.sentences.entered += len(parts) - 1
        return parts
    flows.skip(f"over {options.max_pieces} pieces, nowhere to cut", mentions=len(sentence.mentions))
    return []


def _joined(sentence: SentenceRange, segments: list[list[int]]) -> Sentence:
    """The sentence with the ids of its segments: words, mention, words, …, words."""
    start, end, places = sentence
    if not places:
        return Sentence(start, end, segments[0], places)
    ids: list[int] = []
    mentions = []
    for (_, _, entity_id), words, anchor in zip(places, segments[::2], segments[1::2], strict=False):
        ids += words
        first = len(ids)
        ids += anchor
        mentions.append((first, len(ids), entity_id))
    ids += segments[-1]  # the words after the last mention
    return Sentence(start, end, ids, mentions)


def _cut(
    text: str, sentence: SentenceRange, pieces: int, tokenizer: Tokenizer, options: ExampleOptions
) -> list[SentenceRange]:
    """Cuts a sentence into parts of about equal length, so that no part is too short to keep."""
    start, end, mentions = sentence
    cuts = _cuts(sentence)
    borders = _outside_mentions(tokenizer.piece_borders(text[start:end], cuts), cuts)
    number = math.ceil(pieces / max(1, int(options.max_pieces * FILL)))
    places = sorted({start + place for place in _spread(borders, number)})
    return with_mentions(trimmed_spans(text, (start, *places, end)), mentions)


def _outside_mentions(borders: Sequence[tuple[int, bool]], cuts: Sequence[int]) -> list[tuple[int, bool]]:
    """The borders outside of mentions; `cuts` are the starts and ends of mentions."""
    outside = []
    for border in borders:
        before = bisect_right(cuts, border[0])
        if before % 2 == 0 or cuts[before - 1] == border[0]:
            outside.append(border)
    return outside


def _spread(borders: Sequence[tuple[int, bool]], number: int) -> Iterator[int]:
    """The places that cut a sentence into `number` about equal parts.

    Each place moves to the nearest start of a word, if there is one within a quarter of a part.

    Args:
        borders: the possible places, ascending, each with a flag whether a word starts there.
        number: the number of parts.
    """
    step = len(borders) / number
    reach = int(step / 4)
    for i in range(1, number if borders else 0):
        ideal = int(i * step)
        near = sorted(range(max(0, ideal - reach), min(len(borders), ideal + reach + 1)), key=lambda j: abs(j - ideal))
        yield borders[next((j for j in near if borders[j][1]), ideal)][0]
