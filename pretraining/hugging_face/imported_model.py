"""Makes a model of ours of one of transformers': XLM-R, or one with entities already, mLUKE.

What XLM-R has not is random, the table of the entities' positions too: LUKE loads what RoBERTa has by name
(`LukeBaseModel.load_bert_weights`), and all of `entity_embeddings` stays as `init_weights` made it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mlukit.corpus.entities.vocabulary import SPECIAL_ENTITIES
from mlukit.pretraining.config import ConfigError, ModelConfig
from mlukit.pretraining.data.dataset import TOKENIZER, VOCABULARY
from mlukit.pretraining.hugging_face.checkpoint_files import Checkpoint, CheckpointError, read_json_object
from mlukit.pretraining.hugging_face.entity_vocabulary import ENTITY_VOCABULARY_FILE, EntityMatch, match_entities
from mlukit.pretraining.hugging_face.luke_config import LUKE, XLM_ROBERTA, model_config
from mlukit.pretraining.hugging_face.names import TIED, from_hugging_face, hugging_face_names, to_hugging_face
from mlukit.pretraining.hugging_face.word_vocabulary import WordVocabulary, word_vocabulary
from mlukit.pretraining.model.model import PretrainingModel

_WORDS = "luke.embeddings.word_embeddings.weight"
_ENTITIES = "luke.entity_embeddings.entity_embeddings.weight"
_ENTITY_ROWS = {"entity_embeddings.entities.weight": _ENTITIES, "entity_head.bias": "entity_predictions.bias"}
_PREFIX = {XLM_ROBERTA: "roberta.", LUKE: "luke."}
_HEADS = ("lm_head.", "entity_predictions.")
_QUERY = ".attention.self.query."
_ENTITY_AWARE_QUERIES = ("w2e_query", "e2w_query", "e2e_query")
_WORD_ROWS = (_WORDS, "lm_head.bias")


@dataclass(frozen=True, slots=True)
class Imported:
    """A model, and what is known of where it came from."""

    config: ModelConfig
    weights: dict[str, Tensor]  # every parameter, by our names, float32
    report: dict[str, Any]  # import.json


def import_model(source: Checkpoint, examples: Path | None, *, seed: int, entity_width: int) -> Imported:
    """Makes the parameters of ours that the source has, and draws the others.

    Args:
        source: a model of transformers: XLM-R or LUKE, with heads or without.
        examples: whose words and entities the model is to be for; None to keep the vocabularies of a LUKE.
        seed: of what is drawn.
        entity_width: of an entity's embedding, where the source has none.

    Raises:
        CheckpointError: the source is of another kind, or does not fit the examples; the text names both.
    """
    theirs = _named_as_luke(source)
    table = _words(source, theirs)
    words = word_vocabulary(source, len(table), examples and examples / TOKENIZER)
    theirs |= {name: theirs[name][: words.size] for name in _WORD_ROWS if name in theirs}
    match = _match(source, theirs, examples)
    config = _config(source, theirs, words, match, entity_width)
    weights = _drawn(config, seed)
    _check_shapes(source, theirs, dict(to_hugging_face(config, weights)))
    fixed = {name: tensor for name, tensor in theirs.items() if name not in _ENTITY_ROWS.values()}
    found = {name: value.float() for name, value in from_hugging_face(config, fixed).items()}
    weights |= found
    whole = [name for name, table in _ENTITY_ROWS.items() if _take_rows(weights[name], theirs.get(table), match)]
    return Imported(config, weights, _report(source, config, {*found, *whole}, theirs, words, match, seed))


def _named_as_luke(source: Checkpoint) -> dict[str, Tensor]:
    """The tensors by the names of `LukeForMaskedLM`, prefixed in the file or not; copies are compared, and left out."""
    kind = str(source.config.get("model_type"))
    if kind not in _PREFIX:
        raise CheckpointError(f"{source.folder} is a model of type {kind!r}; {' and '.join(_PREFIX)} can be imported")
    theirs = {}
    for name, tensor in source.tensors.items():
        plain = name.removeprefix(_PREFIX[kind])
        theirs[plain if plain.startswith(_HEADS) else f"luke.{plain}"] = tensor
    if "lm_head.decoder.bias" in theirs:
        theirs.setdefault("lm_head.bias", theirs["lm_head.decoder.bias"])
    for copy, original in TIED.items():
        if copy in theirs and (original not in theirs or not torch.equal(theirs.pop(copy), theirs[original])):
            raise CheckpointError(f"{source.folder}: {copy} is not {original}, and ours is one and the same")
    return theirs


def _words(source: Checkpoint, theirs: Mapping[str, Tensor]) -> Tensor:
    if _WORDS not in theirs:
        raise CheckpointError(f"{source.folder} has no embeddings.word_embeddings.weight: it is no encoder")
    if (rows := len(theirs[_WORDS])) != (said := source.config.get("vocab_size")):
        raise CheckpointError(f"{source.folder}: its config.json has vocab_size {said}, its word table {rows:,} rows")
    return theirs[_WORDS]


def _match(source: Checkpoint, theirs: Mapping[str, Tensor], examples: Path | None) -> EntityMatch:
    """Which of the source's entities are ours."""
    rows = len(theirs[_ENTITIES]) if _ENTITIES in theirs else 0
    if examples is None:
        if not rows:
            raise CheckpointError(f"{source.folder} has no entities: name the examples that have, by --examples")
        _check_special_entities(source)
        return EntityMatch(torch.arange(rows).numpy())
    names = {}
    if rows:
        names = read_json_object(source.folder / ENTITY_VOCABULARY_FILE)
        for name, row in names.items():
            if not isinstance(row, int) or not 0 <= row < rows:
                raise CheckpointError(
                    f"{source.folder / ENTITY_VOCABULARY_FILE}: {name!r} is {row!r}, the table has {rows:,} rows"
                )
    return match_entities(examples / VOCABULARY, names)


def _check_special_entities(source: Checkpoint) -> None:
    """Refuses an entity table that is to stay as it is, where its first rows are not ours."""
    names = read_json_object(source.folder / ENTITY_VOCABULARY_FILE)
    for row, name in enumerate(SPECIAL_ENTITIES):
        if (found := names.get(name, row)) != row:
            raise CheckpointError(
                f"{source.folder} has {name} in row {found}, ours is row {row}: name the examples by --examples"
            )


def _config(
    source: Checkpoint, theirs: Mapping[str, Tensor], words: WordVocabulary, match: EntityMatch, entity_width: int
) -> ModelConfig:
    width = theirs[_ENTITIES].shape[1] if _ENTITIES in theirs else entity_width
    try:
        return model_config(
            source.config,
            words=words.size,
            entities=len(match.rows),
            entity_width=width,
            entity_aware=bool(source.config.get("use_entity_aware_attention")) and _has_own_queries(theirs),
        )
    except ConfigError as error:
        raise CheckpointError(f"{source.folder / 'config.json'}: {error}") from error


def _has_own_queries(theirs: Mapping[str, Tensor]) -> bool:
    """Whether the entity-aware queries are more than the copies of the first that conversion makes them."""
    return any(
        not torch.equal(tensor, theirs[other])
        for name, tensor in theirs.items()
        if _QUERY in name
        for query in _ENTITY_AWARE_QUERIES
        if (other := name.replace("query", query)) in theirs
    )


def _check_shapes(source: Checkpoint, theirs: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Refuses tensors that are not of the shape that config.json says; tables of entities may have any rows."""
    for name, tensor in wanted.items():
        rows = 1 if name in _ENTITY_ROWS.values() else 0
        if name in theirs and theirs[name].shape[rows:] != tensor.shape[rows:]:
            raise CheckpointError(
                f"{source.folder}: {name} has the shape {tuple(theirs[name].shape)}, its config.json makes it "
                f"{(*theirs[name].shape[:rows], *tensor.shape[rows:])}"
            )


def _drawn(config: ModelConfig, seed: int) -> dict[str, Tensor]:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        return {name: value.detach() for name, value in PretrainingModel(config).state_dict().items()}


def _take_rows(ours: Tensor, theirs: Tensor | None, match: EntityMatch) -> bool:
    """Puts the source's rows in their places; whether all have one."""
    if theirs is None:
        return False
    rows = torch.from_numpy(match.rows)
    places = (rows >= 0).nonzero().flatten()
    ours[places] = theirs[rows[places]].float()
    return len(places) == len(rows)


def _report(
    source: Checkpoint,
    config: ModelConfig,
    found: set[str],
    theirs: Mapping[str, Tensor],
    words: WordVocabulary,
    match: EntityMatch,
    seed: int,
) -> dict[str, Any]:
    names = hugging_face_names(config)
    used = {part for parts in names.values() for part in parts}
    return {
        "source": str(source.folder),
        "model_type": source.config["model_type"],
        "architectures": source.config.get("architectures"),
        "found": sorted(found),
        "not_found": sorted(set(names) - found),
        "unused": sorted(set(theirs) - used),
        "words": {"rows": words.size, "dropped": words.dropped, "tokenizer_compared": words.compared},
        "entities": {
            "rows": len(match.rows),
            "found": match.found if _ENTITIES in theirs else 0,
            "found_by": dict(match.by),
            "titles_disagree": match.titles_disagree,
        },
        "seed": seed,
    }
