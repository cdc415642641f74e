"""Checkpoints: everything that a run needs to go on. Each is written under another name and renamed when it is whole.

    step-00005000/training/           parameters and optimizer, by torch.distributed.checkpoint: any number of ranks
    step-00005000/model.safetensors   only the parameters
    step-00005000/manifest.json       steps done, and size and SHA-256 of each file; written last

The position in the data and the states of random generators are functions of (seed, step), so a checkpoint keeps only
the number of steps done.
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

    Args:
        run: the run's folder.
        steps: the steps done.
        model: as the ranks train it.
        optimizer: with its state.
        ranks: the processes of the run.
        kept: how many checkpoints to keep, the new one included.

    Returns:
        The folder of the checkpoint.

    Raises:
        OSError: the checkpoint cannot be written; the earlier checkpoints are unchanged.
    """
    folder = checkpoint_folder(run, steps)
    temporary = folder.with_name(f".writing-{folder.name}")
    if ranks.first:
        for leftover in folder.parent.glob(".*"):  # of a process that was killed
            shutil.rmtree(leftover)
        temporary.mkdir(parents=True)
    ranks.wait()
    with warnings.catch_warnings(action="ignore"):  # it warns that there is only one process
        state_dict_saver.save(_state(model, optimizer), checkpoint_id=temporary / _TRAINING)
    weights = full_weights(model)
    if ranks.first:
        save_file(dict(weights), temporary / WEIGHTS, {"format": "pt"})
        write_manifest(temporary, steps)
        if folder.exists():  # a damaged checkpoint, which was passed over
            shutil.rmtree(folder)
        temporary.rename(folder)
        _sync(folder.parent)
        for _, old in [c for c in checkpoints(run) if c[0] <= steps][kept:]:
            shutil.rmtree(old)
    ranks.wait()
    return folder


def load(folder: Path, model: nn.Module, optimizer: Optimizer) -> None:
    """Loads a checkpoint into a model and its optimizer; every rank calls it."""
    state = _state(model, optimizer)
    with warnings.catch_warnings(action="ignore"):
        state_dict_loader.load(state, checkpoint_id=folder / _TRAINING)
    set_state_dict(model, optimizer, model_state_dict=state["model"], optim_state_dict=state["optimizer"])


def full_weights(model: nn.Module) -> Mapping[str, Tensor]:
    """The whole parameters by name, on the CPU of the first rank; every rank calls it."""
    values: Mapping[str, Any] = get_model_state_dict(
        model, options=StateDictOptions(full_state_dict=True, cpu_offload=True)
    )
    return {name: value.contiguous() for name, value in values.items()}


def _state(model: nn.Module, optimizer: Optimizer) -> dict[str, Any]:
    parameters, moments = get_state_dict(model, optimizer)
    return {"model": parameters, "optimizer": moments}


def _sync(folder: Path) -> None:
    """Flushes the names of a folder's files to disk."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
