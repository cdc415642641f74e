"""Guesses of a trained model: the likeliest entities of masked mentions, with their labels."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mlukit.corpus.entities.vocabulary import SPECIAL_ENTITIES
from mlukit.pretraining.errors import PretrainingError
from mlukit.pretraining.prediction.cloze import Cloze
from mlukit.pretraining.prediction.encoded_texts import EncodedText, batch_of
from mlukit.pretraining.prediction.entity_ids import EntityIds
from mlukit.pretraining.prediction.loaded_model import LoadedModel


class GuessError(PretrainingError):
    """A model cannot guess entities; the text names the folder of the model."""


@dataclass(frozen=True, slots=True)
class Guess:
    """An entity, and its probability among all entities."""

    name: str  # the QID; a title, "en:Berlin", if the model has no QIDs
    label: str
    probability: float


def guess_entities(loaded: LoadedModel, cloze: Cloze, number: int, language: str) -> list[list[Guess]]:
    """The `number` likeliest entities of each mention, the likeliest first.

    Args:
        loaded: a model whose entity head is trained.
        cloze: the text with its mentions.
        number: of entities for each mention.
        language: of the labels; an entity without a label in this language has another of its labels.

    Raises:
        GuessError: the model has no entities, or no trained entity head.
    """
    entities = entities_of(loaded)
    special = [row for row in entities.find(SPECIAL_ENTITIES) if row is not None]
    chances = _chances(loaded, special, cloze)
    best = chances.topk(min(number, chances.shape[1] - len(special)))
    labels = entities.labels(set(best.indices.flatten().tolist()), language)
    return [
        [Guess(*labels[entity], chance) for entity, chance in zip(*row, strict=True)]
        for row in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]


def entities_of(loaded: LoadedModel) -> EntityIds:
    """The entities of a model that predicts them.

    Raises:
        GuessError: the model has no entities, or no trained entity head.
    """
    if loaded.entities is None or not loaded.predicts_entities:
        missing = "entities" if loaded.entities is None else "a trained entity head"
        raise GuessError(
            f"{loaded.folder} has no {missing}: name a folder of mlukit train or export, or mLUKE with heads"
        )
    return loaded.entities


def _chances(loaded: LoadedModel, special: list[int], cloze: Cloze) -> Tensor:
    """The probability of every entity for each mention; 0 for special entities."""
    model, config = loaded.model, loaded.model.config
    mentions = len(cloze.spans)
    masks = [config.entity_mask_id] * mentions
    text = EncodedText(cloze.token_ids, cloze.spans, masks, list(range(mentions)), cut=False)
    batch = batch_of([text], config).to(loaded.device)
    with torch.inference_mode():
        vectors = model.entity_head(model.encode(batch)[batch.entity_slots_E])
        table, bias = model.entity_embeddings.entities.weight, model.entity_head.bias
        logits = (vectors @ table.T + bias)[:, : config.entity_vocabulary_size]
        logits[:, special] = -torch.inf
        chances: Tensor = logits.softmax(-1).cpu()
    return chances
