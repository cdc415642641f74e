"""Where curves go: TensorBoard, wandb and trackio, nowhere, or to a package that is not installed."""

import json
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from mlukit.pretraining.config import MODELS, ConfigError, DataConfig, RunConfig, TrainingConfig
from mlukit.pretraining.data.batch_counts import Counts
from mlukit.pretraining.train import main
from mlukit.pretraining.training.progress import Epochs, Progress
from tests.pretraining.small_dataset import SMALL_RUN, metrics

FEW = [*SMALL_RUN, "--steps", "2", "--warmup-steps", "0", "--validation-interval", "2"]


class FakeTracker(types.ModuleType):
    """A module with the functions of wandb and trackio, which notes their calls."""

    def __init__(self, name: str, problem: str = "") -> None:
        super().__init__(name)
        self.calls: list[tuple[str, Any]] = []
        self.problem = problem

    def init(self, **arguments: Any) -> None:
        if self.problem:
            raise RuntimeError(self.problem)
        self.calls.append(("init", arguments))

    def log(self, values: dict[str, float], step: int) -> None:
        self.calls.append((f"step {step}", values))

    def finish(self) -> None:
        self.calls.append(("finish", None))


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_the_numbers_of_metrics_go_to_a_tracker(
    small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    tracker = FakeTracker(name)
    monkeypatch.setitem(sys.modules, name, tracker)
    run = tmp_path / "run"
    assert main(["--examples", str(small_dataset), "--output", str(run), *FEW, "--report-to", name]) == 0
    (_, begun), *logged, end = tracker.calls
    assert {key: begun[key] for key in ("project", "name", "resume")} == {
        "project": "mlukit",
        "name": "run",
        "resume": "never",
    }
    assert begun["config"] == json.loads((run / "config.json").read_text())
    assert end == ("finish", None)
    assert [step for step, _ in logged] == [*["step 0"] * 3, "step 1", *["step 2"] * 4]
    line, values = metrics(run, "train")[0], logged[3][1]
    assert values["train/word_loss"] == line["word_loss"] and values["train/epoch"] == line["epoch"]
    assert "validation/all/entity_loss" in logged[-1][1] and not (run / "tensorboard").exists()
    tracker.calls.clear()
    assert main(["--resume", str(run), "--steps", "3"]) == 0  # the run keeps the setting
    assert tracker.calls[0][1]["resume"] == "allow" and tracker.calls[1][0] == "step 3"


def test_none_draws_no_curves(small_dataset: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert main(["--examples", str(small_dataset), "--output", str(run), *FEW, "--report-to", "none"]) == 0
    assert len(metrics(run, "train")) == 2 and not (run / "tensorboard").exists()


def test_a_missing_package_is_one_line_before_any_work(
    small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)  # makes the import fail
    run = tmp_path / "run"
    words = [*FEW, "--report-to", "tensorboard,wandb"]
    assert main(["--examples", str(small_dataset), "--output", str(run), *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("mlukit train: --report-to wandb needs wandb, which cannot be imported (")
    assert line.endswith(f"): {sys.executable} -m pip install wandb")
    assert not run.exists()


def test_a_tracker_that_refuses_is_one_line(
    small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", FakeTracker("wandb", "no API key"))
    run = tmp_path / "run"
    assert main(["--examples", str(small_dataset), "--output", str(run), *FEW, "--report-to", "wandb"]) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert line == "mlukit train: rank 0: --report-to wandb: no API key; --report-to none trains without"
    assert main(["--resume", str(run), "--report-to", "none"]) == 0
    assert json.loads((run / "config.json").read_text())["training"]["report_to"] == "none"


def test_a_printed_line_has_means_and_metrics_a_single_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    training = TrainingConfig(steps=4, warmup_steps=0, log_interval=2, report_to="none")
    config = RunConfig(model=MODELS["tiny"], data=DataConfig(), training=training)
    progress = Progress(tmp_path, config, 0, epochs=Epochs(10, 5), peak=None, frozen=False)
    for step, (loss, targets) in enumerate([(4.0, 1), (2.0, 3), (1.0, 1), (1.0, 1)], 1):
        values = {"word_loss": loss, "word_accuracy": loss / 4, "learning_rate": 1e-3}
        progress.trained(step, Counts(words=9, word_targets=targets), values)
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(", ")[0] for line in lines] == [
        "step 2/4 (epoch 1.00): word loss 2.5000 (62.5% right)",
        "step 4/4 (epoch 2.00): word loss 1.0000 (25.0% right)",
    ]
    assert [line["word_loss"] for line in metrics(tmp_path)] == [2.0, 1.0]


def test_wrong_names_in_config_json() -> None:
    with pytest.raises(ConfigError, match="report_to 'tensorbord' is not one of tensorboard, wandb, trackio, none"):
        TrainingConfig(report_to="tensorbord")


def test_a_run_without_the_setting_draws_for_tensorboard() -> None:
    value = RunConfig(model=MODELS["tiny"], data=DataConfig(), training=TrainingConfig()).to_json()
    del value["training"]["report_to"]
    assert RunConfig.from_json(value).training.report_to == "tensorboard"
