"""The initial parameters of a run, and the choice of those that it trains."""

from collections.abc import Collection
from pathlib import Path

import torch
from safetensors.torch import load_file

from mlukit.pretraining.config import RunConfig
from mlukit.pretraining.model.model import PretrainingModel
from mlukit.pretraining.training.run_folder import RunFolderError, not_found, weights_file

_ENTITY_PARTS = ("entity_embeddings.", "entity_head.")


def initial_model(config: RunConfig, init: Path | None) -> tuple[PretrainingModel, frozenset[str]]:
    """Makes a model on the CPU, with random parameters by the run's seed and weights from `init`.

    Args:
        config: of the run.
        init: the folder of `mlukit import` or of a run; its weights replace random ones. None: all are random.

    Returns:
        The model, and the names of the new parameters, which are still random.

    Raises:
        RunFolderError: the weights belong to another model; the text names the parameter.
    """
    torch.manual_seed(config.data.seed)
    model = PretrainingModel(config.model)
    names = frozenset(name for name, _ in model.named_parameters())
    if init is None:
        return model, names
    file = weights_file(init)
    weights, new = load_file(file), not_found(init) & names
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    for name, shape in shapes.items():
        found = tuple(weights[name].shape) if name in weights else None
        if found != shape and (found or name not in new):
            raise RunFolderError(f"{file}: {name} is {found or 'missing'}, the model has {shape}")
    if strange := sorted(set(weights) - set(shapes)):
        raise RunFolderError(f"{file}: the model has no {strange[0]}")
    model.load_state_dict(weights, strict=False)
    return model, new


def freeze(model: PretrainingModel, config: RunConfig, new: Collection[str]) -> frozenset[str]:
    """Turns gradients off for the parameters that the run does not train.

    Stage 1 trains only new parameters. A run that predicts only words does not train the parameters of entities.

    Returns:
        The names of the trained parameters.

    Raises:
        RunFolderError: there are no parameters to train.
    """
    trained = set()
    for name, parameter in model.named_parameters():
        wanted = config.training.stage == 2 or name in new
        if config.data.objective == "words" and name.startswith(_ENTITY_PARTS):
            wanted = False
        parameter.requires_grad_(wanted)
        if wanted:
            trained.add(name)
    if not trained:
        raise RunFolderError("--stage 1 trains what --init did not have, and it had all: take --stage 2")
    return frozenset(trained)
