"""The parameters that a run starts from, and which of them it trains."""

from collections.abc import Collection
from pathlib import Path

import torch
from safetensors.torch import load_file

from mlukit.pretraining.config import RunConfig
from mlukit.pretraining.model.model import PretrainingModel
from mlukit.pretraining.training.run_folder import RunFolderError, not_found, weights_file

_OF_ENTITIES = ("entity_embeddings.", "entity_head.")


def initial_model(config: RunConfig, init: Path | None) -> tuple[PretrainingModel, frozenset[str]]:
    """A model on the CPU, its random parameters by the run's seed.

    Args:
        init: what `mlukit import` wrote, or a run, whose weights replace random ones.

    Returns:
        The model, and the names of the parameters that are new: random all the same.

    Raises:
        RunFolderError: the weights are not of this model; the text names the parameter.
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
    """Takes away the gradients of what the run does not train: in stage 1 all that is not new, without entities theirs.

    Returns:
        The names of the parameters that are trained.

    Raises:
        RunFolderError: none are.
    """
    trained = set()
    for name, parameter in model.named_parameters():
        wanted = config.training.stage == 2 or name in new
        if config.data.objective == "words" and name.startswith(_OF_ENTITIES):
            wanted = False
        parameter.requires_grad_(wanted)
        if wanted:
            trained.add(name)
    if not trained:
        raise RunFolderError("--stage 1 trains what --init did not have, and it had all: take --stage 2")
    return frozenset(trained)
