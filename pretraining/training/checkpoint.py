"""Checkpoints: everything that a run needs to continue. Each is written under another name, and renamed at the end.

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

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.distributed.checkpoint import state_dict_loader, state_dict_saver
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_state_dict,
    set_state_dict,
)
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer

from mlukit.pretraining.errors import warn
from mlukit.pretraining.training.ranks import Ranks
from mlukit.pretraining.training.run_folder import (
    STEP,
    WEIGHTS,
    RunFolderError,
    checkpoint_folder,
    checkpoints,
    write_manifest,
)

_TRAINING = "training"
_WRITING = ".writing-"  # before the name of a checkpoint that is not whole yet


class SaveError(OSError):
    """A checkpoint cannot be written; the text gives the reason. The earlier checkpoints are unchanged."""


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
        SaveError: the checkpoint cannot be written, such as on a full disk. Nothing of the checkpoint stays.
    """
    folder = checkpoint_folder(run, steps)
    temporary = folder.with_name(f"{_WRITING}{folder.name}")
    try:
        _write(temporary, steps, model, optimizer, ranks)
        if ranks.first:
            if folder.exists():  # a damaged checkpoint, which was passed over
                shutil.rmtree(folder)
            temporary.rename(folder)
            _sync(folder.parent)
    except (OSError, SafetensorError, CheckpointException) as error:
        if ranks.first:
            shutil.rmtree(temporary, ignore_errors=True)
        raise SaveError(f"the checkpoint of step {steps:,} cannot be written: {_reason(error)}") from error
    if ranks.first:
        for _, old in [c for c in checkpoints(run) if c[0] <= steps][kept:]:
            _remove(old)
    ranks.wait()
    return folder


def _write(folder: Path, steps: int, model: nn.Module, optimizer: Optimizer, ranks: Ranks) -> None:
    """Writes the files of a checkpoint; every rank calls it."""
    if ranks.first:
        for leftover in folder.parent.glob(f"{_WRITING}{STEP}*/"):  # of a process that was killed
            shutil.rmtree(leftover)
        folder.mkdir(parents=True)
    ranks.wait()
    with warnings.catch_warnings(action="ignore"):  # it warns that there is only one process
        state_dict_saver.save(_state(model, optimizer), checkpoint_id=folder / _TRAINING)
    weights = full_weights(model)
    if ranks.first:
        save_file(dict(weights), folder / WEIGHTS, {"format": "pt"})
        write_manifest(folder, steps)


def _reason(error: BaseException) -> str:
    """The reason why files could not be written; raises what is a fault of the program."""
    if not isinstance(error, CheckpointException):
        return str(error)
    first = next(iter(error.failures.values()))[0]
    reason: BaseException | None = first
    while reason and not isinstance(
        reason, OSError
    ):  # torch's writer raises a RuntimeError while it handles an OSError
        reason = reason.__cause__ or reason.__context__
    if reason is None and not isinstance(first, RuntimeError):
        raise error
    return str(reason or first).partition("\n")[0]


def _remove(checkpoint: Path) -> None:
    """Removes an old checkpoint; one that cannot be removed does not end the run."""
    try:
        shutil.rmtree(checkpoint)
    except OSError as error:
        warn("train", f"the old checkpoint {checkpoint} cannot be removed: {error}")


def load(folder: Path, model: nn.Module, optimizer: Optimizer) -> None:
    """Loads a checkpoint into a model and its optimizer; every rank calls it."""
    state = _state(model, optimizer)
    with warnings.catch_warnings(action="ignore"):
        state_dict_loader.load(state, checkpoint_id=folder / _TRAINING)
    set_state_dict(model, optimizer, model_state_dict=state["model"], optim_state_dict=state["optimizer"])


def read_weights(file: Path) -> dict[str, Tensor]:
    """Reads a file of weights, to use the model.

    Raises:
        RunFolderError: the file is damaged, or a parameter is not finite; the text names the parameter.
    """
    try:
        weights = load_file(file)
    except SafetensorError as error:
        raise RunFolderError(f"{file} is damaged: {error}") from error
    if wrong := not_finite(weights):
        raise RunFolderError(f"{file}: {wrong} has values that are not finite numbers, so the model cannot be used")
    return weights


def not_finite(parameters: Mapping[str, Tensor]) -> str:
    """The name of the first parameter with NaN or infinity, as far as this rank has it; "" if all are finite."""
    values = {name: p.to_local() if isinstance(p, DTensor) else p for name, p in parameters.items()}
    flags = torch.stack([value.detach().isfinite().all() for value in values.values()]).tolist()
    return next((name for name, finite in zip(values, flags, strict=True) if not finite), "")


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
