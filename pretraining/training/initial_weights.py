"""The initial parameters of a run, and the choice of the parameters that the run trains."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mlukit.pretraining.config import ModelConfig, RunConfig
from mlukit.pretraining.model.model import PretrainingModel
from mlukit.pretraining.training.checkpoint import check_shapes, read_weights, shapes_of
from mlukit.pretraining.training.run_folder import (
    IMPORTED,
    RUN,
    RunFolderError,
    not_found,
    read_json,
    weights_file,
)


def initial_model(config: RunConfig, init: Path | None) -> tuple[PretrainingModel, frozenset[str]]:
    """Makes a model on the CPU, with random parameters by the run's seed and weights from `init`.

    Args:
        config: of the run.
        init: the folder of `mlukit import` or of a run; its weights replace random ones. None: all are random.

    Returns:
        The model, and the names of the new parameters: random ones, and entity-aware queries that `init` lacks, which
        start as copies of the plain query.

    Raises:
        RunFolderError: the weights are damaged, or belong to another model; the text names the parameter.
    """
    torch.manual_seed(config.data.seed)
    model = PretrainingModel(config.model)
    names = frozenset(name for name, _ in model.named_parameters())
    if init is None:
        return model, names
    file = weights_file(init)
    weights = read_weights(file)
    queries = _entity_aware_queries(config.model, weights)
    weights |= queries
    new = (not_found(init) | set(queries)) & names
    check_shapes(file, shapes_of(weights), shapes_of(model.state_dict()), new)
    model.load_state_dict(weights, strict=False)
    return model, new


def attention_dropout_of(folder: Path | None) -> float | None:
    """The dropout of attention, for fine-tuning, of the model of transformers that a folder goes back to.

    Pretraining uses no dropout of attention by default, so a run only carries the value from import to export.

    Args:
        folder: INIT, or a run; None for random weights.

    Returns:
        The value, or None if the folder does not have it.
    """
    files = [folder / name for name in (IMPORTED, RUN)] if folder else []
    file = next((file for file in files if file.is_file()), None)
    facts: Any = read_json(file) if file else {}
    value: float | None = facts.get("attention_dropout") if isinstance(facts, dict) else None
    if value is not None and type(value) not in (int, float):
        raise RunFolderError(f"{file}: attention_dropout is {value!r}; a number or null is needed")
    return value


def _entity_aware_queries(config: ModelConfig, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The entity-aware queries of the model that the weights lack, as copies of the plain query.

    LUKE begins fine-tuning with such copies: the model computes the same until the copies are trained.
    """
    queries = {}
    for layer in range(config.layers if config.entity_aware_attention else 0):
        for kind in ("weight", "bias"):
            plain = weights.get(f"layers.{layer}.attention.qkv.{kind}")
            name = f"layers.{layer}.attention.entity_aware_queries.{kind}"
            if plain is not None and name not in weights:
                queries[name] = torch.cat([plain.chunk(3)[0]] * 3)
    return queries


def freeze(model: PretrainingModel, config: RunConfig, new: Collection[str]) -> frozenset[str]:
    """Turns gradients off for the parameters that the run does not train.

    Stage 1 trains only new parameters. The objective can leave parameters out in both stages.

    Returns:
        The names of the trained parameters.

    Raises:
        RunFolderError: there are no parameters to train.
    """
    trained = set()
    for name, parameter in model.named_parameters():
        wanted = (config.training.stage == 2 or name in new) and config.data.loaded_objective.trains(name)
        parameter.requires_grad_(wanted)
        if wanted:
            trained.add(name)
    if not trained:
        raise RunFolderError("--stage 1 trains what --init did not have, and it had all: take --stage 2")
    return frozenset(trained)
