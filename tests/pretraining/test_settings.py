"""Flags: one for every field, defaults by model and stage, and one clear line where one is wrong."""

from dataclasses import fields
from pathlib import Path

import pytest

from mlukit.pretraining.config import MODELS, ModelConfig, TrainingConfig, changed
from mlukit.pretraining.objectives.table import OBJECTIVES
from mlukit.pretraining.setting_help import HELP
from mlukit.pretraining.settings import (
    CONFIGS,
    RESUMABLE,
    SettingsError,
    TrainSettings,
    data_config,
    model_config,
    parse,
    steps_of_epochs,
    steps_origin,
    training_config,
)
from mlukit.pretraining.train import main

ALL_OBJECTIVES = ", ".join(map(repr, OBJECTIVES))
WORDS = "; did you mean 'words'?"
SEE = " (see mlukit train --help)"
NEW = ["--examples", "OUT", "--output", "no-such-folder"]


def new_run(*flags: str) -> TrainSettings:
    return parse([*NEW, *flags])


def complaint(capsys: pytest.CaptureFixture[str], *flags: str) -> str:
    assert main(flags) == 2
    output = capsys.readouterr().err
    assert output.startswith("mlukit train: ") and output.count("\n") == 1
    return output.removeprefix("mlukit train: ").rstrip("\n")


def test_every_field_is_a_flag_with_help(capsys: pytest.CaptureFixture[str]) -> None:
    names = [f.name for config in CONFIGS for f in fields(config)]
    assert list(HELP) == names
    assert set(names) >= RESUMABLE
    with pytest.raises(SystemExit) as exit_:
        parse(["--help"])
    assert exit_.value.code == 0
    output = capsys.readouterr().out
    for name in names:
        assert f"--{name.replace('_', '-')}" in output
    assert "torchrun --nproc-per-node 8 -m mlukit.pretraining train" in output


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["--batch-sze", "7"], "unknown flag --batch-sze; did you mean '--batch-size'?" + SEE),
        (["--frobnicate"], "unknown flag --frobnicate" + SEE),
        (["--batch", "7"], "unknown flag --batch; did you mean '--batch-size'?" + SEE),
        (["--batch-size", "many"], "argument --batch-size: 'many' is not a whole number of at least 0"),
        (["--learning-rate", "nan"], "argument --learning-rate: 'nan' is not a number of at least 0"),
        (["--learning-rate", "-1"], "argument --learning-rate: '-1' is not a number of at least 0"),
        (["--objective", "word"], f"argument --objective: 'word' is not one of {ALL_OBJECTIVES}" + WORDS),
        (["--model", "huge"], "argument --model: 'huge' is not one of 'tiny', 'base', 'large'"),
        (["--stage", "3"], "argument --stage: '3' is not one of '1', '2'"),
        (
            ["--report-to", "wandb,tensorbord"],
            "argument --report-to: 'tensorbord' is not one of 'tensorboard', 'wandb', 'trackio', or 'none' alone; "
            "did you mean 'tensorboard'?",
        ),
        (
            ["--report-to", "none,wandb"],
            "argument --report-to: 'none' is not one of 'tensorboard', 'wandb', 'trackio', or 'none' alone",
        ),
        (["--resume", "RUN", "--model", "base"], "--output does not go with --resume: the run has its own"),
        (["--epochs", "2", "--steps", "7"], "--epochs 2 and --steps 7 exclude each other: give one"),
        (["--epochs", "0"], "argument --epochs: '0' is not a number above 0"),
        (["--epochs", "nan"], "argument --epochs: 'nan' is not a number above 0"),
    ],
)  # fmt: skip
def test_wrong_flags(capsys: pytest.CaptureFixture[str], flags: list[str], text: str) -> None:
    assert complaint(capsys, *NEW, *flags) == text


def test_what_is_missing_or_there_already(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert complaint(capsys, "--output", "x") == "--examples is missing: the output folder of `mlukit build`"
    assert complaint(capsys, "--examples", "x") == "--output is missing: the folder to write the run to"
    existing = complaint(capsys, "--examples", "x", "--output", str(tmp_path))
    assert existing == f"--output {tmp_path} exists, and is not a run that can continue: name another folder"
    (tmp_path / "run.json").touch()
    existing = complaint(capsys, "--examples", "x", "--output", str(tmp_path))
    assert existing == f"--output {tmp_path} is a run: continue it by --resume {tmp_path}, or name another folder"


def test_resume_takes_only_what_may_change(capsys: pytest.CaptureFixture[str]) -> None:
    settings = parse(["--resume", "RUN", "--log-interval", "5", "--no-compile", "--validation-interval", "7"])
    assert settings.resume and settings.output == Path("RUN")
    assert settings.chosen == {"log_interval": 5, "compile": False, "validation_interval": 7}
    assert parse(["--resume", "RUN", "--steps", "50"]).chosen == {"steps": 50}
    assert parse(["--resume", "RUN", "--report-to", "wandb"]).chosen == {"report_to": "wandb"}
    assert parse(["--resume", "RUN", "--validation-examples", "9"]).chosen == {"validation_examples": 9}
    assert complaint(capsys, "--resume", "RUN", "--learning-rate", "1e-3").startswith(
        "--learning-rate does not go with --resume: it was decided when the run began"
    )


def test_a_configuration_file_is_read_and_flags_override_it(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(
        'examples = "OUT"\noutput = "no-such-folder"\nmodel = "tiny"\nlearning_rate = 5e-4\nsteps = 1_000\n'
        'report_to = ["tensorboard", "wandb"]\ncompile = false\nobjective = "words"\nstage = 1\n'
    )
    settings = parse(["--config", str(file), "--stage", "2", "--compile", "--epochs", "3"])
    assert (settings.examples, settings.output, settings.model) == (Path("OUT"), Path("no-such-folder"), "tiny")
    assert settings.chosen == {
        **{"learning_rate": 5e-4, "compile": True, "objective": "words", "stage": 2},
        "report_to": "tensorboard,wandb",
    }
    assert settings.epochs == 3
    assert parse(["--config", str(file), "--output", "other"]).chosen["steps"] == 1_000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("learning_rat = 5e-4", "{file}: unknown option 'learning_rat'; did you mean 'learning_rate'?"),
        ("resume = 'RUN'", "{file}: unknown option 'resume'"),
        ("batch_size = 5.5", "{file}: batch_size: '5.5' is not a whole number of at least 0"),
        ("batch_size = true", "{file}: batch_size: 'True' is not a whole number of at least 0"),
        ("compile = 1", "{file}: compile = 1 is wrong; accepted: true or false"),
        ("objective = 'word'", f"{{file}}: objective: 'word' is not one of {ALL_OBJECTIVES}" + WORDS),
        ("[training]\nsteps = 5", "{file}: unknown option 'training'"),
        ("steps = 5\nepochs = 2", "--epochs 2 and --steps 5 exclude each other: give one"),
        ("= 3", "--config {file}: Invalid statement (at line 1, column 1)"),
    ],
)
def test_wrong_configuration_files(capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "c.toml"
    file.write_text(text)
    assert complaint(capsys, *NEW, "--config", str(file)) == said.format(file=file)


def test_a_resumed_run_takes_no_configuration_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = complaint(capsys, "--resume", "RUN", "--config", str(tmp_path / "c.toml"))
    assert text == "--config does not go with --resume: the run has its settings in its config.json"
    text = complaint(capsys, *NEW, "--config", str(tmp_path / "c.toml"))
    assert text.endswith(f"No such file or directory: '{tmp_path / 'c.toml'}'")


def test_defaults_by_model_and_stage() -> None:
    def rate(size: str, *flags: str, gpu: bool = True) -> TrainingConfig:
        settings = new_run("--model", size, *flags)
        return training_config(settings, model_config(settings, None, 100, 50), gpu=gpu)

    assert rate("base") == TrainingConfig()  # the paper's: stage 2 of base
    assert [rate(size, "--stage", stage).learning_rate for size in ("base", "large") for stage in "12"] == [
        *(5e-4, 1e-4),
        *(5e-4, 5e-5),
    ]
    assert rate("large", "--learning-rate", "3e-4").learning_rate == 3e-4
    assert rate("base", gpu=False) == changed(TrainingConfig(), {"precision": "float32", "compile": False})
    assert rate("base", "--precision", "bfloat16", gpu=False).precision == "bfloat16"
    assert rate("tiny").steps == 1_000
    assert data_config(new_run("--model", "tiny")).batch_size == 32
    assert data_config(new_run("--model", "tiny", "--batch-size", "8")).batch_size == 8
    assert data_config(new_run("--model", "base", "--objective", "words")).objective == "words"
    assert rate("base", "--steps", "1,000").warmup_steps == 100


@pytest.mark.parametrize(
    ("flags", "gigabytes", "words"),
    [
        ([], 0, 16_384),  # no GPU
        ([], 48, 16_384),
        ([], 84.9, 65_536),  # what CUDA says of 80 GB
        (["--model", "large"], 84.9, 16_384),
        (["--model", "large"], 150, 65_536),
        (["--model", "tiny"], 150, 1_024),
        (["--micro-batch-tokens", "8192"], 150, 8_192),
    ],
)
def test_words_of_a_micro_batch_by_the_memory_of_the_gpu(flags: list[str], gigabytes: float, words: int) -> None:
    settings, gpu_bytes = new_run(*flags), int(gigabytes * 1e9)
    assert data_config(settings, gpu_bytes=gpu_bytes).micro_batch_tokens == words


def test_words_of_a_micro_batch_by_the_model_of_the_weights() -> None:
    settings = new_run("--init", "INIT")
    assert data_config(settings, MODELS["large"], gpu_bytes=85 * 10**9).micro_batch_tokens == 16_384
    assert data_config(settings, MODELS["base"], gpu_bytes=85 * 10**9).micro_batch_tokens == 65_536


def test_model_of_the_examples_or_of_the_weights() -> None:
    assert model_config(new_run(), None, 100, 50) == changed(
        MODELS["base"], {"vocabulary_size": 100, "entity_vocabulary_size": 50}
    )
    found = ModelConfig(vocabulary_size=100, entity_vocabulary_size=50, hidden_size=384, heads=6, layers=3)
    assert model_config(new_run("--init", "INIT"), found, 100, 50) is not None
    assert model_config(new_run("--init", "INIT", "--hidden-dropout", "0"), found, 100, 50).hidden_dropout == 0


@pytest.mark.parametrize(
    ("flags", "words", "text"),
    [
        (["--vocabulary-size", "7"], 100, "--vocabulary-size 7 is not that of the examples, 100"),
        (["--init", "INIT"], 101, "--init INIT has vocabulary_size 100, and the examples have 101"),
        (["--init", "INIT", "--model", "base"], 100, "--init INIT has hidden_size 384, and asked for is 768"),
        (["--init", "INIT", "--layers", "5"], 100, "--init INIT has layers 3, and asked for is 5"),
    ],
)
def test_shapes_that_do_not_fit(flags: list[str], words: int, text: str) -> None:
    found = ModelConfig(vocabulary_size=100, entity_vocabulary_size=50, hidden_size=384, heads=6, layers=3)
    with pytest.raises(SettingsError) as error:
        model_config(new_run(*flags), found, words, 50)
    assert str(error.value) == text


@pytest.mark.parametrize(
    ("words", "origin"),
    [
        (["--model", "tiny"], "the default of --model tiny; --steps N or --epochs X sets another number"),
        ([], "the default: a stage of mLUKE's paper; --steps N or --epochs X sets another number"),
        (["--model", "tiny", "--steps", "5"], "by --steps"),
        (["--epochs", "1.5"], "by --epochs"),
    ],
)
def test_the_origin_of_the_number_of_steps(words: list[str], origin: str) -> None:
    assert steps_origin(parse(["--examples", "OUT", "--output", "no-such-run", *words])) == origin


@pytest.mark.parametrize(
    ("epochs", "examples", "batch", "steps"),
    [
        *((1, 74, 16, 5), (2, 64, 16, 8), (0.5, 64, 16, 2), (0.001, 64, 16, 1), (20, 55_329_382, 2048, 540_326)),
        *((100, 7, 100, 7), (1.1, 10, 1, 11)),  # in floating point, both are more than a whole number
    ],
)
def test_steps_of_epochs(epochs: float, examples: int, batch: int, steps: int) -> None:
    assert steps_of_epochs(epochs, examples, batch) == steps
    settings = new_run("--epochs", str(epochs)).with_steps(examples, batch)
    assert settings.chosen["steps"] == steps
    assert new_run("--steps", "3").with_steps(examples, batch).chosen == {"steps": 3}


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (
            ["--examples", "gs://bucket/OUT", "--output", "RUN"],
            "argument --examples: 'gs://bucket/OUT' is not a folder of this machine. Copy it: gcloud storage rsync "
            "--recursive gs://bucket/OUT FOLDER, and name the folder here",
        ),
        (
            ["--resume", "s3://bucket/RUN"],
            "argument --resume: 's3://bucket/RUN' is not a folder of this machine. Copy it: aws s3 sync "
            "s3://bucket/RUN FOLDER, and name the folder here",
        ),
        (
            ["--examples", "OUT", "--output", "s3://bucket/RUN"],
            "argument --output: 's3://bucket/RUN' is not a folder of this machine: name a folder, and copy it there at "
            "the end",
        ),
        (
            ["--examples", "OUT", "--output", "RUN", "--init", "ftp://host/INIT"],
            "argument --init: 'ftp://host/INIT' is not a folder of this machine. Copy it to a folder, and name the "
            "folder here",
        ),
    ],
)
def test_addresses_of_object_stores(capsys: pytest.CaptureFixture[str], flags: list[str], text: str) -> None:
    assert complaint(capsys, *flags) == text
