"""Loads a model for use: a run, INIT, an exported folder, or a folder of XLM-R or mLUKE."""

import re
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from mlukit.pretraining.config import ModelConfig
from mlukit.pretraining.data.dataset import open_tokenizer
from mlukit.pretraining.errors import PretrainingError, warn
from mlukit.pretraining.hugging_face.checkpoint_files import Checkpoint, read_checkpoint
from mlukit.pretraining.hugging_face.imported_model import model_with_own_vocabularies
from mlukit.pretraining.hugging_face.tokenizer_files import SENTENCEPIECE_FILE
from mlukit.pretraining.model.model import PretrainingModel
from mlukit.pretraining.model.special_entities import with_special_entities
from mlukit.pretraining.prediction.entity_ids import NamedIds, VocabularyIds
from mlukit.pretraining.prediction.loaded_model import LoadedModel
from mlukit.pretraining.training.checkpoint import read_weights
from mlukit.pretraining.training.fingerprints import check_vocabularies
from mlukit.pretraining.training.run_folder import (
    CONFIG,
    examples_of,
    is_run,
    not_found,
    read_json,
    read_model_config,
    weights_file,
)
from mlukit.schemas.layout import TOKENIZER, VOCABULARY_PARQUET
from mlukit.schemas.wording import counted

_DEVICE = re.compile(r"cpu|cuda(:[0-9]{1,3})?", re.ASCII)
_ENTITY_HEAD = "entity_head.dense.weight"


class ModelFolderError(PretrainingError):
    """A folder has no model that can be loaded, or the device does not exist; the text says what would be accepted."""


def load_model(
    folder: str | Path, examples: str | Path | None = None, device: str | torch.device | None = None
) -> LoadedModel:
    """Loads a model with its tokenizer and its entities, ready for use.

    Args:
        folder: of `mlukit train` (the last complete checkpoint), `mlukit import` or `mlukit export`, or of a model of
            transformers: XLM-R or mLUKE.
        examples: the output folder of `mlukit build`; None for the folder where a run found its examples. A folder of
            transformers has its own words and entities and needs no examples.
        device: "cpu", "cuda" or "cuda:1"; None for the GPU if there is one.

    Raises:
        PretrainingError: the folder has no such model, it is damaged, or it does not belong to the examples; the text
            names the folder and says what would be accepted.
    """
    folder = Path(folder)
    if not (folder / CONFIG).is_file():
        problem = f"{folder} has no {CONFIG}" if folder.is_dir() else f"there is no folder {folder}"
        raise ModelFolderError(f"{problem}: name a folder of mlukit train, import or export, or of XLM-R or mLUKE")
    place = device_of(device)
    config = read_json(folder / CONFIG)
    if isinstance(config, dict) and "model_type" in config:
        if examples is not None:
            raise ModelFolderError(f"{folder} has its own words and entities: leave the examples {examples} out")
        return model_of_checkpoint(read_checkpoint(folder), place)
    return _from_mlukit(folder, Path(examples) if examples else None, place)


def _from_mlukit(folder: Path, examples: Path | None, device: torch.device) -> LoadedModel:
    """A run, or INIT, whose words and entities are those of its examples."""
    examples = examples_of(folder, examples)
    tokenizer, entities = open_tokenizer(examples / TOKENIZER), VocabularyIds(examples / VOCABULARY_PARQUET)
    check_vocabularies(folder, examples, {"tokenizer": tokenizer.fingerprint, "entities": entities.fingerprint})
    config = read_model_config(folder)
    weights = read_weights(weights_file(folder, say=partial(warn, "load_model")), config)
    model = _model(config, with_special_entities(weights, config, examples), device)
    trained = is_run(folder) or _ENTITY_HEAD not in not_found(folder)
    return LoadedModel(folder, model, tokenizer, entities, device, trained)


def model_of_checkpoint(source: Checkpoint, device: torch.device) -> LoadedModel:
    """Makes a model of a folder of transformers, ready for use; errors as in `load_model`."""
    found = model_with_own_vocabularies(source)
    model, tokenizer = _model(found.config, found.weights, device), open_tokenizer(source.folder / SENTENCEPIECE_FILE)
    entities = None if found.rows is None else NamedIds(found.rows)
    return LoadedModel(source.folder, model, tokenizer, entities, device, _ENTITY_HEAD in found.found)


def _model(config: ModelConfig, weights: dict[str, Tensor], device: torch.device) -> PretrainingModel:
    with torch.device("meta"):
        model = PretrainingModel(config)
    model.load_state_dict(weights, assign=True)
    return model.to(device).eval()


def device_of(name: str | torch.device | None) -> torch.device:
    """The device of a name; None for the GPU if there is one. ModelFolderError if it cannot be used."""
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not _DEVICE.fullmatch(str(name)):
        raise ModelFolderError(f"the device {str(name)!r} cannot be used; accepted: cpu, cuda or cuda:N")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        gpus = torch.cuda.device_count()
        raise ModelFolderError(f"the device {str(name)!r} cannot be used: PyTorch finds {counted(gpus, 'GPU')} here")
    return device
