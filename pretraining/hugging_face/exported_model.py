"""Writes a model folder that `LukeForMaskedLM.from_pretrained` and `AutoTokenizer.from_pretrained` load.

The folder also has what the tasks of mLUKE need and pretraining does not train, as in transformers' conversion of mLUKE
(`convert_mluke_original_pytorch_checkpoint_to_pytorch.py`): rows of the words `<ent>` and `<ent2>`, which copy the rows
of `@` and `#`, and entity-aware queries, which copy the plain query. The copies change no logit of another word, and
none of an entity.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from mlukit.corpus.examples.tokenizer import UNK_ID, Tokenizer, TokenizerError
from mlukit.pretraining.config import DataConfig, ModelConfig
from mlukit.pretraining.data.dataset import open_tokenizer, open_vocabulary
from mlukit.pretraining.hugging_face.card_metadata import RANDOM_WEIGHTS, Origin
from mlukit.pretraining.hugging_face.checkpoint_files import CheckpointError, check_finite
from mlukit.pretraining.hugging_face.entity_vocabulary import ENTITY_VOCABULARY_FILE, write_entity_vocabulary
from mlukit.pretraining.hugging_face.luke_config import ATTENTION_DROPOUT, luke_config
from mlukit.pretraining.hugging_face.model_card import Training, model_card
from mlukit.pretraining.hugging_face.names import (
    ENTITY_AWARE_QUERIES,
    QUERY,
    TIED,
    WORD_ROWS,
    hugging_face_names,
    to_hugging_face,
)
from mlukit.pretraining.hugging_face.new_folder import new_folder
from mlukit.pretraining.hugging_face.tokenizer_files import ENT, ENT2, write_tokenizer
from mlukit.pretraining.model.special_entities import with_special_entities
from mlukit.pretraining.training.run_folder import write_json
from mlukit.schemas.layout import TOKENIZER, VOCABULARY_PARQUET
from mlukit.schemas.wording import counted

_COPIED_PIECES = {ENT: "@", ENT2: "#"}
_ENTITY_DECODER = "entity_predictions.decoder.weight"  # every version of transformers ties it; the largest tensor
_POOLER = "luke.pooler.dense"
_POOLER_SEED = 0


def export_model(
    config: ModelConfig,
    weights: Mapping[str, Tensor],
    examples: Path,
    output: Path,
    *,
    data: DataConfig | None = None,
    training: Training | None = None,
    origin: Origin = RANDOM_WEIGHTS,
    attention_dropout: float | None = None,
) -> None:
    """Writes a model in the layout of transformers.

    Args:
        config: of the model.
        weights: the parameters, by our names.
        examples: the output folder of `mlukit build` that it was trained on: tokenizer, entity vocabulary, manifests.
        output: the folder to write; it must not exist, or be empty.
        data: the limits of the examples, which become the tokenizer's; None for the default limits.
        training: the run, for the model card; None if there was none.
        origin: where the weights come from, for the model card.
        attention_dropout: for fine-tuning, while `config` has that of pretraining; None for XLM-R's.

    Raises:
        CheckpointError: the weights and the examples do not belong together, a parameter is missing or not finite, or
            transformers has no tokenizer for this SentencePiece model.
        ExamplesError: the tokenizer or the entity vocabulary cannot be read.
        FileExistsError: the output is not empty.
    """
    tokenizer = _tokenizer(config, examples / TOKENIZER)
    _check_entities(config, examples / VOCABULARY_PARQUET)
    if missing := sorted(set(hugging_face_names(config)) - set(weights)):
        raise CheckpointError(
            f"the weights lack {counted(len(missing), 'parameter')} of the model, such as {missing[0]}"
        )
    check_finite("the weights", weights)
    weights = with_special_entities(weights, config, examples)
    dropout = ATTENTION_DROPOUT if attention_dropout is None else attention_dropout
    with new_folder(output) as folder:
        write_json(folder / "config.json", luke_config(config, dropout))
        save_file(_tensors(config, weights, tokenizer), folder / "model.safetensors", {"format": "pt"})
        try:
            write_tokenizer((examples / TOKENIZER).read_bytes(), folder, limits=data or DataConfig())
        except TokenizerError as error:
            raise CheckpointError(f"{examples / TOKENIZER}: {error}") from error
        write_entity_vocabulary(examples / VOCABULARY_PARQUET, folder / ENTITY_VOCABULARY_FILE)
        card = model_card(output.resolve().name, config, examples, training, origin)
        (folder / "README.md").write_text(card, encoding="utf-8")


def _tensors(config: ModelConfig, weights: Mapping[str, Tensor], tokenizer: Tokenizer) -> dict[str, Tensor]:
    """Returns the tensors to write, with a word decoder, which transformers 5 does not tie, and a pooler for it."""
    tensors = {name: tensor.float().contiguous() for name, tensor in to_hugging_face(config, weights)}
    _add_task_rows(tensors, tokenizer)
    _add_entity_aware_queries(tensors)
    for copy, original in TIED.items():
        if copy != _ENTITY_DECODER:
            tensors[copy] = tensors[original].clone()
    size = config.hidden_size
    random = torch.Generator().manual_seed(_POOLER_SEED)
    tensors[f"{_POOLER}.weight"] = torch.randn(size, size, generator=random) * config.initializer_range
    tensors[f"{_POOLER}.bias"] = torch.zeros(size)
    return tensors


def _add_task_rows(tensors: dict[str, Tensor], tokenizer: Tokenizer) -> None:
    """Adds the rows of <ent> and <ent2>: copies of `@` and `#`, or of <unk> if the tokenizer has no such piece."""
    pieces = tokenizer.pieces(range(tokenizer.size))
    copied = [pieces.index(piece) if piece in pieces else UNK_ID for piece in _COPIED_PIECES.values()]
    for name in WORD_ROWS:
        tensors[name] = torch.cat([tensors[name], tensors[name][copied]])


def _add_entity_aware_queries(tensors: dict[str, Tensor]) -> None:
    """Adds the entity-aware queries that the model does not have, as copies of the plain query."""
    for name in [name for name in tensors if QUERY in name]:
        for query in ENTITY_AWARE_QUERIES:
            tensors.setdefault(name.replace("query", query), tensors[name].clone())


def _tokenizer(config: ModelConfig, file: Path) -> Tokenizer:
    """Loads the tokenizer; refuses a tokenizer of another size than the word table."""
    tokenizer = open_tokenizer(file)
    if (size := tokenizer.size) != config.vocabulary_size:
        raise CheckpointError(f"{file} makes a vocabulary of {size:,}, the model has {config.vocabulary_size:,} words")
    return tokenizer


def _check_entities(config: ModelConfig, file: Path) -> None:
    """Refuses an entity vocabulary of another size than the entity table."""
    if (size := open_vocabulary(file).size) != config.entity_vocabulary_size:
        raise CheckpointError(f"{file} has {size:,} entities, the model has {config.entity_vocabulary_size:,}")
