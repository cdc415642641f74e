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
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import torch
from safetensors import SafetensorError, safe_open
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

from mlukit.pretraining.config import ModelConfig
from mlukit.pretraining.errors import warn
from mlukit.pretraining.model.model import PretrainingModel
from mlukit.pretraining.training.ranks import Ranks
from mlukit.pretraining.training.run_folder import (
    CONFIG,
    RUN,
    TRAINING,
    WEIGHTS,
    RunFolderError,
    checkpoint_folder,
    checkpoints,
    named_checkpoints,
    write_manifest,
)

Shape: TypeAlias = tuple[int, ...]

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
            if folder.is_dir():  # a damaged checkpoint, which was passed over
                _discard(folder)
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
        for _, leftover in named_checkpoints(folder.parent.parent, _WRITING):  # of a process that was killed
            _discard(leftover)
        folder.mkdir(parents=True)
    ranks.wait()
    with warnings.catch_warnings(action="ignore"):  # it warns that there is only one process
        state_dict_saver.save(_state(model, optimizer), checkpoint_id=folder / TRAINING)
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


def _discard(path: Path) -> None:
    """Removes a folder with its files; of a link or a file, only the name."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _remove(checkpoint: Path) -> None:
    """Removes an old checkpoint; one that cannot be removed does not end the run."""
    try:
        _discard(checkpoint)
    except OSError as error:
        warn("train", f"the old checkpoint {checkpoint} cannot be removed: {error}")


def load(folder: Path, model: nn.Module, optimizer: Optimizer) -> None:
    """Loads a checkpoint into a model and its optimizer; every rank calls it.

    Raises:
        RunFolderError: the checkpoint is of other parameters than those that the run trains.
    """
    state = _state(model, optimizer)
    try:
        with warnings.catch_warnings(action="ignore"):
            state_dict_loader.load(state, checkpoint_id=folder / TRAINING)
    except CheckpointException as error:
        raise RunFolderError(f"{folder / TRAINING} does not fit {CONFIG} and {RUN}: {_reason(error)}") from error
    set_state_dict(model, optimizer, model_state_dict=state["model"], optim_state_dict=state["optimizer"])


def read_weights(file: Path, config: ModelConfig | None = None) -> dict[str, Tensor]:
    """Reads a file of weights, to use the model.

    Args:
        file: a file that `weights_file` or `last_weights` chose.
        config: of the model that the weights are for; None to take any weights.

    Raises:
        RunFolderError: the file is damaged or was removed since, a parameter is not finite, or is not the model's; the
            text names the parameter.
    """
    try:
        weights = load_file(file)
    except SafetensorError as error:
        raise RunFolderError(f"{file} is damaged: {error}") from error
    except FileNotFoundError as error:
        raise RunFolderError(
            f"{file} was removed just now: the run is still training, and keeps only its last checkpoints. Try again"
        ) from error
    if config is not None:
        check_shapes(file, shapes_of(weights), _shapes_of_model(config))
    if wrong := not_finite(weights):
        raise RunFolderError(f"{file}: {wrong} has values that are not finite numbers, so the model cannot be used")
    return weights


def check_weights(file: Path, config: ModelConfig) -> None:
    """Compares the shapes in a file of weights with a model, without reading the weights.

    Raises:
        RunFolderError: a parameter has another shape, is missing or is not of the model; the text names it.
    """
    with safe_open(file, "pt") as opened:
        found = {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118
    check_shapes(file, found, _shapes_of_model(config))


def check_shapes(
    file: Path, found: Mapping[str, Shape], expected: Mapping[str, Shape], may_lack: Collection[str] = ()
) -> None:
    """Refuses weights of another model.

    Args:
        file: of the weights.
        found: the shapes of the weights.
        expected: the shapes of the parameters of the model.
        may_lack: the parameters that the file need not have.

    Raises:
        RunFolderError: a parameter has another shape, is missing or is not of the model; the text names it.
    """
    for name, shape in expected.items():
        if found.get(name) != shape and (name in found or name not in may_lack):
            raise RunFolderError(f"{file}: {name} is {found.get(name, 'missing')}, the model of {CONFIG} has {shape}")
    if strange := sorted(found.keys() - expected.keys()):
        raise RunFolderError(f"{file}: {strange[0]} is {found[strange[0]]}, the model of {CONFIG} has no {strange[0]}")


def shapes_of(parameters: Mapping[str, Tensor]) -> dict[str, Shape]:
    """The shape of each parameter."""
    return {name: tuple(value.shape) for name, value in parameters.items()}


def _shapes_of_model(config: ModelConfig) -> dict[str, Shape]:
    with torch.device("meta"):
        return shapes_of(PretrainingModel(config).state_dict())


def not_finite(parameters: Mapping[str, Tensor]) -> str:
    """The name of the first parameter with NaN or infinity, as far as this rank has it; "" if all are finite."""
    if not parameters:
        return ""
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
