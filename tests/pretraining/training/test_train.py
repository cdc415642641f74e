"""A run from beginning to end, what its folder holds, and what ends it early."""

import json
import math
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from mlukit.pretraining.config import RunConfig
from mlukit.pretraining.train import main
from mlukit.pretraining.training.initial_weights import initial_model
from mlukit.pretraining.training.run_folder import checkpoints
from tests.pretraining.small_dataset import SMALL_RUN, flags, metrics


@pytest.fixture(scope="module")
def finished(small_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of twelve steps."""
    run = tmp_path_factory.mktemp("runs") / "finished"
    assert main(["--examples", str(small_dataset), "--output", str(run), *SMALL_RUN]) == 0
    return run


def train(output: Path, *words: object) -> int:
    return main(["--output", str(output), *map(str, words)])


def error_lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_metrics_of_every_step_and_of_held_out_pages(finished: Path) -> None:
    trained, held_out = metrics(finished, "train"), metrics(finished, "validation")
    assert [line["step"] for line in trained] == list(range(1, 13))
    assert [(line["step"], line["language"]) for line in held_out] == [
        (step, language) for step in (0, 6, 12) for language in ("de", "en", "all")
    ]
    for line in trained:
        assert 0 < line["word_loss"] < 5 and 0 <= line["word_accuracy"] <= 1
        assert 0 < line["entity_loss"] < 5 and 0 <= line["entity_accuracy"] <= 1
        assert 0 < line["gradient_norm"] < 100
    assert [line["learning_rate"] for line in trained][:4] == pytest.approx([0, 0.001, 0.002, 0.0018])
    assert held_out[-1]["word_loss"] < held_out[2]["word_loss"] - 0.1  # of all
    assert held_out[0]["word_loss"] == pytest.approx(math.log(53), abs=0.1)  # a random model guesses among all pieces


def test_what_the_folder_holds(finished: Path, small_dataset: Path) -> None:
    assert [steps for steps, _ in checkpoints(finished)] == [12, 8, 4]  # of 0, 4, 8, 12 the last three
    config = RunConfig.from_json(json.loads((finished / "config.json").read_text()))
    assert (config.model.hidden_size, config.model.vocabulary_size, config.training.steps) == (32, 53, 12)
    facts = json.loads((finished / "run.json").read_text())
    assert facts["examples"] == str(small_dataset.resolve())
    assert sorted(facts["data"]) == ["entities", "examples", "tokenizer"]
    assert facts["starts"][0]["versions"]["torch"] == torch.__version__
    assert any((finished / "tensorboard").iterdir())
    assert not list((finished / "checkpoints").glob(".*"))


def test_progress_lines(small_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(tmp_path / "run", "--examples", small_dataset, *SMALL_RUN, "--steps", 2, "--warmup-steps", 0) == 0
    lines = error_lines(capsys)
    line = (
        r"step 1/2 \(epoch 0\.22\): word loss \d\.\d{4} \(\d+\.\d% right\), "
        r"entity loss \d\.\d{4} \(\d+\.\d% right\), [\d,]+ tokens/s, "
        r"learning rate 2\.00e-03, memory \d\.\d GiB, 0:00:\d\d left"
    )
    assert lines[0] == "mlukit train: 2 steps (by --steps), each of 16 examples: 0.43 epochs of 74 examples"
    assert re.fullmatch(line, lines[4]), lines[4]
    assert lines[-1] == f"done after step 2; for transformers: mlukit export {tmp_path / 'run'} --output DIR"


def test_going_on_after_the_end_does_nothing(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = metrics(finished)
    assert main(["--resume", str(finished)]) == 0
    assert metrics(finished) == before
    lines = error_lines(capsys)
    assert lines[0] == "mlukit train: continues after step 12 of 12 (2.59 epochs of 74 examples)"
    assert lines[-1].startswith("done after step 12")


@pytest.mark.parametrize(
    ("part", "edit", "said"),
    [
        ("training", {"log_interval": None}, "it lacks the setting 'log_interval' of TrainingConfig"),
        ("model", {"layers": None}, "it lacks the setting 'layers' of ModelConfig"),
        ("data", {"shuffle": 3}, "unknown setting 'shuffle': DataConfig has "),
    ],
)
def test_a_run_of_another_version_is_refused(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], part: str, edit: dict[str, Any], said: str
) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    config = json.loads((run / "config.json").read_text())
    config[part] = {name: value for name, value in {**config[part], **edit}.items() if value is not None}
    (run / "config.json").write_text(json.dumps(config))
    assert main(["--resume", str(run)]) == 2
    (line,) = error_lines(capsys)
    assert line.startswith(f"mlukit train: {run}/config.json is not from this version of mlukit: {said}")
    assert line.endswith("Use the mlukit that wrote it (run.json names its version), or begin again in a new folder")


def test_other_examples_are_refused(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = json.loads((finished / "run.json").read_text())
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.json").write_bytes((finished / "config.json").read_bytes())
    (run / "run.json").write_text(json.dumps({**facts, "data": {**facts["data"], "examples": "0123"}}))
    assert main(["--resume", str(run)]) == 2
    (line,) = error_lines(capsys)
    assert (
        f"{run} was trained on other examples than those in {facts['examples']}: the fingerprints are 0123… and "
        in line
    )
    assert facts["data"]["examples"][:12] in line and f"begin a new run with --init {run}" in line


@pytest.mark.parametrize(
    ("examples", "words", "text"),
    [
        ("missing", [], "missing/examples has no folder of a language"),
        ("", ["--init", "missing"], "there is no folder missing"),
        ("", ["--max-positions", "500"], "--max-tokens 512 is more than the 498 that the model has positions for"),
        ("", ["--heads", "5"], "hidden_size 32 is no multiple of heads 5"),
    ],
)
def test_wrong_settings_are_reported_before_any_work(
    small_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], examples: str, words: list[str], text: str
) -> None:
    run = tmp_path / "run"
    assert train(run, "--examples", examples or small_dataset, *SMALL_RUN, *words) == 2
    (line,) = error_lines(capsys)
    assert line.startswith("mlukit train: ") and text in line
    assert not run.exists()


def test_a_loss_that_is_no_number_ends_the_run(
    small_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    wild = flags(learning_rate="1e38", warmup_steps=0, max_gradient_norm=0)
    assert train(run, "--examples", small_dataset, *SMALL_RUN, *wild) == 1
    line = error_lines(capsys)[-1]
    examples = r"rank 0, micro-batch 0: rows \d+(, \d+)* of (de|en)(, \d+)*( of (de|en))?"
    assert re.match(r"mlukit train: step \d: the loss is not finite in " + examples, line), line
    assert line.endswith(f"; {run} has the checkpoints before it")
    assert [steps for steps, _ in checkpoints(run)] == [0]
    assert [line["step"] for line in metrics(run, "train")] == [1]


def test_an_update_to_nan_in_the_last_step_is_not_saved(
    small_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    wild = flags(learning_rate="1e38", warmup_steps=0, max_gradient_norm=0, steps=1)
    assert train(run, "--examples", small_dataset, *SMALL_RUN, *wild) == 1
    output = capsys.readouterr().err
    line = output.splitlines()[-1]
    what = r"the loss on held-out pages \(de\) is not finite|the parameter [a-z_.0-9]+ has values that are not finite"
    assert re.fullmatch(rf"mlukit train: step 1: ({what}); {run} has the checkpoints before it", line), line
    assert "nan%" not in output
    assert [steps for steps, _ in checkpoints(run)] == [0]
    assert "NaN" not in (run / "metrics.jsonl").read_text()


def test_weights_with_nan_and_damaged_ones_begin_no_run(
    finished: Path, small_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    init, run = tmp_path / "init", tmp_path / "run"
    write_init(finished, init)
    weights = load_file(init / "model.safetensors")
    weights["word_head.norm.weight"][3] = torch.nan
    save_file(weights, init / "model.safetensors")
    assert train(run, "--examples", small_dataset, "--init", init, *SMALL_RUN) == 2
    (line,) = error_lines(capsys)
    text = "word_head.norm.weight has values that are not finite numbers, so the model cannot be used"
    assert line == f"mlukit train: {init}/model.safetensors: {text}"
    file = init / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-9])
    assert train(run, "--examples", small_dataset, "--init", init, *SMALL_RUN, "--quiet") == 2
    (line,) = error_lines(capsys)
    assert line.startswith(f"mlukit train: {init}/model.safetensors is damaged: ")
    assert not run.exists()


def test_stage_1_trains_new_parameters_alone_and_stage_2_all(small_dataset: Path, tmp_path: Path) -> None:
    init, first, second = tmp_path / "init", tmp_path / "first", tmp_path / "second"
    assert train(tmp_path / "seed", "--examples", small_dataset, *SMALL_RUN, "--steps", 2) == 0
    write_init(tmp_path / "seed", init)
    few = flags(steps=4, hidden_dropout=0)
    assert train(first, "--examples", small_dataset, "--init", init, "--stage", 1, *SMALL_RUN, *few) == 0
    before, after = load_file(init / "model.safetensors"), load_file(checkpoints(first)[0][1] / "model.safetensors")
    changed = {name for name in after if name not in before or not torch.equal(before[name], after[name])}
    assert changed <= {name for name in after if name.startswith("entity_")}
    assert {"entity_head.dense.weight", "entity_embeddings.entities.weight"} <= changed
    assert train(second, "--examples", small_dataset, "--init", first, "--stage", 2, *SMALL_RUN, *few) == 0
    last = load_file(checkpoints(second)[0][1] / "model.safetensors")
    assert all(not torch.equal(after[name], last[name]) for name in after if name.endswith("qkv.weight"))
    assert metrics(second)[2]["entity_loss"] == metrics(first)[-1]["entity_loss"]  # held out: where stage 1 ended


def write_init(run: Path, init: Path) -> None:
    """What import would write of weights that know no entities."""
    init.mkdir()
    weights = load_file(checkpoints(run)[0][1] / "model.safetensors")
    kept = {name: value for name, value in weights.items() if not name.startswith("entity_")}
    save_file(kept, init / "model.safetensors")
    config = json.loads((run / "config.json").read_text())["model"]
    (init / "config.json").write_text(json.dumps(config))
    data = json.loads((run / "run.json").read_text())["data"]
    report = {"source": "XLM-R", "not_found": sorted(set(weights) - set(kept)), "data": data}
    (init / "import.json").write_text(json.dumps(report))


def test_weights_of_another_model_are_refused(
    finished: Path, small_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    init = tmp_path / "init"
    write_init(finished, init)
    report = json.loads((init / "import.json").read_text())
    (init / "import.json").write_text(json.dumps({**report, "not_found": []}))
    run = flags(model="tiny", examples=small_dataset, init=init)[2:]
    assert train(tmp_path / "run", *run) == 2
    assert "entity_embeddings" in error_lines(capsys)[-1] and "is missing" not in capsys.readouterr().out


def test_words_alone(small_dataset: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert train(run, "--examples", small_dataset, *SMALL_RUN, "--steps", 3, "--objective", "words") == 0
    assert all("entity_loss" not in line for line in metrics(run))
    config = RunConfig.from_json(json.loads((run / "config.json").read_text()))
    begun, _ = initial_model(config, None)
    after = load_file(checkpoints(run)[0][1] / "model.safetensors")
    for name, value in begun.state_dict().items():
        assert torch.equal(value, after[name]) == name.startswith("entity_"), name


def test_whole_words(small_dataset: Path, tmp_path: Path) -> None:
    run, steps = tmp_path / "run", flags(steps=48, validation_interval=24, checkpoint_interval=24)
    objective = ("--objective", "whole words and entities")
    assert train(run, "--examples", small_dataset, *SMALL_RUN, *steps, *objective) == 0
    assert json.loads((run / "config.json").read_text())["data"]["objective"] == "whole words and entities"
    lines = metrics(run)
    trained, held_out = metrics(run, "train"), metrics(run, "validation")
    for name, most in (("word_loss", 0.85), ("entity_loss", 0.99)):  # which thing follows which is random
        assert sum(line[name] for line in trained[-8:]) < most * sum(line[name] for line in trained[:8])
    assert held_out[-1]["word_loss"] < held_out[2]["word_loss"] - 0.5  # of all
    (next(folder for steps, folder in checkpoints(run) if steps == 48) / "manifest.json").unlink()
    assert main(["--resume", str(run)]) == 0
    assert metrics(run) == lines
