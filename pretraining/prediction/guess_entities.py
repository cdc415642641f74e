"""Guesses of a trained model: the likeliest entities of masked mentions, with their labels."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import torch
from torch import Tensor

from mlukit.corpus.entities.vocabulary import SPECIAL_ENTITIES
from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.pretraining.config import ModelConfig
from mlukit.pretraining.data.batch import Batch
from mlukit.pretraining.data.dataset import open_tokenizer, open_vocabulary
from mlukit.pretraining.model.model import PretrainingModel
from mlukit.pretraining.model.special_entities import with_special_entities
from mlukit.pretraining.prediction.cloze import Cloze, FillError
from mlukit.pretraining.training.checkpoint import read_weights
from mlukit.schemas.layout import TOKENIZER, VOCABULARY_PARQUET


@dataclass(frozen=True, slots=True)
class Guess:
    """An entity, and its probability among all entities."""

    name: str  # the QID
    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class EntityGuesser:
    """A model with its tokenizer and the vocabulary that its entities are labelled by."""

    model: PretrainingModel
    tokenizer: Tokenizer
    vocabulary: Path

    @classmethod
    def load(cls, config: ModelConfig, weights: Path, examples: Path) -> Self:
        """Loads a model with the tokenizer and the vocabulary of its examples.

        Args:
            config: of the model.
            weights: a safetensors file.
            examples: an output folder of `mlukit build`.

        Raises:
            ExamplesError: the tokenizer or the vocabulary cannot be read.
            FillError: the model has another number of words or entities than the examples.
            RunFolderError: the weights are damaged or not finite.
        """
        tokenizer = open_tokenizer(examples / TOKENIZER)
        entities = open_vocabulary(examples / VOCABULARY_PARQUET).size
        found = {"vocabulary_size": tokenizer.size, "entity_vocabulary_size": entities}
        for name, value in found.items():
            if getattr(config, name) != value:
                raise FillError(f"the model has {name} {getattr(config, name)}, that of {examples} is {value}")
        model = PretrainingModel(config)
        model.load_state_dict(with_special_entities(read_weights(weights), config, examples))
        return cls(model.eval(), tokenizer, examples / VOCABULARY_PARQUET)

    def guess(self, cloze: Cloze, number: int, language: str) -> list[list[Guess]]:
        """The `number` likeliest entities of each mention, the likeliest first.

        Args:
            cloze: the text with its mentions.
            number: of entities for each mention.
            language: of the labels; an entity without a label in this language has its first label.
        """
        with torch.inference_mode():
            chances = self._logits(_batch(cloze, self.model.config)).softmax(-1)
        best = chances.topk(min(number, chances.shape[1]))
        ids = (best.indices + len(SPECIAL_ENTITIES)).tolist()
        labels = self._labels({entity for row in ids for entity in row}, language)
        return [
            [Guess(*labels[entity], chance) for entity, chance in zip(*row, strict=True)]
            for row in zip(ids, best.values.tolist(), strict=True)
        ]

    def _logits(self, batch: Batch) -> Tensor:
        """The logits of all entities except the special ones, for each mention."""
        model, entities = self.model, slice(len(SPECIAL_ENTITIES), self.model.config.entity_vocabulary_size)
        vectors = model.entity_head(model.encode(batch)[batch.entity_slots_E])
        table = model.entity_embeddings.entities.weight[entities]
        logits: Tensor = vectors @ table.T + model.entity_head.bias[entities]
        return logits

    def _labels(self, ids: set[int], language: str) -> dict[int, tuple[str, str]]:
        """QID and label of each entity, by its id; FillError if the vocabulary is damaged."""
        wanted = ds.field("entity_id").isin(sorted(ids))
        try:
            rows = ds.dataset(self.vocabulary).to_table(columns=["entity_id", "name", "labels"], filter=wanted)
        except (pa.ArrowException, OSError) as error:
            raise FillError(f"{self.vocabulary}: the labels of entities cannot be read: {error}") from error
        return {row["entity_id"]: (row["name"], _label(row, language)) for row in rows.to_pylist()}


def _label(row: dict[str, Any], language: str) -> str:
    labels: dict[str, str] = {label["language"]: label["label"] for label in row["labels"]}
    return labels.get(language) or next(iter(labels.values()), str(row["name"]))


def _batch(cloze: Cloze, config: ModelConfig) -> Batch:
    """A batch of one sequence without unused places: its words, then a [MASK] for each mention."""
    words, entities = len(cloze.token_ids), len(cloze.spans)
    places = [place for start, end in cloze.spans for place in range(start, end)]
    lengths = [end - start for start, end in cloze.spans]
    nothing = torch.empty(0, dtype=torch.int64)
    return Batch(
        token_ids_W=torch.tensor(cloze.token_ids),
        token_positions_W=torch.arange(words) + config.pad_id + 1,
        entity_ids_E=torch.full((entities,), config.entity_mask_id),
        mention_positions_M=torch.tensor(places),
        mention_entities_M=torch.from_numpy(np.repeat(np.arange(entities), lengths)),
        word_slots_W=torch.arange(words),
        entity_slots_E=words + torch.arange(entities),
        sequence_starts_S1=torch.tensor([0, words + entities], dtype=torch.int32),
        masked_words_PW=nothing,
        word_labels_PW=nothing,
        masked_entities_PE=nothing,
        entity_labels_PE=nothing,
        longest=words + entities,
        examples=1,
        words=words,
        entities=entities,
        word_targets=0,
        entity_targets=0,
    )
