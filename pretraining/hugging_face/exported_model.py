"""Writes a model folder that `LukeForMaskedLM.from_pretrained` and `AutoTokenizer.from_pretrained` load."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from mlukit.corpus.examples.tokenizer import TokenizerError
from mlukit.pretraining.config import DataConfig, ModelConfig
from mlukit.pretraining.data.dataset import open_tokenizer, open_vocabulary
from mlukit.pretraining.hugging_face.checkpoint_files import CheckpointError
from mlukit.pretraining.hugging_face.entity_vocabulary import ENTITY_VOCABULARY_FILE, write_entity_vocabulary
from mlukit.pretraining.hugging_face.luke_config import luke_config
from mlukit.pretraining.hugging_face.model_card import Training, model_card
from mlukit.pretraining.hugging_face.names import TIED, hugging_face_names, to_hugging_face
from mlukit.pretraining.hugging_face.new_folder import new_folder
from mlukit.pretraining.hugging_face.tokenizer_files import write_tokenizer
from mlukit.pretraining.training.run_folder import write_json
from mlukit.schemas.layout import TOKENIZER, VOCABULARY_PARQUET
from mlukit.schemas.wording import counted

_ENTITY_DECODER = "entity_predictions.decoder.weight"  # tied by every version; the largest tensor there is
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
) -> None:
    """Writes a model in the layout of transformers.

    Args:
        config: of the model.
        weights: the parameters, by our names.
        examples: the output folder of `mlukit build` that it was trained on: tokenizer, entity vocabulary, manifests.
        output: the folder to write; it must not exist, or be empty.
        data: the limits of the examples, which become the tokenizer's; None for the default limits.
        training: the run, for the model card; None if there was none.

    Raises:
        CheckpointError: the weights and the examples do not belong together, a parameter is missing, or transformers
            has no tokenizer for this SentencePiece model.
        ExamplesError: the tokenizer or the entity vocabulary cannot be read.
        FileExistsError: the output is not empty.
    """
    sentencepiece = _sentencepiece(config, examples / TOKENIZER)
    _check_entities(config, examples / VOCABULARY_PARQUET)
    if missing := sorted(set(hugging_face_names(config)) - set(weights)):
        raise CheckpointError(
            f"the weights lack {counted(len(missing), 'parameter')} of the model, such as {missing[0]}"
        )
    data = data or DataConfig()
    with new_folder(output) as folder:
        write_json(folder / "config.json", luke_config(config))
        save_file(_tensors(config, weights), folder / "model.safetensors", {"format": "pt"})
        try:
            write_tokenizer(sentencepiece, folder, limits=data)
        except TokenizerError as error:
            raise CheckpointError(f"{examples / TOKENIZER}: {error}") from error
        write_entity_vocabulary(examples / VOCABULARY_PARQUET, folder / ENTITY_VOCABULARY_FILE)
        (folder / "README.md").write_text(model_card(config, examples, training), encoding="utf-8")


def _tensors(config: ModelConfig, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors to write, with a word decoder, which transformers 5 does not tie, and a pooler, which it expects."""
    tensors = {name: tensor.float().contiguous() for name, tensor in to_hugging_face(config, weights)}
    for copy, original in TIED.items():
        if copy != _ENTITY_DECODER:
            tensors[copy] = tensors[original].clone()
    size = config.hidden_size
    random = torch.Generator().manual_seed(_POOLER_SEED)
    tensors[f"{_POOLER}.weight"] = torch.randn(size, size, generator=random) * config.initializer_range
    tensors[f"{_POOLER}.bias"] = torch.zeros(size)
    return tensors


def _sentencepiece(config: ModelConfig, file: Path) -> bytes:
    """The SentencePiece model; refuses one of another size than the word table."""
    if (size := open_tokenizer(file).size) != config.vocabulary_size:
        raise CheckpointError(f"{file} makes a vocabulary of {size:,}, the model has one of {config.vocabulary_size:,}")
    return file.read_bytes()


def _check_entities(config: ModelConfig, file: Path) -> None:
    """Refuses an entity vocabulary of another size than the entity table."""
    if (size := open_vocabulary(file).size) != config.entity_vocabulary_size:
        raise CheckpointError(f"{file} has {size:,} entities, the model has {config.entity_vocabulary_size:,}")
