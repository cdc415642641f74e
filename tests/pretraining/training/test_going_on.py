"""Going on with a run: made longer, with other settings for validation, from before its first checkpoint, in use."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from mlukit.pretraining.train import main
from mlukit.pretraining.training.progress import Epochs
from mlukit.pretraining.training.run_folder import RunFolderError, checkpoints
from mlukit.pretraining.training.run_lock import RunLock
from tests.pretraining.small_dataset import SMALL_RUN, flags, metrics
from tests.pretraining.training.test_train import write_init


def resume(run: Path, *words: object) -> int:
    return main(["--resume", str(run), *map(str, words)])


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def rates(run: Path) -> list[float]:
    return [line["learning_rate"] for line in metrics(run, "train")]


def test_a_finished_run_is_made_longer(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = metrics(run)
    assert resume(run, "--steps", 16) == 0
    assert lines(capsys)[:2] == [
        "mlukit train: continues after step 12 of 16 (3.46 epochs of 74 examples)",
        "mlukit train: 16 steps in place of 12: the learning rate of step 13 is 5.71e-04 in place of 0.00e+00, and "
        "falls linearly to 0 at the last step",
    ]
    assert metrics(run)[: len(before)] == before
    assert [line["step"] for line in metrics(run, "train")] == list(range(1, 17))
    assert rates(run)[12:] == pytest.approx([2e-3 * left / 14 for left in (4, 3, 2, 1)])
    assert [steps for steps, _ in checkpoints(run)] == [16, 12, 8]
    assert json.loads((run / "config.json").read_text())["training"]["steps"] == 16
    assert [start["steps"] for start in json.loads((run / "run.json").read_text())["starts"]] == [12, 16]
    assert resume(run) == 0  # keeps the new number
    assert lines(capsys)[0] == "mlukit train: continues after step 16 of 16 (3.46 epochs of 74 examples)"


def test_epochs_make_a_run_longer_and_never_shorter(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--epochs", 1], ["--steps", 5]):
        assert resume(run, *words) == 2
        assert lines(capsys) == [f"mlukit train: {run} takes 12 steps, and 5 are fewer: a run can only be made longer"]
    assert resume(run, "--epochs", 3) == 0
    assert lines(capsys)[0] == "mlukit train: continues after step 12 of 14 (3.03 epochs of 74 examples)"


def test_a_run_of_an_epoch(small_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    words = [word for word in SMALL_RUN if word not in ("--steps", "12")]
    assert main(["--examples", str(small_dataset), "--output", str(run), *words, "--epochs", "1"]) == 0
    assert lines(capsys)[0] == "mlukit train: 5 steps (by --epochs), each of 16 examples: 1.08 epochs of 74 examples"
    assert [line["epoch"] for line in metrics(run, "train")] == pytest.approx([16 * n / 74 for n in range(1, 6)])


@pytest.mark.parametrize(
    ("steps", "text"), [(5, "1 epoch of 10 examples"), (7, "1.4 epochs of 10 examples"), (0, "0 epochs of 10 examples")]
)
def test_epochs_in_words(steps: int, text: str) -> None:
    assert Epochs(10, 2).describe(steps) == text


def test_settings_of_validation_may_change(run: Path, finished: Path) -> None:
    shutil.rmtree(checkpoints(run)[0][1])
    assert resume(run, "--validation-interval", 1, "--validation-examples", 2, "--log-interval", 2) == 0
    kept = [line for line in metrics(finished, "train") if line["step"] <= 8 or line["step"] % 2 == 0]
    assert metrics(run, "train") == kept
    held_out = {line["step"] for line in metrics(run, "validation")}
    assert held_out == {0, 6, 9, 10, 11, 12}


@pytest.mark.parametrize("from_init", [False, True])
def test_a_run_without_a_checkpoint_begins_again(
    finished: Path, small_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], from_init: bool
) -> None:
    whole, run = finished, tmp_path / "run"
    if from_init:
        write_init(finished, tmp_path / "init")
        whole, few = tmp_path / "whole", flags(steps=4, init=tmp_path / "init", stage=1)
        assert main(["--examples", str(small_dataset), "--output", str(whole), *SMALL_RUN, *few]) == 0
    shutil.copytree(whole, run)
    shutil.rmtree(run / "checkpoints")
    capsys.readouterr()
    assert main(["--examples", str(small_dataset), "--output", str(run)]) == 2
    assert lines(capsys)[-1].endswith(f"is a run: continue it by --resume {run}, or name another folder")
    assert resume(run) == 0
    text = f"mlukit train: {run} has no checkpoint yet: it begins again at step 1, with the weights that it began with"
    assert lines(capsys)[0] == text
    assert metrics(run) == metrics(whole)
    ours, theirs = (load_file(checkpoints(folder)[0][1] / "model.safetensors") for folder in (run, whole))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_folder_that_is_not_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert resume(tmp_path / "missing") == 2
    assert lines(capsys) == [f"mlukit train: there is no folder {tmp_path / 'missing'}"]
    assert resume(tmp_path) == 2
    (line,) = lines(capsys)
    assert line.startswith(f"mlukit train: {tmp_path} is not a run: it has no run.json. Begin a new run")


def test_what_was_left_of_a_start_does_not_matter(small_dataset: Path, tmp_path: Path) -> None:
    half = tmp_path / ".run.writing-0123abcd"
    half.mkdir()
    (half / "lock").write_text("process 7 on another-machine")
    (half / "config.json").write_text("{")
    words = ["--examples", small_dataset, "--output", tmp_path / "run", *SMALL_RUN, "--steps", 2]
    assert main([str(word) for word in words]) == 0
    assert [path.name for path in tmp_path.glob(".*")] == [half.name]


@pytest.mark.parametrize("facts", ["[]", "{}", '{"examples": "OUT", "init": null}'])
def test_a_damaged_record(run: Path, capsys: pytest.CaptureFixture[str], facts: str) -> None:
    (run / "run.json").write_text(facts)
    assert resume(run) == 2
    (line,) = lines(capsys)
    assert line.startswith(f"mlukit train: {run}/run.json lacks ")


def test_stage_1_goes_on_in_another_run(
    finished: Path, small_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    init, first, second = tmp_path / "init", tmp_path / "first", tmp_path / "second"
    write_init(finished, init)
    few = [*SMALL_RUN, *flags(steps=4, hidden_dropout=0, stage=1)]
    assert main(["--examples", str(small_dataset), "--init", str(init), "--output", str(first), *few]) == 0
    assert main(["--examples", str(small_dataset), "--init", str(first), "--output", str(second), *few]) == 0
    before, after = (load_file(checkpoints(folder)[0][1] / "model.safetensors") for folder in (first, second))
    changed = {name for name in after if not torch.equal(before[name], after[name])}
    assert {"entity_head.dense.weight", "entity_embeddings.entities.weight"} <= changed
    assert changed <= {name for name in after if name.startswith("entity_")}
    new = [json.loads((folder / "run.json").read_text())["new_parameters"] for folder in (first, second)]
    assert new[0] == new[1]


def test_a_run_in_use_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with RunLock() as lock:
        lock.take(run)
        assert resume(run, "--steps", 16) == 2
        (line,) = lines(capsys)
        holder = (run / "lock").read_text().strip()
        assert line == (
            f"mlukit train: {run} is in use by {holder}: wait until that process ends, or stop it, which saves a "
            "checkpoint"
        )
        assert holder.startswith("process ")
        with pytest.raises(RunFolderError):
            RunLock().take(run)
    assert resume(run, "--steps", 13) == 0


def test_a_filesystem_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("mlukit.pretraining.training.run_lock.fcntl.flock", refuse)
    with RunLock() as lock:
        lock.take(tmp_path)
