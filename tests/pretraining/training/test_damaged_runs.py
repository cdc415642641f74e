"""Damaged files of a run, and files in the way: each is one line, or is put right."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlukit.pretraining.config import ModelConfig
from mlukit.pretraining.train import main
from mlukit.pretraining.training import run as run_module
from mlukit.pretraining.training.checkpoint import read_weights
from mlukit.pretraining.training.initial_weights import attention_dropout_of
from mlukit.pretraining.training.run_folder import (
    RunFolderError,
    checkpoints,
    damage,
    last_weights,
    not_found,
    read_model_config,
)
from tests.pretraining.small_dataset import SMALL_RUN, metrics


def edit(file: Path, change: Callable[[Any], object]) -> None:
    value = json.loads(file.read_text())
    change(value)
    file.write_text(json.dumps(value))


def refusal(run: Path, capsys: pytest.CaptureFixture[str], status: int = 2) -> str:
    """The one line of a run that cannot continue."""
    capsys.readouterr()
    assert main(["--resume", str(run)]) == status
    (line,) = capsys.readouterr().err.splitlines()
    return line.removeprefix("mlukit train: ")


def test_damaged_lines_of_losses_are_dropped(run: Path, finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(checkpoints(run)[0][1])
    with (run / "metrics.jsonl").open("a") as file:
        file.write('null\n{"step": 3, "kind')
    assert main(["--resume", str(run)]) == 0
    assert f"mlukit train: {run}/metrics.jsonl had 2 damaged lines" in capsys.readouterr().err
    assert metrics(run) == metrics(finished)


def test_leftovers_of_our_own_are_removed_whatever_they_are(run: Path, tmp_path: Path) -> None:
    shutil.rmtree(checkpoints(run)[0][1])
    kept = tmp_path / "kept"
    kept.mkdir()
    folder = run / "checkpoints"
    (folder / ".writing-step-00000012").write_bytes(b"file")
    (folder / ".writing-step-00000011").symlink_to("nowhere")
    (folder / ".writing-step-00000010").symlink_to(kept)
    assert main(["--resume", str(run)]) == 0
    assert sorted(path.name for path in folder.iterdir()) == [f"step-{steps:08}" for steps in (4, 8, 12)]
    assert kept.is_dir()


@pytest.mark.parametrize("link", [False, True])
def test_a_file_with_the_name_of_a_checkpoint_is_refused(
    run: Path, capsys: pytest.CaptureFixture[str], link: bool
) -> None:
    stray = checkpoints(run)[0][1]
    shutil.rmtree(stray)
    if link:
        stray.symlink_to("nowhere")
    else:
        stray.write_bytes(b"not ours")
    assert refusal(run, capsys) == f"{stray} is not a folder, and the run needs the name: move it away"
    shutil.rmtree(run / "checkpoints")
    (run / "checkpoints").touch()
    assert refusal(run, capsys).startswith(f"{run}/checkpoints is not a folder")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("hidden_size", 64, ": word_embeddings.words.weight is (128, 32), the model of config.json has (128, 64)"),
        ("layers", 3, " is missing, the model of config.json has ("),
        ("layers", 1, ", the model of config.json has no layers.1."),
    ],
)
def test_weights_of_another_shape_than_the_configuration(
    run: Path, capsys: pytest.CaptureFixture[str], name: str, value: int, said: str
) -> None:
    edit(run / "config.json", lambda config: config["model"].update({name: value}))
    line = refusal(run, capsys)
    steps, file = last_weights(run)
    assert steps == 12 and line.startswith(f"{file}: ") and said in line
    with pytest.raises(RunFolderError) as error:
        read_weights(file, read_model_config(run))
    assert str(error.value) == line


def test_vocabularies_of_another_size(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(run / "config.json", lambda config: config["model"].update(entity_vocabulary_size=29))
    assert refusal(run, capsys).startswith(f"{run}/config.json: entity_vocabulary_size is 29, the examples have ")


def test_other_trained_parameters_than_the_checkpoint_has(
    small_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, few = tmp_path / "words", ["--steps", "2", "--objective", "words"]
    assert main(["--examples", str(small_dataset), "--output", str(run), *SMALL_RUN, *few]) == 0
    edit(run / "config.json", lambda config: config["data"].update(objective="words and entities"))
    capsys.readouterr()
    assert main(["--resume", str(run)]) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert f"{run}/checkpoints/step-00000002/training does not fit config.json and run.json: " in line


def test_weights_that_the_trainer_removed(run: Path) -> None:
    _, file = last_weights(run)
    shutil.rmtree(file.parent)
    with pytest.raises(RunFolderError, match=r"was removed just now: the run is still training, .* Try again$"):
        read_weights(file)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("examples", None, "null; a path is needed"),
        ("examples", 5, "5; a path is needed"),
        ("init", 5, "5; a path or null is needed"),
        ("data", [], "[]; an object of fingerprints is needed"),
        ("starts", "x", '"x"; a list is needed'),
        ("new_parameters", [5], "[5]; a list of names or null is needed"),
    ],
)
def test_a_record_with_a_wrong_value(
    run: Path, capsys: pytest.CaptureFixture[str], name: str, value: object, said: str
) -> None:
    edit(run / "run.json", lambda facts: facts.update({name: value}))
    assert refusal(run, capsys) == f"{run}/run.json: {name} is {said}"


def test_a_record_without_its_starts(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(run / "run.json", lambda facts: facts.pop("starts"))
    assert refusal(run, capsys).startswith(f"{run}/run.json lacks starts. Use the mlukit that wrote it")


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        ("model", {"hidden_size": "32"}, "hidden_size '32' is not a whole number of at least 0"),
        ("model", {"layers": True}, "layers True is not a whole number of at least 0"),
        ("model", {"hidden_dropout": "no"}, "hidden_dropout 'no' is not a number of at least 0"),
        ("data", {"objective": ["words"]}, "objective ['words'] is not a text"),
        ("training", {"compile": 1}, "compile 1 is not true or false"),
        ("training", {"learning_rate": float("nan")}, "learning_rate nan is not a number of at least 0"),
        ("training", None, "training is missing; an object of settings is needed"),
        ("model", None, "model is missing; an object of settings is needed"),
        ("data", 5, "data is 5; an object of settings is needed"),
    ],
)
def test_a_configuration_with_a_wrong_value(
    run: Path, capsys: pytest.CaptureFixture[str], part: str, value: Any, said: str
) -> None:
    config = json.loads((run / "config.json").read_text())
    if value is None:
        del config[part]
    else:
        config[part] = {**config[part], **value} if isinstance(value, dict) else value
    (run / "config.json").write_text(json.dumps(config))
    assert refusal(run, capsys) == f"{run}/config.json: {said}"
    if part == "model":
        with pytest.raises(RunFolderError, match=r"config\.json: "):
            read_model_config(run)


def test_whole_numbers_are_numbers() -> None:
    assert ModelConfig(hidden_dropout=0).hidden_dropout == 0


@pytest.mark.parametrize("report", [{}, [], {"not_found": None}, {"not_found": [5]}])
def test_an_import_without_its_new_parameters(tmp_path: Path, report: object) -> None:
    (tmp_path / "import.json").write_text(json.dumps(report))
    with pytest.raises(
        RunFolderError, match=r"import.json: not_found is .*; a list of names is needed. Import the model"
    ):
        not_found(tmp_path)


def test_a_dropout_that_is_not_a_number(tmp_path: Path) -> None:
    (tmp_path / "import.json").write_text('{"attention_dropout": "0.1"}')
    with pytest.raises(RunFolderError, match=r"attention_dropout is '0.1'; a number or null is needed"):
        attention_dropout_of(tmp_path)


WHOLE = {"bytes": 5, "sha256": "0"}


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ([], "it has no object of files"),
        ({"steps": 6, "files": 5}, "it has no object of files"),
        ({"steps": 6, "files": {}}, "it names no file; model.safetensors and the files of training/ are needed"),
        ({"steps": 6, "files": {"model.safetensors": 5}}, "model.safetensors is 5; bytes and sha256 are needed"),
        ({"steps": 6, "files": {"model.safetensors": {}}}, "model.safetensors is {}; bytes and sha256 are needed"),
        ({"steps": 6, "files": {"model.safetensors": WHOLE}}, "it names model.safetensors; model.safetensors and "),
    ],
)
def test_a_manifest_of_another_shape_is_damage(
    run: Path, capsys: pytest.CaptureFixture[str], manifest: object, said: str
) -> None:
    last = checkpoints(run)[0][1]
    (last / "manifest.json").write_text(json.dumps(manifest))
    assert damage(last).startswith(f"its manifest.json cannot be read ({said}")
    assert last_weights(run)[0] == 8
    assert f"passing over {last}: its manifest.json cannot be read" in capsys.readouterr().out


def test_two_runs_with_one_name(
    run: Path, small_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other, write = tmp_path / "N1", run_module._write_facts

    def write_late(*arguments: Any) -> None:
        write(*arguments)
        shutil.copytree(run, other)  # by another process, meanwhile

    monkeypatch.setattr(run_module, "_write_facts", write_late)
    assert main(["--examples", str(small_dataset), "--output", str(other), *SMALL_RUN]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"mlukit train: {other} exists: another process has begun a run there"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["N1", "run"]


def test_a_lock_that_is_a_folder(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "lock").unlink()
    (run / "lock").mkdir()
    said = f"{run}/lock is a folder; a file is needed, which mlukit writes: remove the folder"
    assert refusal(run, capsys) == said
