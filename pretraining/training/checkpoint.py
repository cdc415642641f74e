"""Checkpoints: all that a run needs to go on, written aside and renamed, so that one is there or is not.

    step-00005000/training/           parameters and optimizer, by torch.distributed.checkpoint: any number of ranks
    step-00005000/model.safetensors   the parameters alone
    step-00005000/manifest.json       steps done, and size and SHA-256 of each file; written last

The place in the data and the states of random generators are functions of (seed, step): the number of steps done is
all there is to keep of them.
"""

import os
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor, nn
from torch.distributed.checkpoint import state_dict_loader, state_dict_saver
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_state_dict,
    set_state_dict,
)
from torch.optim import Optimizer

from mlukit.pretraining.training.ranks import Ranks
from mlukit.pretraining.training.run_folder import WEIGHTS, checkpoint_folder, checkpoints, write_manifest

_TRAINING = "training"


def save(run: Path, steps: int, model: nn.Module, optimizer: Optimizer, ranks: Ranks, kept: int) -> Path:
    """Writes a checkpoint and removes all but the last `kept`; every rank calls it.

    Returns:
        Its folder.

    Raises:
        OSError: it cannot be written; the checkpoints before it are as they were.
    """
    folder = checkpoint_folder(run, steps)
    aside = folder.with_name(f".writing-{folder.name}")
    if ranks.first:
        for left in folder.parent.glob(".*"):  # by a process that was killed
            shutil.rmtree(left)
        aside.mkdir(parents=True)
    ranks.wait()
    with warnings.catch_warnings(action="ignore"):  # that there is one process only
        state_dict_saver.save(_state(model, optimizer), checkpoint_id=aside / _TRAINING)
    weights = full_weights(model)
    if ranks.first:
        save_file(dict(weights), aside / WEIGHTS, {"format": "pt"})
        write_manifest(aside, steps)
        if folder.exists():  # a damaged one, which was passed over
            shutil.rmtree(folder)
        aside.rename(folder)
        _sync(folder.parent)
        for _, old in [c for c in checkpoints(run) if c[0] <= steps][kept:]:
            shutil.rmtree(old)
    ranks.wait()
    return folder


def load(folder: Path, model: nn.Module, optimizer: Optimizer) -> None:
    """Puts a checkpoint's parameters and optimizer in place of those there are; every rank calls it."""
    state = _state(model, optimizer)
    with warnings.catch_warnings(action="ignore"):
        state_dict_loader.load(state, checkpoint_id=folder / _TRAINING)
    set_state_dict(model, optimizer, model_state_dict=state["model"], optim_state_dict=state["optimizer"])


def full_weights(model: nn.Module) -> Mapping[str, Tensor]:
    """The parameters by name, whole and on the CPU, on the first rank; every rank calls it."""
    values: Mapping[str, Any] = get_model_state_dict(
        model, options=StateDictOptions(full_state_dict=True, cpu_offload=True)
    )
    return {name: value.contiguous() for name, value in values.items()}


def _state(model: nn.Module, optimizer: Optimizer) -> dict[str, Any]:
    parameters, moments = get_state_dict(model, optimizer)
    return {"model": parameters, "optimizer": moments}


def _sync(folder: Path) -> None:
    """Has the names in a folder on the disk."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
