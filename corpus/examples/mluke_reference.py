"""Sentences as mLUKE's own script makes them, its losses included, for those who want to repeat its training data.

The rules are those of studio-ousia/luke, luke/pretraining/dataset.py and tokenization.py and
luke/utils/sentence_splitter.py. Unlike ours:

- a paragraph is split by itself, with abbreviations in five languages only;
- a link that runs over a sentence's end is no mention;
- a sentence's first segment has a `▁` where a paragraph starts or a space stands before it, so a Japanese sentence in
  the middle of a paragraph has none; a mention at a sentence's start or right after another always has one;
- each segment is normalised by itself, and one without `▁` is encoded after a character that no vocabulary has, which
  is taken away again: with it goes an unknown character that follows;
- a sentence over the possible length is left out whole;
- of a long mention the first pieces stay.

Two things are not repeated: a mention that lost all its pieces, which has a place nowhere, is left out and counted;
and a special piece written out in the text ("<s>", "<mask>") stays text. benchmarks/examples.py compares the two.

`sentence_starts` and `sentence_ends` still say where a sentence lies; that its pieces join to SentencePiece's
normalised text of that range does not hold here.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mlukit.corpus.examples.encode_sentence import EntityMention, Flows, Sentence
from mlukit.corpus.examples.options import ExampleOptions
from mlukit.corpus.examples.sentences import SentenceSplitter, trimmed_spans
from mlukit.corpus.examples.tokenizer import Tokenizer

ABBREVIATION_LANGUAGES = frozenset({"en", "de", "es", "it", "pt"})
_UNKNOWN = "龘"
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class _Split:
    """A sentence in segments: its words and mentions in turn, each with whether a word starts there."""

    start: int  # in the article's text
    end: int
    segments: list[tuple[str, bool]]
    entity_ids: list[int]


def mluke_sentences(
    text: str,
    paragraphs: Iterable[tuple[int, int]],
    mentions: Sequence[EntityMention],
    splitter: SentenceSplitter,
    tokenizer: Tokenizer,
    options: ExampleOptions,
    flows: Flows,
) -> list[Sentence]:
    """The encoded sentences of some paragraphs; `mentions` lie in these and are ascending."""
    splits = list(_split(text, paragraphs, mentions, splitter, flows))
    flows.sentences.entered += len(splits)
    encoded = _encode([segment for split in splits for segment in split.segments], tokenizer)
    return [
        sentence
        for split in splits
        if (sentence := _joined(split, [next(encoded) for _ in split.segments], options, flows))
    ]


def _split(
    text: str,
    paragraphs: Iterable[tuple[int, int]],
    mentions: Sequence[EntityMention],
    splitter: SentenceSplitter,
    flows: Flows,
) -> Iterator[_Split]:
    number = 0
    for offset, paragraph_end in paragraphs:
        paragraph = text[offset:paragraph_end].rstrip()
        start = 0
        for end in splitter.breaks(_ASTRAL.sub(" ", paragraph)):
            inside = []
            while number < len(mentions) and mentions[number][0] < offset + end:
                if mentions[number][1] <= offset + end:
                    inside.append(mentions[number])
                else:
                    flows.mentions.skipped["over a sentence's end"] += 1
                number += 1
            links = [(first - offset, last - offset) for first, last, _ in inside]
            for bare_start, bare_end in trimmed_spans(paragraph, (start, end)):
                segments = _segments(paragraph, start, end, links)
                yield _Split(
                    offset + bare_start, offset + bare_end, segments, [entity_id for _, _, entity_id in inside]
                )
            start = end


def _segments(paragraph: str, start: int, end: int, links: Sequence[tuple[int, int]]) -> list[tuple[str, bool]]:
    segments = []
    for link_start, link_end in links:
        words = paragraph[start:link_start]
        segments.append((words, _follows_space(paragraph, start)))
        segments.append((paragraph[link_start:link_end], words.endswith(" ") or not words))
        start = link_end
    segments.append((paragraph[start:end], _follows_space(paragraph, start)))
    return segments


def _follows_space(paragraph: str, place: int) -> bool:
    return place == 0 or paragraph[place - 1] == " "


def _encode(segments: Sequence[tuple[str, bool]], tokenizer: Tokenizer) -> Iterator[list[int]]:
    texts, extra = [], []
    for segment, word_start in segments:
        text = _SPACES.sub(" ", segment).rstrip()
        inside_word = bool(text) and not word_start and not text.startswith(" ")
        texts.append(_UNKNOWN + text if inside_word else text)
        extra.append(2 if inside_word else 0)  # "▁" and the unknown character
    return (ids[skip:] for ids, skip in zip(tokenizer.encode(texts), extra, strict=True))


def _joined(split: _Split, segments: list[list[int]], options: ExampleOptions, flows: Flows) -> Sentence | None:
    ids: list[int] = []
    mentions = []
    for i, segment in enumerate(segments):
        if i % 2:
            end = len(ids) + min(len(segment), options.max_mention_tokens)
            mentions.append((len(ids), end, split.entity_ids[i // 2]))
        ids += segment
    if len(ids) > options.max_pieces:
        flows.skip(f"over {options.max_pieces} pieces", mentions=len(mentions))
        return None
    placed = [(start, end, entity_id) for start, end, entity_id in mentions if start < end]
    if empty := len(mentions) - len(placed):
        flows.mentions.skipped["no pieces"] += empty
    return Sentence(split.start, split.end, ids, placed)
