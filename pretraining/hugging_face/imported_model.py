"""Converts a model of transformers to ours: XLM-R, or mLUKE, which has entities already.

Parameters that XLM-R does not have are random, the position table of entities too: LUKE loads the parameters that
RoBERTa has by name (`LukeBaseModel.load_bert_weights`), and leaves `entity_embeddings` as `init_weights` made it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mlukit.corpus.entities.vocabulary import SPECIAL_ENTITIES
from mlukit.pretraining.config import ConfigError, ModelConfig, changed
from mlukit.pretraining.hugging_face.checkpoint_files import (
    Checkpoint,
    CheckpointError,
    check_finite,
    read_json_object,
    some,
)
from mlukit.pretraining.hugging_face.entity_vocabulary import ENTITY_VOCABULARY_FILE, EntityMatch, match_entities
from mlukit.pretraining.hugging_face.luke_config import LUKE, XLM_ROBERTA, attention_dropout, model_config
from mlukit.pretraining.hugging_face.names import (
    ENTITY_AWARE_QUERIES,
    QUERY,
    TIED,
    WORD_ROWS,
    from_hugging_face,
    hugging_face_names,
    to_hugging_face,
)
from mlukit.pretraining.hugging_face.word_vocabulary import WordVocabulary, refuse_byte_level_bpe, word_vocabulary
from mlukit.pretraining.model.model import PretrainingModel
from mlukit.schemas.layout import TOKENIZER, VOCABULARY_PARQUET
from mlukit.schemas.wording import counted

_WORDS = "luke.embeddings.word_embeddings.weight"
_ENTITIES = "luke.entity_embeddings.entity_embeddings.weight"
_ENTITY_ROWS = {"entity_embeddings.entities.weight": _ENTITIES, "entity_head.bias": "entity_predictions.bias"}
_ENTITY_EMBEDDINGS = "luke.entity_embeddings."
_ENCODER = ("luke.embeddings.", "luke.encoder.")
_LAYER = re.compile(r"luke\.encoder\.layer\.(\d+)\.")
_PREFIX = {XLM_ROBERTA: "roberta.", LUKE: "luke."}
_HEADS = ("lm_head.", "entity_predictions.")
_SPECIAL_IDS = {"[PAD]": "entity_pad_id", "[UNK]": "entity_unknown_id", "[MASK]": "entity_mask_id"}


@dataclass(frozen=True, slots=True)
class Imported:
    """A model, and a report of its origin."""

    config: ModelConfig
    weights: dict[str, Tensor]  # every parameter, by our names, float32
    report: dict[str, Any]  # the content of import.json


def import_model(source: Checkpoint, examples: Path | None, *, seed: int, entity_width: int) -> Imported:
    """Converts the parameters that the source has, and draws the others.

    Args:
        source: a model of transformers: XLM-R or LUKE, with heads or without.
        examples: the output folder whose words and entities the model gets; None to keep the vocabularies of a LUKE.
        seed: of the drawn parameters.
        entity_width: of an entity's embedding, if the source has none.

    Raises:
        CheckpointError: the source is another kind of model or incomplete, has values that are not finite, or does not
            fit the examples; the text names what was found and what is needed.
    """
    tensors, words = _tensors_and_words(source, examples and examples / TOKENIZER)
    match = _match(source, tensors, examples)
    config = _config(source, tensors, words, match, entity_width)
    weights, found = _converted(source, tensors, config, match, seed)
    report = _report(source, config, found, tensors, words, match)
    return Imported(config, weights, {**report, "seed": seed})


class OwnModel(NamedTuple):
    """A model of transformers that keeps its words and entities."""

    config: ModelConfig
    weights: dict[str, Tensor]  # every parameter, by our names, float32
    rows: dict[str, int] | None  # of the entities, by name; None for a model without entities
    found: set[str]  # the parameters that the source has; the others are random


def model_with_own_vocabularies(source: Checkpoint) -> OwnModel:
    """Converts a model that keeps its words and entities.

    Args:
        source: a model of transformers: XLM-R or LUKE, with heads or without.

    Raises:
        CheckpointError: as `import_model`.
    """
    tensors, words = _tensors_and_words(source, None)
    if _ENTITIES in tensors:
        rows = _entity_rows(source, len(tensors[_ENTITIES]))
        match = EntityMatch(torch.arange(len(tensors[_ENTITIES])).numpy())
    else:
        rows, match = None, EntityMatch(torch.full((len(SPECIAL_ENTITIES),), -1).numpy())
    config = _config(source, tensors, words, match, ModelConfig().entity_embedding_size)
    special = {name: rows[entity] for entity, name in _SPECIAL_IDS.items() if rows and entity in rows}
    config = changed(config, special)
    weights, found = _converted(source, tensors, config, match, seed=0)
    return OwnModel(config, weights, rows, found)


def _tensors_and_words(source: Checkpoint, sentencepiece: Path | None) -> tuple[dict[str, Tensor], WordVocabulary]:
    """The tensors under the names of `LukeForMaskedLM`, with the rows of the pieces alone, and the word vocabulary."""
    refuse_byte_level_bpe(source.folder)
    tensors = _named_as_luke(source)
    words = word_vocabulary(source, len(_words(source, tensors)), sentencepiece)
    return tensors | {name: tensors[name][: words.size] for name in WORD_ROWS if name in tensors}, words


def _converted(
    source: Checkpoint, tensors: Mapping[str, Tensor], config: ModelConfig, match: EntityMatch, seed: int
) -> tuple[dict[str, Tensor], set[str]]:
    """Every parameter by our names, and the names of the parameters that the source has whole."""
    _check_complete(source, tensors, config)
    weights = _draw(config, seed)
    _check_shapes(source, tensors, dict(to_hugging_face(config, weights)))
    used = {part for parts in hugging_face_names(config).values() for part in parts}
    check_finite(str(source.folder), {_plain(name): tensor for name, tensor in tensors.items() if name in used})
    fixed = {name: tensor for name, tensor in tensors.items() if name not in _ENTITY_ROWS.values()}
    found = {name: value.float() for name, value in from_hugging_face(config, fixed).items()}
    weights |= found
    whole = [name for name, table in _ENTITY_ROWS.items() if _take_rows(weights[name], tensors.get(table), match)]
    return weights, {*found, *whole}


def _named_as_luke(source: Checkpoint) -> dict[str, Tensor]:
    """Returns the tensors by their names in `LukeForMaskedLM`, without the copies, which must equal their originals."""
    kind = str(source.config.get("model_type"))
    if kind not in _PREFIX:
        raise CheckpointError(f"{source.folder} is a model of type {kind!r}; {' and '.join(_PREFIX)} can be imported")
    tensors = {}
    for name, tensor in source.tensors.items():
        plain = name.removeprefix(_PREFIX[kind])
        tensors[plain if plain.startswith(_HEADS) else f"luke.{plain}"] = tensor
    if "lm_head.decoder.bias" in tensors:
        tensors.setdefault("lm_head.bias", tensors["lm_head.decoder.bias"])
    for copy, original in TIED.items():
        if copy in tensors and (original not in tensors or not torch.equal(tensors.pop(copy), tensors[original])):
            raise CheckpointError(f"{source.folder}: {copy} is not equal to {original}; mlukit has one tensor for both")
    return tensors


def _words(source: Checkpoint, tensors: Mapping[str, Tensor]) -> Tensor:
    """Returns the word table; refuses a table with other rows than config.json says."""
    if _WORDS not in tensors:
        raise CheckpointError(f"{source.folder} has no embeddings.word_embeddings.weight: it is not an encoder")
    if (rows := len(tensors[_WORDS])) != (expected := source.config.get("vocab_size")):
        raise CheckpointError(
            f"{source.folder}: its config.json has vocab_size {expected}, its word table has {rows:,} rows"
        )
    return tensors[_WORDS]


def _match(source: Checkpoint, tensors: Mapping[str, Tensor], examples: Path | None) -> EntityMatch:
    """Finds the row of each of our entities in the source's table."""
    rows = len(tensors[_ENTITIES]) if _ENTITIES in tensors else 0
    if examples is None:
        if not rows:
            raise CheckpointError(f"{source.folder} has no entities: name examples by --examples, which have them")
        _check_special_entities(source)
        return EntityMatch(torch.arange(rows).numpy())
    names = _entity_rows(source, rows) if rows else {}
    return match_entities(examples / VOCABULARY_PARQUET, names)


def _entity_rows(source: Checkpoint, rows: int) -> dict[str, int]:
    """The row of each name in entity_vocab.json; CheckpointError for a row that the table does not have."""
    names = read_json_object(source.folder / ENTITY_VOCABULARY_FILE)
    for name, row in names.items():
        if not isinstance(row, int) or not 0 <= row < rows:
            raise CheckpointError(
                f"{source.folder / ENTITY_VOCABULARY_FILE}: {name!r} is {row!r}, the table has {rows:,} rows"
            )
    if missing := [name for name in _SPECIAL_IDS if name not in names]:
        raise CheckpointError(
            f"{source.folder / ENTITY_VOCABULARY_FILE} lacks {', '.join(missing)}, which every LUKE has"
        )
    return names


def _check_special_entities(source: Checkpoint) -> None:
    """Refuses to keep an entity table whose first rows are not our special entities."""
    names = read_json_object(source.folder / ENTITY_VOCABULARY_FILE)
    for row, name in enumerate(SPECIAL_ENTITIES):
        if (found := names.get(name, row)) != row:
            raise CheckpointError(
                f"{source.folder} has {name} in row {found}, mlukit has it in row {row}: name examples by --examples"
            )


def _config(
    source: Checkpoint, tensors: Mapping[str, Tensor], words: WordVocabulary, match: EntityMatch, entity_width: int
) -> ModelConfig:
    """Returns the configuration of a model with the source's shape and the vocabularies that were found."""
    width = tensors[_ENTITIES].shape[1] if _ENTITIES in tensors else entity_width
    try:
        return model_config(
            source.config,
            words=words.size,
            entities=len(match.rows),
            entity_width=width,
            entity_aware=bool(source.config.get("use_entity_aware_attention")) and _has_own_queries(tensors),
        )
    except ConfigError as error:
        raise CheckpointError(f"{source.folder / 'config.json'}: {error}") from error


def _has_own_queries(tensors: Mapping[str, Tensor]) -> bool:
    """Whether the entity-aware queries differ from the plain query; a conversion fills them with copies of it."""
    return any(
        not torch.equal(tensor, tensors[entity_name])
        for name, tensor in tensors.items()
        if QUERY in name
        for query in ENTITY_AWARE_QUERIES
        if (entity_name := name.replace("query", query)) in tensors
    )


def _check_complete(source: Checkpoint, tensors: Mapping[str, Tensor], config: ModelConfig) -> None:
    """Refuses a source that lacks tensors: only what mLUKE adds to XLM-R, and whole heads, may be new."""
    names = [part for parts in hugging_face_names(config).values() for part in parts]
    for prefix in (*_ENCODER, _ENTITY_EMBEDDINGS, *_HEADS):
        missing = [_plain(name) for name in names if name.startswith(prefix) and name not in tensors]
        present = any(name.startswith(prefix) for name in tensors)
        needed = prefix in _ENCODER or (prefix == _ENTITY_EMBEDDINGS and source.config["model_type"] == LUKE)
        if missing and (present or needed):
            raise CheckpointError(
                f"{source.folder} is incomplete: it lacks {some(missing)}, which a {source.config['model_type']} of "
                f"{counted(config.layers, 'layer')} has, as its config.json says"
            )
    layers = {name: int(found[1]) for name in tensors if (found := _LAYER.match(name))}
    if extra := sorted(_plain(name) for name, layer in layers.items() if layer >= config.layers):
        raise CheckpointError(
            f"{source.folder}: its config.json has num_hidden_layers {config.layers}, its weights have "
            f"{max(layers.values()) + 1} layers; import would lose {some(extra)}"
        )


def _plain(name: str) -> str:
    """The name of a tensor without the prefix of its model."""
    return name.removeprefix("luke.")


def _check_shapes(source: Checkpoint, tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Refuses tensors of another shape than config.json says; entity tables may have any number of rows."""
    for name, tensor in wanted.items():
        rows = 1 if name in _ENTITY_ROWS.values() else 0
        if name in tensors and tensors[name].shape[rows:] != tensor.shape[rows:]:
            raise CheckpointError(
                f"{source.folder}: {name} has the shape {tuple(tensors[name].shape)}, its config.json describes "
                f"{(*tensors[name].shape[:rows], *tensor.shape[rows:])}"
            )


def _draw(config: ModelConfig, seed: int) -> dict[str, Tensor]:
    """Draws random parameters by a seed; the global generator keeps its state."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        return {name: value.detach() for name, value in PretrainingModel(config).state_dict().items()}


def _take_rows(target: Tensor, source: Tensor | None, match: EntityMatch) -> bool:
    """Copies the source's rows to the entities that have one; returns whether all have one."""
    if source is None:
        return False
    rows = torch.from_numpy(match.rows)
    places = (rows >= 0).nonzero().flatten()
    target[places] = source[rows[places]].float()
    return len(places) == len(rows)


def _report(
    source: Checkpoint,
    config: ModelConfig,
    found: set[str],
    tensors: Mapping[str, Tensor],
    words: WordVocabulary,
    match: EntityMatch,
) -> dict[str, Any]:
    """Returns the content of import.json, without the seed."""
    names = hugging_face_names(config)
    used = {part for parts in names.values() for part in parts}
    return {
        "source": str(source.folder),
        "model_type": source.config["model_type"],
        "architectures": source.config.get("architectures"),
        "attention_dropout": attention_dropout(source.config),
        "found": sorted(found),
        "not_found": sorted(set(names) - found),
        "unused": sorted(set(tensors) - used),
        "words": {"rows": words.size, "dropped": words.dropped, "tokenizer_compared": words.compared},
        "entities": {
            "rows": len(match.rows),
            "found": match.found if _ENTITIES in tensors else 0,
            "found_by": dict(match.found_by),
            "titles_disagree": match.titles_disagree,
        },
    }
