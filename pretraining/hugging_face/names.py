"""Maps each of our parameters to tensors of `LukeForMaskedLM`, and converts between the two.

Our parameters differ in three ways. The query, key and value of a layer are one product, so their rows are in one
tensor. The tables of words and entities, and the biases of their heads, have rows up to a multiple of 128; the last of
these rows are never predicted. A decoder is the table itself. LUKE may have a pooler, which pretraining does not use.
"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from mlukit.pretraining.config import ModelConfig

_OUTSIDE_LAYERS = {  # our parameter -> the tensor of LukeForMaskedLM
    "word_embeddings.words.weight": "luke.embeddings.word_embeddings.weight",
    "word_embeddings.positions.weight": "luke.embeddings.position_embeddings.weight",
    "word_embeddings.token_types.weight": "luke.embeddings.token_type_embeddings.weight",
    "word_embeddings.norm.weight": "luke.embeddings.LayerNorm.weight",
    "word_embeddings.norm.bias": "luke.embeddings.LayerNorm.bias",
    "entity_embeddings.entities.weight": "luke.entity_embeddings.entity_embeddings.weight",
    "entity_embeddings.dense.weight": "luke.entity_embeddings.entity_embedding_dense.weight",
    "entity_embeddings.positions.weight": "luke.entity_embeddings.position_embeddings.weight",
    "entity_embeddings.token_types.weight": "luke.entity_embeddings.token_type_embeddings.weight",
    "entity_embeddings.norm.weight": "luke.entity_embeddings.LayerNorm.weight",
    "entity_embeddings.norm.bias": "luke.entity_embeddings.LayerNorm.bias",
    "word_head.dense.weight": "lm_head.dense.weight",
    "word_head.dense.bias": "lm_head.dense.bias",
    "word_head.norm.weight": "lm_head.layer_norm.weight",
    "word_head.norm.bias": "lm_head.layer_norm.bias",
    "word_head.bias": "lm_head.bias",
    "entity_head.dense.weight": "entity_predictions.transform.dense.weight",
    "entity_head.dense.bias": "entity_predictions.transform.dense.bias",
    "entity_head.norm.weight": "entity_predictions.transform.LayerNorm.weight",
    "entity_head.norm.bias": "entity_predictions.transform.LayerNorm.bias",
    "entity_head.bias": "entity_predictions.bias",
}

_LAYER_PARTS = {
    "attention.qkv": ("attention.self.query", "attention.self.key", "attention.self.value"),
    "attention.output": ("attention.output.dense",),
    "attention_norm": ("attention.output.LayerNorm",),
    "feed_forward.0": ("intermediate.dense",),
    "feed_forward.2": ("output.dense",),
    "feed_forward_norm": ("output.LayerNorm",),
}

QUERY = ".attention.self.query."  # in the names of the plain query, of words to words
ENTITY_AWARE_QUERIES = ("w2e_query", "e2w_query", "e2e_query")  # in place of "query"
_ENTITY_AWARE = {  # the queries of [LUKE] section 3.2; `query` is the one of words to words
    "attention.entity_aware_queries": tuple(f"attention.self.{query}" for query in ENTITY_AWARE_QUERIES)
}

TIED = {  # further tensors that a file of LukeForMaskedLM may hold, and the tensors that they copy
    "lm_head.decoder.weight": "luke.embeddings.word_embeddings.weight",
    "lm_head.decoder.bias": "lm_head.bias",
    "entity_predictions.decoder.weight": "luke.entity_embeddings.entity_embeddings.weight",
}

WORD_ROWS = ("luke.embeddings.word_embeddings.weight", "lm_head.bias")  # tensors with a row for each word
_WORD_ROWS = ("word_embeddings.words.weight", "word_head.bias")
_ENTITY_ROWS = ("entity_embeddings.entities.weight", "entity_head.bias")


def hugging_face_names(config: ModelConfig) -> dict[str, tuple[str, ...]]:
    """Returns, for every parameter of `PretrainingModel`, the tensors of `LukeForMaskedLM` that it concatenates.

    As in transformers, there is no `entity_embeddings.dense` if an entity's embedding is as wide as the encoder.
    """
    names: dict[str, tuple[str, ...]] = {name: (tensor,) for name, tensor in _OUTSIDE_LAYERS.items()}
    if config.entity_embedding_size == config.hidden_size:
        del names["entity_embeddings.dense.weight"]
    layer_parts = _LAYER_PARTS | (_ENTITY_AWARE if config.entity_aware_attention else {})
    for layer in range(config.layers):
        for name, tensors in layer_parts.items():
            for kind in ("weight", "bias"):
                names[f"layers.{layer}.{name}.{kind}"] = tuple(
                    f"luke.encoder.layer.{layer}.{tensor}.{kind}" for tensor in tensors
                )
    return names


def to_hugging_face(config: ModelConfig, parameters: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Converts our parameters, or tensors of the same shapes such as gradients, to tensors of `LukeForMaskedLM`.

    Yields:
        Name and tensor, without the copies in `TIED`. The tensors are views of ours.
    """
    for name, parts in hugging_face_names(config).items():
        yield from zip(parts, _used(config, name, parameters[name]).chunk(len(parts)), strict=True)


def from_hugging_face(config: ModelConfig, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Makes our parameters of the tensors of a `LukeForMaskedLM`; other tensors are ignored.

    A parameter is left out if any of its parts is missing. Shapes are not compared.
    """
    return {
        name: _aligned(config, name, torch.cat([tensors[part] for part in parts]))
        for name, parts in hugging_face_names(config).items()
        if all(part in tensors for part in parts)
    }


def _rows(config: ModelConfig, name: str) -> tuple[int, int] | None:
    """Returns used rows and all rows of a parameter that has unused rows; None for any other parameter."""
    if name in _WORD_ROWS:
        return config.vocabulary_size, config.word_rows
    if name in _ENTITY_ROWS:
        return config.entity_vocabulary_size, config.entity_rows
    return None


def _used(config: ModelConfig, name: str, tensor: Tensor) -> Tensor:
    rows = _rows(config, name)
    return tensor if rows is None else tensor[: rows[0]]


def _aligned(config: ModelConfig, name: str, tensor: Tensor) -> Tensor:
    rows = _rows(config, name)
    if rows is None:
        return tensor
    return torch.cat([tensor, tensor.new_zeros(rows[1] - len(tensor), *tensor.shape[1:])])
