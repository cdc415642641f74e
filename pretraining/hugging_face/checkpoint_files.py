"""Reads a model folder in the layout of transformers: config.json, and tensors from safetensors or a weights-only file.

The folder is not trusted: a pickle with more than tensors is refused, and an index may name only files of the folder.
"""

import json
import pickle
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from mlukit.pretraining.errors import PretrainingError
from mlukit.schemas.wording import counted

_SAFETENSORS, _PYTORCH = "model.safetensors", "pytorch_model.bin"
_SHOWN = 3
_INDEX = ".index.json"  # the ending of the index of weights in several files


class CheckpointError(PretrainingError):
    """A model folder cannot be read or does not fit; the text shows what was found, and what would be accepted."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The content of a model folder of transformers."""

    folder: Path
    config: Mapping[str, Any]
    tensors: Mapping[str, Tensor]  # by the names in the file


def read_checkpoint(folder: Path) -> Checkpoint:
    """Reads a model folder.

    Raises:
        CheckpointError: a file is missing, or cannot be read as what its name says.
    """
    if not folder.is_dir():
        raise CheckpointError(f"there is no folder {folder}")
    config = read_json_object(folder / "config.json")
    tensors: dict[str, Tensor] = {}
    for file in _weight_files(folder):
        tensors |= _tensors(file)
    return Checkpoint(folder, config, tensors)


def check_finite(place: str, tensors: Mapping[str, Tensor]) -> None:
    """Refuses tensors with values that are NaN or infinite.

    Args:
        place: what the tensors belong to, for the message.
        tensors: by name.

    Raises:
        CheckpointError: a tensor has such a value; the text names up to three tensors.
    """
    if wrong := sorted(name for name, tensor in tensors.items() if not tensor.isfinite().all()):
        raise CheckpointError(f"{place}: NaN or infinite values in {some(wrong)}; finite numbers are needed")


def some(names: Sequence[str]) -> str:
    """Names tensors in a message: their number, and the names of the first three."""
    more = ", …" if len(names) > _SHOWN else ""
    return f"{counted(len(names), 'tensor')} ({', '.join(names[:_SHOWN])}{more})"


def read_json_object(file: Path) -> dict[str, Any]:
    """Reads the object of a JSON file; CheckpointError if the file cannot be read or holds another value."""
    try:
        value = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{file} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{file} is not a JSON object")
    return value


def _weight_files(folder: Path) -> Iterator[Path]:
    """Yields the weight files: safetensors files, or else files that torch saved."""
    for name in (_SAFETENSORS, _PYTORCH):
        if (folder / name).is_file():
            yield folder / name
            return
        if (index := folder / f"{name}{_INDEX}").is_file():
            yield from _indexed(index)
            return
    raise CheckpointError(f"{folder} has neither {_SAFETENSORS} nor {_PYTORCH}, nor an index ({_SAFETENSORS}{_INDEX})")


def _indexed(index: Path) -> Iterator[Path]:
    """Yields the files that an index names; all of them must lie in the folder of the index."""
    files_by_tensor = read_json_object(index).get("weight_map")
    if not isinstance(files_by_tensor, dict):
        raise CheckpointError(f"{index} has no weight_map")
    for name in sorted(set(map(str, files_by_tensor.values()))):
        if Path(name).name != name:
            raise CheckpointError(f"{index} names {name!r}, which is not a file of its folder")
        yield index.with_name(name)


def _tensors(file: Path) -> dict[str, Tensor]:
    """Reads a file of tensors; CheckpointError if the file holds anything else."""
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        value = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError, RuntimeError, pickle.UnpicklingError, EOFError) as error:
        raise CheckpointError(f"{file} cannot be read as tensors alone: {error}") from error
    if not isinstance(value, Mapping) or not all(isinstance(tensor, Tensor) for tensor in value.values()):
        raise CheckpointError(f"{file} holds other values than tensors by name")
    return {str(name): tensor for name, tensor in value.items()}
