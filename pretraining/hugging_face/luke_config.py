"""Our `ModelConfig` as the config.json of transformers' `LukeForMaskedLM`, and back from XLM-R's and LUKE's."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from mlukit.pretraining.config import ConfigError, ModelConfig
from mlukit.pretraining.hugging_face.tokenizer_files import TOKENIZER_CLASS

JsonObject: TypeAlias = Mapping[str, Any]

LUKE, XLM_ROBERTA = "luke", "xlm-roberta"  # model_type

_FIELDS = {  # of both models
    "hidden_size": "hidden_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "feed_forward_size": "intermediate_size",
    "max_positions": "max_position_embeddings",
    "token_types": "type_vocab_size",
    "layer_norm_epsilon": "layer_norm_eps",
}
_OPTIONAL_FIELDS = {  # our default where it is not said
    "hidden_dropout": "hidden_dropout_prob",
    "initializer_range": "initializer_range",
    "bos_id": "bos_token_id",
    "pad_id": "pad_token_id",
    "eos_id": "eos_token_id",
}
_FIXED = {"hidden_act": "gelu", "position_embedding_type": "absolute"}
_LAYOUT = "4.57.6"  # whose layout it is; without it early versions 5 warn of a fault in Mistral's tokenizers
_SPECIAL_IDS = ("bos_id", "pad_id", "eos_id")


def luke_config(config: ModelConfig) -> dict[str, Any]:
    """What `LukeConfig` is to be made of."""
    return {
        "architectures": ["LukeForMaskedLM"],
        "model_type": LUKE,
        "tokenizer_class": TOKENIZER_CLASS,
        "vocab_size": config.vocabulary_size,
        "entity_vocab_size": config.entity_vocabulary_size,
        "entity_emb_size": config.entity_embedding_size,
        **{theirs: getattr(config, ours) for ours, theirs in (_FIELDS | _OPTIONAL_FIELDS).items()},
        "attention_probs_dropout_prob": config.attention_dropout,
        "hidden_act": _FIXED["hidden_act"],
        "use_entity_aware_attention": config.entity_aware_attention,
        "classifier_dropout": None,
        "tie_word_embeddings": True,
        "torch_dtype": "float32",
        "transformers_version": _LAYOUT,
    }


def model_config(value: JsonObject, *, words: int, entities: int, entity_width: int, entity_aware: bool) -> ModelConfig:
    """The configuration of a model with the shape of XLM-R's or LUKE's; dropout in attention stays ours.

    Args:
        value: what their config.json says.
        words: rows of the table of words that are used.
        entities: rows of the table of entities.
        entity_width: of an entity's embedding.
        entity_aware: whether the layers have LUKE's four queries.

    Raises:
        ConfigError: it lacks a size, or is of a model that ours cannot be.
    """
    for name, wanted in _FIXED.items():
        if (found := value.get(name, wanted)) != wanted:
            raise ConfigError(f"its {name} is {found!r}, ours is {wanted!r}")
    sizes = {ours: _number(value, theirs) for ours, theirs in _FIELDS.items()}
    others = {ours: _number(value, theirs) for ours, theirs in _OPTIONAL_FIELDS.items() if theirs in value}
    defaults = ModelConfig()
    for ours in _SPECIAL_IDS:
        if (found := others.get(ours, wanted := getattr(defaults, ours))) != wanted:
            raise ConfigError(f"its {_OPTIONAL_FIELDS[ours]} is {found}, XLM-R's is {wanted}")
    return ModelConfig(
        **sizes,
        **others,
        vocabulary_size=words,
        entity_vocabulary_size=entities,
        entity_embedding_size=entity_width,
        entity_aware_attention=entity_aware,
    )


def _number(value: JsonObject, name: str) -> Any:
    if name not in value:
        raise ConfigError(f"it has no {name}")
    found = value[name]
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise ConfigError(f"its {name} is {found!r}, and no number")
    return found
