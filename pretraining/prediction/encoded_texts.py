"""Texts with mentions as the model takes them: pieces, the entities after them, and batches without padding."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.pretraining.config import ModelConfig
from mlukit.pretraining.data.batch import Batch
from mlukit.pretraining.prediction.text_errors import TextError, check_text, shown

MASK_ENTITY = "[MASK]"


class Mention(NamedTuple):
    """A mention in a text.

    Attributes:
        start: its first code point.
        end: the code point after its last one.
        entity: the entity's name: a QID ("Q64"), a title with its language ("de:Berlin"), or "[MASK]", which lets the
            model say from the context which entity it is.
    """

    start: int
    end: int
    entity: str = MASK_ENTITY


@dataclass(frozen=True, slots=True)
class EncodedText:
    """A text in ids.

    Attributes:
        token_ids: with <s> and </s>.
        spans: the tokens of each mention, end exclusive.
        entity_ids: of each mention.
        kept: the numbers of the mentions that `spans` and `entity_ids` have; all of them, unless the text was cut.
        cut: whether the text lost its end.
    """

    token_ids: list[int]
    spans: list[tuple[int, int]]
    entity_ids: list[int]
    kept: list[int]
    cut: bool

    def __len__(self) -> int:
        """Places in the stream."""
        return len(self.token_ids) + len(self.entity_ids)


def most_tokens(config: ModelConfig) -> int:
    """Tokens that the model takes at once, <s> and </s> included."""
    return config.max_positions - config.pad_id - 1


def encode_texts(
    texts: Sequence[str],
    mentions: Sequence[Sequence[Mention]],
    entity_ids: Sequence[Sequence[int]],
    tokenizer: Tokenizer,
    config: ModelConfig,
    *,
    cut: bool = False,
) -> list[EncodedText]:
    """Encodes texts, which are cut into pieces at the borders of their mentions as training examples are.

    Args:
        texts: the texts.
        mentions: of each text; they may overlap.
        entity_ids: of each mention of each text.
        tokenizer: of the model.
        config: of the model.
        cut: whether a longer text than the model takes loses its end, with the mentions in it.

    Raises:
        TextError: a text is not valid Unicode, or is too long and is not to be cut; or a mention is not in its text or
            has no word.
    """
    for text in texts:
        check_text(text)
    borders = [_borders(text, of_text) for text, of_text in zip(texts, mentions, strict=True)]
    segments = tokenizer.encode_segments(texts, borders)
    return [
        _encoded(text, of_text, ids, dict(_places(cuts, parts)), parts, config, cut=cut)
        for text, of_text, ids, cuts, parts in zip(texts, mentions, entity_ids, borders, segments, strict=True)
    ]


def _borders(text: str, mentions: Sequence[Mention]) -> list[int]:
    """The offsets at which mentions begin and end, ascending."""
    for start, end, _ in mentions:
        if not 0 <= start < end <= len(text):
            raise TextError(
                f"{shown(text)} has no mention from {start} to {end}: it has the code points 0 to {len(text)}, and a "
                "mention ends after its start"
            )
    return sorted({offset for start, end, _ in mentions for offset in (start, end)})


def _places(cuts: Sequence[int], segments: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """Each offset, and the token that begins there; <s> is token 0."""
    _, *starts = accumulate(map(len, segments[:-1]), initial=1)
    return list(zip(cuts, starts, strict=True))


def _encoded(
    text: str,
    mentions: Sequence[Mention],
    entity_ids: Sequence[int],
    place_of: dict[int, int],
    segments: Sequence[Sequence[int]],
    config: ModelConfig,
    *,
    cut: bool,
) -> EncodedText:
    tokens = [token for segment in segments for token in segment]
    if len(tokens) > (room := most_tokens(config) - 2) and not cut:
        raise TextError(f"{shown(text)} has {len(tokens) + 2:,} tokens; the model takes {room + 2:,}")
    spans = [(place_of[start], place_of[end]) for start, end, _ in mentions]
    for (first, end), mention in zip(spans, mentions, strict=True):
        if first == end:
            raise TextError(
                f"{shown(text)}: the mention {text[mention.start : mention.end]!r} at {mention.start} has no words"
            )
    kept = [number for number, (_, end) in enumerate(spans) if end <= room + 1]
    return EncodedText(
        [config.bos_id, *tokens[:room], config.eos_id],
        [spans[number] for number in kept],
        [entity_ids[number] for number in kept],
        kept,
        len(tokens) > room,
    )


def batch_of(texts: Sequence[EncodedText], config: ModelConfig) -> Batch:
    """A batch of some texts, without unused places and without places to predict.

    Args:
        texts: at least one.
        config: of the model.
    """
    words = np.array([len(text.token_ids) for text in texts])
    entities = np.array([len(text.entity_ids) for text in texts])
    starts = np.concatenate([[0], np.cumsum(words + entities)])
    word_slots = np.concatenate([np.arange(n) + start for n, start in zip(words, starts, strict=False)])
    places = [place for text in texts for start, end in text.spans for place in range(start, end)]
    lengths = [end - start for text in texts for start, end in text.spans]
    is_word = np.zeros(starts[-1], np.bool_)
    is_word[word_slots] = True
    nothing = torch.empty(0, dtype=torch.int64)
    return Batch(
        token_ids_W=torch.tensor([token for text in texts for token in text.token_ids]),
        token_positions_W=torch.from_numpy(np.concatenate([np.arange(n) for n in words]) + config.pad_id + 1),
        entity_ids_E=torch.tensor([entity for text in texts for entity in text.entity_ids], dtype=torch.int64),
        mention_positions_M=torch.tensor(places, dtype=torch.int64),
        mention_entities_M=torch.from_numpy(np.repeat(np.arange(len(lengths)), lengths)),
        word_slots_W=torch.from_numpy(word_slots),
        entity_slots_E=torch.from_numpy(np.flatnonzero(~is_word)),
        sequence_starts_S1=torch.from_numpy(starts.astype(np.int32)),
        masked_words_PW=nothing,
        word_labels_PW=nothing,
        masked_entities_PE=nothing,
        entity_labels_PE=nothing,
        longest=int((words + entities).max()),
        examples=len(texts),
        words=int(words.sum()),
        entities=int(entities.sum()),
        word_targets=0,
        entity_targets=0,
    )


def split_states(stream_NH: Tensor, texts: Sequence[EncodedText]) -> list[tuple[Tensor, Tensor]]:
    """The states of a batch's stream by text: words, T x H, and entities, E x H."""
    starts = accumulate((len(text) for text in texts), initial=0)
    return [
        (stream_NH[start : start + len(text.token_ids)], stream_NH[start + len(text.token_ids) : end])
        for text, (start, end) in zip(texts, pairwise(starts), strict=True)
    ]
