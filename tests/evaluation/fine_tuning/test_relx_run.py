"""RELX from the official files to the scores, on a small model; and the same run, stopped and continued."""

import filecmp
import json
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlukit.evaluation.evaluate import main
from mlukit.evaluation.fine_tuning.loop import Loop, is_patience_over
from mlukit.evaluation.results.run_folder import read_results
from mlukit.evaluation.tasks.relx import Relations
from tests.evaluation.small_relations import LANGUAGES

FILES = ("log.jsonl", "best/model.safetensors", "result.json", *(f"predictions/{name}.jsonl" for name in LANGUAGES))


def test_every_language_is_above_chance(finished: Path) -> None:
    results = read_results(finished)
    assert [one.variant for one in results] == ["entities", "words"]
    for one in results:
        assert set(one.scores) == {"dev", "kbp37", *LANGUAGES}
        for language in LANGUAGES:
            assert one.scores[language]["accuracy"] > 0.6, (one.variant, language)  # five labels, one in three frequent


def test_the_configuration_says_what_was_asked_and_what_deviates(finished: Path, relations: Path) -> None:
    config = json.loads((finished / "config.json").read_bytes())
    assert config["deviations"] == {
        "epochs": [6, 5],
        "batch_size": [16, 32],
        "learning_rates": [[0.005], [1e-05, 2e-05, 3e-05]],
    }
    assert len(config["files"]) == 8 and all(len(digest) == 64 for digest in config["files"].values())
    assert len(config["labels"]) == 5
    assert not list(finished.glob("*/*/*/checkpoints"))


def test_a_finished_run_is_left_as_it_is(finished: Path, relx_flags: list[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*.jsonl")}
    assert main([*relx_flags, "--output", str(finished)]) == 0
    assert before == {path: path.stat().st_mtime_ns for path in finished.rglob("*.jsonl")}


class _StopAfter:
    """A signal that comes after some steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def __enter__(self) -> "_StopAfter":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @property
    def number(self) -> int:
        self.left -= 1
        return signal.SIGTERM if self.left < 0 else 0


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_a_run_goes_on_exactly(
    how: str, finished: Path, relx_flags: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "RUN"
    command = [*relx_flags, "--output", str(run), "--variant", "entities"]
    with monkeypatch.context() as patch:
        if how == "stopped":  # in the second epoch, between two checkpoints
            patch.setattr("mlukit.pretraining.training.stop.StopSignal", lambda: _StopAfter(17))
            assert main(command) == 128 + signal.SIGTERM
        else:  # after a checkpoint and two more steps, whose lines are in the log
            patch.setattr(Loop, "_step", _failing(Loop._step, 12))
            with pytest.raises(ZeroDivisionError):
                main([*command, "--checkpoint-interval", "10"])
    (folder,) = run.glob("entities/*/*")
    assert not (folder / "result.json").exists() and list(folder.glob("checkpoints/step-*"))
    assert main(command) == 0
    other = finished / folder.relative_to(run)
    assert filecmp.cmpfiles(folder, other, FILES, shallow=False) == (list(FILES), [], [])


def _failing(step: Any, steps: int) -> Any:
    left: Iterator[int] = iter(range(steps))

    def fail(self: Loop, *arguments: Any) -> Any:
        if next(left, None) is None:
            raise ZeroDivisionError
        return step(self, *arguments)

    return fail


@pytest.mark.parametrize(
    ("scores", "over"),
    [
        ([], False),
        ([0.0, 0.0, 0.0], False),  # it has not begun to learn
        ([0.0, 0.0, 0.1, 0.1], False),  # only one epoch was not better
        ([0.0, 0.2, 0.1, 0.2], True),  # equal is not better
        ([0.2, 0.1, 0.3], False),
    ],
)
def test_patience(scores: list[float], over: bool) -> None:
    assert is_patience_over(scores, 2) == over


def test_micro_batches_change_only_the_rounding(
    relx_flags: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without dropout: loss and gradients of a step are those of all its examples, in one micro-batch or in many."""
    values = replace(Relations.hyper_parameters, hidden_dropout=0.0, attention_dropout=0.0)
    monkeypatch.setattr(Relations, "hyper_parameters", values)
    losses = []
    for number, places in enumerate(("64", "4096")):
        run = tmp_path / str(number)
        with monkeypatch.context() as patch:
            patch.setattr("mlukit.pretraining.training.stop.StopSignal", lambda: _StopAfter(4))
            flags = ["--output", str(run), "--variant", "words", "--micro-batch-places", places]
            assert main([*relx_flags, *flags]) == 128 + signal.SIGTERM
        (log,) = run.rglob("log.jsonl")
        losses.append([json.loads(line)["loss"] for line in log.read_text().splitlines()])
    assert len(losses[0]) == 4
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_other_flags_are_refused(
    finished: Path, relx_flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(finished, tmp_path / "RUN")
    assert main([*relx_flags, "--output", str(run), "--batch-size", "8"]) == 2
    assert "has another batch size: 16, here 8. Use the same flags to continue" in capsys.readouterr().err


def test_the_best_learning_rate_on_dev_is_reported(relx_flags: list[str], tmp_path: Path) -> None:
    run = tmp_path / "RUN"
    flags = ["--variant", "words", "--learning-rate", "5e-3,1e-9", "--seeds", "2", "--epochs", "2", "--test-limit", "8"]
    assert main([*relx_flags, "--output", str(run), *flags]) == 0
    results = read_results(run)
    assert [(one.learning_rate, one.seed) for one in results] == [(1e-9, 0), (1e-9, 1), (5e-3, 0), (5e-3, 1)]
    assert len(list(run.rglob("best/model.safetensors"))) == 1
    assert len((results[0].folder / "predictions/de.jsonl").read_text().splitlines()) == 8


def test_bfloat16(relx_flags: list[str], tmp_path: Path) -> None:
    flags = ["--precision", "bfloat16", "--variant", "entities", "--tests", "de", "--epochs", "4"]
    assert main([*relx_flags, *flags, "--output", str(tmp_path / "RUN")]) == 0
    (found,) = read_results(tmp_path / "RUN")
    assert set(found.scores) == {"dev", "de"} and found.scores["de"]["accuracy"] > 0.4
