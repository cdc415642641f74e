"""held-out: the same numbers as training and the benchmark print, and checkpoints that do not belong to the data."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from mlukit.evaluation.encoder.held_out import constant_on_held_out
from mlukit.evaluation.evaluate import main
from mlukit.evaluation.results.run_folder import read_results
from mlukit.pretraining.config import DataConfig
from mlukit.pretraining.data.dataset import open_dataset
from mlukit.pretraining.train import main as train
from tests.evaluation.small_checkpoint import write_mluke
from tests.pretraining.small_dataset import SMALL_RUN, write_small_dataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return write_small_dataset(tmp_path_factory.mktemp("small-dataset"))


@pytest.fixture(scope="module")
def trained(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "trained"
    assert train(["--examples", str(dataset), "--output", str(run), *SMALL_RUN]) == 0
    return run


def validation_lines(run: Path) -> dict[str, dict[str, Any]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return {line["language"]: line for line in lines if line["kind"] == "validation"}  # the last of each language


def test_numbers_are_those_of_training(
    dataset: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["held-out", "--model", str(trained), "--data", str(dataset), "--output", str(tmp_path / "RUN")]
    assert main([*asked, "--number", "8"]) == 0
    (result,) = read_results(tmp_path / "RUN")
    expected = validation_lines(trained)
    assert list(result.scores) == ["de", "en", "all"]
    for language, numbers in result.scores.items():
        for name in ("word loss", "entity loss", "word accuracy", "entity accuracy"):
            # [PAD], [UNK] and [MASK2] have the rows of export here, which changes the sums a little
            assert numbers[name] == pytest.approx(expected[language][name.replace(" ", "_")], rel=0.02)
    constant = dict(constant_on_held_out(open_dataset(dataset, DataConfig()), 8))
    for language, guess in constant.items():
        numbers = result.scores[language]
        assert (numbers["entities"], numbers["most frequent entity"]) == (guess["targets"], guess["entity_accuracy"])
    capsys.readouterr()
    assert main(["table", str(tmp_path / "RUN"), "--metric", "most frequent entity"]) == 0
    out = capsys.readouterr().out
    assert "**held-out: most frequent entity, in %**" in out and "| mean of de, en |" in out
    assert main(["table", str(tmp_path / "RUN"), "--metric", "word loss"]) == 0
    out = capsys.readouterr().out
    shown = f"{result.scores['de']['word loss']:.3f}".rstrip("0").rstrip(".")
    assert "**held-out: word loss**\n" in out and f"| de | {shown} |" in out  # in nats, not in %


def test_what_is_refused(dataset: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mluke = write_mluke(tmp_path / "mluke", ["a"])
    run = ["--output", str(tmp_path / "RUN")]
    assert main(["held-out", "--model", str(mluke), "--data", str(dataset), *run]) == 2
    assert f"--model {mluke} has entities of its own; mlukit import {mluke}" in capsys.readouterr().err
    for flag, said in (
        ("--number=0", "--number '0' is not a whole number"),
        ("--precision=int8", "'int8' is not one of"),
    ):
        assert main(["held-out", "--model", str(trained), "--data", str(dataset), *run, flag]) == 2
        assert said in capsys.readouterr().err
    copy = shutil.copytree(dataset, tmp_path / "other")
    (copy / "vocabulary/vocabulary.parquet").unlink()
    assert main(["held-out", "--model", str(trained), "--data", str(copy), *run]) == 2
    assert "vocabulary.parquet" in capsys.readouterr().err
