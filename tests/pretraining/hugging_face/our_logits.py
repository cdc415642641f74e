"""What our model makes of texts as transformers' tokenizer gives them, to be compared with `LukeForMaskedLM`."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mlukit.pretraining.config import ModelConfig
from mlukit.pretraining.model.model import PretrainingModel
from tests.pretraining.packed_examples import MaskedExample, packed


def our_model(config: ModelConfig, weights: Mapping[str, Tensor]) -> PretrainingModel:
    """Ours in float64, ready to be asked."""
    model = PretrainingModel(config)
    model.load_state_dict(dict(weights))
    return model.double().eval()


@torch.no_grad()
def our_hidden_states(model: PretrainingModel, inputs: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """What the encoder makes of the words and of the entities of one text.

    Args:
        inputs: of `MLukeTokenizer`, lists without padding but for that of `entity_position_ids`, which is -1.
    """
    places = [[place for place in positions if place >= 0] for positions in inputs.get("entity_position_ids", [])]
    mentions = [(mention[0], mention[-1] + 1) for mention in places]
    example = MaskedExample(inputs["input_ids"], mentions, inputs.get("entity_ids", []), {0: 0}, {})
    batch = packed([example], model.config)
    stream = model.encode(batch)
    return stream[batch.word_slots_W], stream[batch.entity_slots_E]


@torch.no_grad()
def our_logits(model: PretrainingModel, inputs: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """The logits of all words, words x vocabulary, and of all entities, entities x entity vocabulary."""
    words, entities = our_hidden_states(model, inputs)
    word_logits = model.word_head(words) @ model.word_embeddings.words.weight.T + model.word_head.bias
    entity_logits = model.entity_head(entities) @ model.entity_embeddings.entities.weight.T + model.entity_head.bias
    config = model.config
    return word_logits[:, : config.vocabulary_size], entity_logits[:, : config.entity_vocabulary_size]
