"""Converts `ModelConfig` to a config.json of `LukeForMaskedLM`, and a config.json of XLM-R or LUKE to `ModelConfig`."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from mlukit.pretraining.config import ConfigError, ModelConfig
from mlukit.pretraining.hugging_face.tokenizer_files import TASK_TOKENS, TOKENIZER_CLASS

JsonObject: TypeAlias = Mapping[str, Any]

LUKE, XLM_ROBERTA = "luke", "xlm-roberta"  # model_type

_FIELDS = {  # our field -> the key in the config.json of XLM-R and LUKE
    "hidden_size": "hidden_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "feed_forward_size": "intermediate_size",
    "max_positions": "max_position_embeddings",
    "token_types": "type_vocab_size",
    "layer_norm_epsilon": "layer_norm_eps",
}
_OPTIONAL_FIELDS = {  # our defaults stand in for missing keys
    "hidden_dropout": "hidden_dropout_prob",
    "initializer_range": "initializer_range",
    "bos_id": "bos_token_id",
    "pad_id": "pad_token_id",
    "eos_id": "eos_token_id",
}
_FIXED = {"hidden_act": "gelu", "position_embedding_type": "absolute"}
ATTENTION_DROPOUT = 0.1  # [XLM-R], [mLUKE]
_DROPOUT_KEY = "attention_probs_dropout_prob"
_LAYOUT = "4.57.6"  # the version of the layout; without it early versions 5 warn of a fault in Mistral's tokenizers
_SPECIAL_IDS = ("bos_id", "pad_id", "eos_id")


def luke_config(config: ModelConfig, attention_dropout: float) -> dict[str, Any]:
    """Returns the content of config.json, from which transformers makes a `LukeConfig`.

    Args:
        config: of the model.
        attention_dropout: for fine-tuning; pretraining has its own.
    """
    return {
        "architectures": ["LukeForMaskedLM"],
        "model_type": LUKE,
        "tokenizer_class": TOKENIZER_CLASS,
        "vocab_size": config.vocabulary_size + len(TASK_TOKENS),
        "entity_vocab_size": config.entity_vocabulary_size,
        "entity_emb_size": config.entity_embedding_size,
        **{key: getattr(config, name) for name, key in (_FIELDS | _OPTIONAL_FIELDS).items()},
        _DROPOUT_KEY: attention_dropout,
        "hidden_act": _FIXED["hidden_act"],
        "use_entity_aware_attention": True,  # as the published mLUKE; the file always has these queries
        "classifier_dropout": None,
        "tie_word_embeddings": True,
        "torch_dtype": "float32",
        "transformers_version": _LAYOUT,
    }


def model_config(value: JsonObject, *, words: int, entities: int, entity_width: int, entity_aware: bool) -> ModelConfig:
    """Returns the configuration of a model with the shape of XLM-R or LUKE; dropout of attention keeps our default.

    Args:
        value: the content of their config.json.
        words: used rows of the word table.
        entities: rows of the entity table.
        entity_width: of an entity's embedding.
        entity_aware: whether the layers have LUKE's four queries.

    Raises:
        ConfigError: `value` lacks a size, or describes a model that ours cannot represent.
    """
    attention_dropout(value)
    for key, wanted in _FIXED.items():
        if (found := value.get(key, wanted)) != wanted:
            raise ConfigError(f"its {key} is {found!r}, mlukit has only {wanted!r}")
    sizes = {name: _number(value, key) for name, key in _FIELDS.items()}
    optional = {name: _number(value, key) for name, key in _OPTIONAL_FIELDS.items() if key in value}
    defaults = ModelConfig()
    for name in _SPECIAL_IDS:
        if (found := optional.get(name, wanted := getattr(defaults, name))) != wanted:
            raise ConfigError(f"its {_OPTIONAL_FIELDS[name]} is {found}, XLM-R's is {wanted}")
    return ModelConfig(
        **sizes,
        **optional,
        vocabulary_size=words,
        entity_vocabulary_size=entities,
        entity_embedding_size=entity_width,
        entity_aware_attention=entity_aware,
    )


def attention_dropout(value: JsonObject) -> float:
    """Returns the dropout of attention in the config.json of XLM-R or LUKE, or XLM-R's if there is none.

    Raises:
        ConfigError: the value is not a number between 0 and 1.
    """
    found = float(_number(value, _DROPOUT_KEY)) if _DROPOUT_KEY in value else ATTENTION_DROPOUT
    if not 0 <= found <= 1:
        raise ConfigError(f"its {_DROPOUT_KEY} is {found}, which is not between 0 and 1")
    return found


def _number(value: JsonObject, name: str) -> Any:
    """Returns the number under a key; ConfigError if there is no number."""
    if name not in value:
        raise ConfigError(f"it has no {name}")
    found = value[name]
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise ConfigError(f"its {name} is {found!r}, which is not a number")
    return found
