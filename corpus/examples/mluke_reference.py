"""Makes sentences as mLUKE's own script does, with its losses, to reproduce mLUKE's training data.

The rules come from studio-ousia/luke: luke/pretraining/dataset.py and tokenization.py, luke/utils/sentence_splitter.py.
The differences from `encode_sentences` are:

- each paragraph is split separately, with abbreviations in five languages only;
- a link that runs over a sentence's end is not a mention;
- a sentence's first segment has a `▁` if it starts a paragraph or follows a space, so a Japanese sentence in the
  middle of a paragraph has no `▁`; a mention at a sentence's start or right after another mention always has a `▁`;
- each segment is normalised separately; a segment without `▁` is encoded after a character that no vocabulary has;
  the piece of this character is then removed, together with an unknown character that follows it;
- a sentence that is too long is left out as a whole;
- of a mention that is too long the first pieces stay.

Two details of the script are not reproduced: a mention that lost all its pieces, and so has no position, is left out
and counted; and a special piece that is written in the text ("<s>", "<mask>") stays text. benchmarks/examples.py
compares the script with this module.

`sentence_starts` and `sentence_ends` are still the offsets of a sentence, but the joined pieces may differ from
SentencePiece's normalised text of that range.
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
    """A sentence in segments: words and mentions in turn, each with a flag whether a word starts there."""

    start: int  # in the article's text
    end: int
    segments: list[tuple[str, bool]]
    entity_ids: list[int]


@dataclass(frozen=True, slots=True)
class MlukeEncoder:
    """Splits and encodes articles as mLUKE's script does."""

    splitter: SentenceSplitter
    tokenizer: Tokenizer
    options: ExampleOptions
    flows: Flows  # counts what is left out

    def encode(
        self, text: str, paragraphs: Iterable[tuple[int, int]], mentions: Sequence[EntityMention]
    ) -> list[Sentence]:
        """The encoded sentences of some paragraphs of a text.

        Args:
            text: an article.
            paragraphs: (start, end) of paragraphs, ascending.
            mentions: in the paragraphs, ascending.
        """
        splits = list(self._split(text, paragraphs, mentions))
        self.flows.sentences.entered += len(splits)
        encoded = _encode([segment for split in splits for segment in split.segments], self.tokenizer)
        return [
            sentence for split in splits if (sentence := self._joined(split, [next(encoded) for _ in split.segments]))
        ]

    def _split(
        self, text: str, paragraphs: Iterable[tuple[int, int]], mentions: Sequence[EntityMention]
    ) -> Iterator[_Split]:
        """The sentences of the paragraphs, each with the mentions that lie in it."""
        number = 0  # of the next mention
        for offset, paragraph_end in paragraphs:
            paragraph = text[offset:paragraph_end].rstrip()
            start = 0
            for end in self.splitter.breaks(_ASTRAL.sub(" ", paragraph)):
                inside = []
                while number < len(mentions) and mentions[number][0] < offset + end:
                    if mentions[number][1] <= offset + end:
                        inside.append(mentions[number])
                    else:
                        self.flows.mentions.skipped["over a sentence's end"] += 1
                    number += 1
                links = [(first - offset, last - offset) for first, last, _ in inside]
                for bare_start, bare_end in trimmed_spans(paragraph, (start, end)):
                    segments = _segments(paragraph, start, end, links)
                    yield _Split(
                        offset + bare_start, offset + bare_end, segments, [entity_id for _, _, entity_id in inside]
                    )
                start = end

    def _joined(self, split: _Split, segments: list[list[int]]) -> Sentence | None:
        """The sentence with the ids of its segments; None, and a count, for a sentence that is too long."""
        ids: list[int] = []
        mentions = []
        for i, segment in enumerate(segments):
            if i % 2:
                end = len(ids) + min(len(segment), self.options.max_mention_tokens)
                mentions.append((len(ids), end, split.entity_ids[i // 2]))
            ids += segment
        if len(ids) > self.options.max_pieces:
            self.flows.skip(f"over {self.options.max_pieces} pieces", mentions=len(mentions))
            return None
        placed = [(start, end, entity_id) for start, end, entity_id in mentions if start < end]
        if empty := len(mentions) - len(placed):
            self.flows.mentions.skipped["no pieces"] += empty
        return Sentence(split.start, split.end, ids, placed)


def _segments(paragraph: str, start: int, end: int, links: Sequence[tuple[int, int]]) -> list[tuple[str, bool]]:
    """The segments of the sentence from `start` to `end`: `_Split.segments`."""
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
    """The ids of each segment, given as (text, whether a word starts there)."""
    texts, extra = [], []
    for segment, word_start in segments:
        text = _SPACES.sub(" ", segment).rstrip()
        inside_word = bool(text) and not word_start and not text.startswith(" ")
        texts.append(_UNKNOWN + text if inside_word else text)
        extra.append(2 if inside_word else 0)  # "▁" and the unknown character
    return (ids[skip:] for ids, skip in zip(tokenizer.encode(texts), extra, strict=True))
