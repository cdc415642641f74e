"""A model that is ready for use, with its tokenizer and its entities: of a run, or of a folder of transformers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.pretraining.model.model import PretrainingModel
from mlukit.pretraining.prediction.encoded_texts import (
    EncodedText,
    Mention,
    batch_of,
    encode_texts,
    split_states,
)
from mlukit.pretraining.prediction.entity_ids import EntityIds
from mlukit.pretraining.prediction.text_errors import TextError

BATCH_TOKENS = 8_192  # places of a batch, at most, unless one text has more


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """The states of a text in the last layer. T are its tokens, E its mentions, H the hidden size.

    Attributes:
        pieces: the tokens, <s> and </s> included.
        sentence: the state of <s>, H.
        words: the states of the tokens, T x H.
        entities: the states of the mentions' entities, E x H.
        mentions: the numbers of the mentions that `entities` has rows for: all of them, unless the text was cut.
        unknown: the numbers of the mentions whose entity the vocabulary does not have; they were read as [UNK].
        cut: whether the text lost its end.
    """

    pieces: list[str]
    sentence: Tensor
    words: Tensor
    entities: Tensor
    mentions: list[int]
    unknown: list[int]
    cut: bool


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A model with its tokenizer and its entities.

    Attributes:
        folder: that the model was loaded from.
        model: in evaluation mode, float32, on `device`.
        tokenizer: turns texts into the model's tokens.
        entities: finds the ids of entities by name; None for a model that has no entities, such as XLM-R.
        device: that the model runs on.
        predicts_entities: whether the head that predicts entities is trained.
    """

    folder: Path
    model: PretrainingModel
    tokenizer: Tokenizer
    entities: EntityIds | None
    device: torch.device
    predicts_entities: bool

    def embed(
        self,
        texts: Sequence[str],
        mentions: Sequence[Sequence[Mention | tuple[int, int] | tuple[int, int, str]]] | None = None,
        *,
        cut: bool = False,
    ) -> list[Embedding]:
        """The states of texts, with mentions or without.

        Args:
            texts: in any language; texts of similar length share a batch.
            mentions: of each text: start and end in code points, and the entity's name; without a name, the entity is
                [MASK]. None for no mentions.
            cut: whether a text with more tokens than the model takes loses its end, with the mentions in it.

        Returns:
            The states of each text on the CPU, float32.

        Raises:
            TextError: a mention is not in its text or has no word, a text has more tokens than the model takes, or the
                model has no entities.
        """
        if mentions is not None and len(mentions) != len(texts):
            raise TextError(f"there are {len(texts):,} texts and mentions of {len(mentions):,} texts")
        checked = [[Mention(*one) for one in of_text] for of_text in mentions or [()] * len(texts)]
        ids, unknown = self._entity_ids(checked), self.model.config.entity_unknown_id
        known = [[unknown if one is None else one for one in of_text] for of_text in ids]
        encoded = encode_texts(texts, checked, known, self.tokenizer, self.model.config, cut=cut)
        states = self._states(encoded)
        return [
            self._embedding(text, found, of_text) for text, found, of_text in zip(encoded, states, ids, strict=True)
        ]

    def _entity_ids(self, mentions: Sequence[Sequence[Mention]]) -> list[list[int | None]]:
        names = [mention.entity for of_text in mentions for mention in of_text]
        if self.entities is None:
            if names:
                raise TextError(f"{self.folder} is a model without entities: it takes texts without mentions")
            return [[] for _ in mentions]
        found = iter(self.entities.find(names))
        return [[next(found) for _ in of_text] for of_text in mentions]

    def _states(self, texts: Sequence[EncodedText]) -> list[tuple[Tensor, Tensor]]:
        """States of words and entities of each text."""
        states: list[tuple[Tensor, Tensor] | None] = [None] * len(texts)
        for numbers in batches_by_length(list(map(len, texts))):
            chosen = [texts[number] for number in numbers]
            with torch.inference_mode():
                stream_NH = self.model.encode(batch_of(chosen, self.model.config).to(self.device)).float().cpu()
            for number, found in zip(numbers, split_states(stream_NH, chosen), strict=True):
                states[number] = found
        return [one for one in states if one is not None]

    def _embedding(self, text: EncodedText, states: tuple[Tensor, Tensor], ids: Sequence[int | None]) -> Embedding:
        words_TH, entities_EH = states
        pieces = self.tokenizer.pieces(text.token_ids)
        unknown = [number for number in text.kept if ids[number] is None]
        return Embedding(pieces, words_TH[0], words_TH, entities_EH, text.kept, unknown, text.cut)


def batches_by_length(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Numbers of texts by batch: the longest texts first, and at most BATCH_TOKENS places unless one text has more."""
    batch: list[int] = []
    room = BATCH_TOKENS
    for number in sorted(range(len(lengths)), key=lambda one: -lengths[one]):
        if batch and lengths[number] > room:
            yield batch
            batch, room = [], BATCH_TOKENS
        batch.append(number)
        room -= lengths[number]
    if batch:
        yield batch
