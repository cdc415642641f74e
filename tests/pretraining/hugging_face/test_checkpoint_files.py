"""A model's folder as a stranger gives it: read as tensors, or refused."""

import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from mlukit.pretraining.hugging_face.checkpoint_files import CheckpointError, read_checkpoint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text('{"model_type": "luke"}')
    return tmp_path


def test_safetensors_go_before_what_torch_saved(folder: Path) -> None:
    torch.save({"a": torch.zeros(2)}, folder / "pytorch_model.bin")
    assert read_checkpoint(folder).tensors["a"].tolist() == [0, 0]
    save_file({"a": torch.ones(2)}, folder / "model.safetensors")
    assert read_checkpoint(folder).tensors["a"].tolist() == [1, 1]
    assert read_checkpoint(folder).config == {"model_type": "luke"}


def test_several_files(folder: Path) -> None:
    torch.save({"a": torch.zeros(2)}, folder / "one.bin")
    torch.save({"b": torch.ones(2)}, folder / "two.bin")
    places = {"weight_map": {"a": "one.bin", "b": "two.bin"}}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(places))
    assert sorted(read_checkpoint(folder).tensors) == ["a", "b"]


class Opened:
    """What a pickle can do when it is loaded: here, to write a file."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> object:
        return Path.touch, (self.place,)


def test_a_pickle_is_not_loaded(folder: Path) -> None:
    for save in (torch.save, lambda value, file: file.write_bytes(pickle.dumps(value, 2))):
        save({"a": Opened(folder / "opened")}, folder / "pytorch_model.bin")
        with pytest.raises(CheckpointError, match=r"pytorch_model\.bin cannot be read as tensors alone"):
            read_checkpoint(folder)
    assert not (folder / "opened").exists()


@pytest.mark.parametrize("name", ["../other.safetensors", "/etc/passwd", "a/b.safetensors"])
def test_an_index_names_files_of_its_folder(name: str, folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name}}))
    with pytest.raises(CheckpointError, match=f"names '{name}', which is not a file of its folder"):
        read_checkpoint(folder)


def test_what_cannot_be_read(folder: Path) -> None:
    with pytest.raises(CheckpointError, match=r"has neither model\.safetensors nor pytorch_model\.bin, nor an index"):
        read_checkpoint(folder)
    (folder / "model.safetensors.index.json").write_text("[]")
    with pytest.raises(CheckpointError, match="is not a JSON object"):
        read_checkpoint(folder)
    (folder / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(CheckpointError, match="has no weight_map"):
        read_checkpoint(folder)
    (folder / "model.safetensors").write_bytes(b"12345678 no tensors")
    with pytest.raises(CheckpointError, match=r"model\.safetensors cannot be read as tensors alone"):
        read_checkpoint(folder)
    for file in folder.glob("model.safetensors*"):
        file.unlink()
    torch.save({"a": 1}, folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="holds other values than tensors by name"):
        read_checkpoint(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"config\.json cannot be read"):
        read_checkpoint(folder)
    with pytest.raises(CheckpointError, match="there is no folder"):
        read_checkpoint(folder / "nowhere")
