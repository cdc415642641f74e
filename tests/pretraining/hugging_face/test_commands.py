"""`mlukit export` and `mlukit import` as a user calls them."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from transformers import XLMRobertaConfig, XLMRobertaModel

from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.pretraining.config import DataConfig, ModelConfig, RunConfig, TrainingConfig
from mlukit.pretraining.hugging_face import export, import_checkpoint
from mlukit.pretraining.model.model import PretrainingModel
from mlukit.pretraining.training.fingerprints import fingerprints_of_examples
from mlukit.pretraining.training.run_folder import (
    checkpoint_folder,
    not_found,
    read_model_config,
    write_json,
    write_manifest,
)
from tests.pretraining.hugging_face.small_output import write_small_output
from tests.pretraining.packed_examples import SMALL


@pytest.fixture
def config(tokenizer: Tokenizer) -> ModelConfig:
    return replace(SMALL, vocabulary_size=tokenizer.size, entity_vocabulary_size=8)


def write_run(folder: Path, config: ModelConfig, examples: Path, init: Path | None = None) -> Path:
    """A run of 10 steps, and one of 20 that was cut short, as `mlukit train` leaves them."""
    model = PretrainingModel(config)
    run = RunConfig(model=config, data=DataConfig(max_tokens=64), training=TrainingConfig())
    for steps in (10, 20):
        place = checkpoint_folder(folder, steps)
        place.mkdir(parents=True)
        save_file(model.state_dict(), place / "model.safetensors")
        write_manifest(place, steps)
    (place / "model.safetensors").write_bytes(b"")
    manifest = json.loads((examples / "examples/en/_manifest.json").read_bytes())
    data = {name: manifest["inputs"][name] for name in ("entities", "tokenizer")}
    write_json(folder / "config.json", run.to_json())
    write_json(folder / "run.json", {"examples": str(examples), "data": data, "init": init and str(init)})
    return folder


def test_export_of_a_run(config: ModelConfig, output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "RUN", config, output)
    assert export.main([str(run), "--output", str(tmp_path / "DIR")]) == 0
    printed = capsys.readouterr()
    assert "is a model for transformers" in printed.out
    assert "passing over" in printed.err
    assert sorted(path.name for path in (tmp_path / "DIR").iterdir()) == [
        "README.md",
        "config.json",
        "entity_vocab.json",
        "model.safetensors",
        "sentencepiece.bpe.model",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    (tmp_path / "new").touch()
    assert {path.stat().st_mode for path in (tmp_path / "DIR").iterdir()} == {(tmp_path / "new").stat().st_mode}
    assert json.loads((tmp_path / "DIR/tokenizer_config.json").read_bytes())["model_max_length"] == 64
    card = (tmp_path / "DIR/README.md").read_text()
    assert "\n10 steps of stage 2. It started from random parameters.\n" in card


def test_export_tells_where_a_run_came_from(config: ModelConfig, output: Path, tmp_path: Path) -> None:
    (tmp_path / "INIT").mkdir()
    write_json(tmp_path / "INIT/import.json", {"source": "/somewhere/XLM-R"})
    first = write_run(tmp_path / "RUN1", config, output, tmp_path / "INIT")
    second = write_run(tmp_path / "RUN2", config, output, first)
    assert export.main([str(second), "--output", str(tmp_path / "DIR")]) == 0
    origin = "It started from RUN1, which was made of INIT, which was made of XLM-R."
    assert origin in (tmp_path / "DIR/README.md").read_text()


def test_export_refuses_other_examples(
    config: ModelConfig, output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "RUN", config, output)
    other = write_small_output(tmp_path / "OTHER", pieces=160)
    assert export.main([str(run), "--output", str(tmp_path / "DIR"), "--examples", str(other)]) == 2
    assert f"{run} has another tokenizer than {other}: the fingerprints are " in capsys.readouterr().err
    assert export.main([str(tmp_path / "nowhere"), "--output", str(tmp_path / "DIR")]) == 2
    assert "there is no folder" in capsys.readouterr().err
    assert not (tmp_path / "DIR").exists()


def test_import_writes_what_training_starts_from(
    output: Path, tokenizer: Tokenizer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = {"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 3, "intermediate_size": 40}
    theirs = XLMRobertaModel(XLMRobertaConfig(vocab_size=tokenizer.size, max_position_embeddings=66, **sizes))
    theirs.save_pretrained(tmp_path / "XLM-R")
    shutil.copy(output / "tokenizer/sentencepiece.bpe.model", tmp_path / "XLM-R")
    arguments = [str(tmp_path / "XLM-R"), "--output", str(tmp_path / "INIT"), "--examples", str(output)]
    assert import_checkpoint.main([*arguments, "--entity-embedding-size", "12", "--seed", "4"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[2:4] == ["entities: 0 of 8 found a row", "parameters found: 17; new, which stage 1 trains: 16"]

    config = read_model_config(tmp_path / "INIT")
    assert (config.layers, config.entity_embedding_size) == (1, 12)
    assert json.loads((tmp_path / "INIT/config.json").read_bytes()) == asdict(config)
    weights = load_file(tmp_path / "INIT/model.safetensors")
    PretrainingModel(config).load_state_dict(weights)
    assert len(not_found(tmp_path / "INIT")) == 16
    assert not_found(tmp_path / "INIT") < set(weights)
    assert json.loads((tmp_path / "INIT/import.json").read_bytes())["data"] == fingerprints_of_examples(output)

    assert import_checkpoint.main(arguments) == 2
    assert "INIT exists: name a folder that does not" in capsys.readouterr().err
    arguments[2] = str(tmp_path / "INIT2")
    (tmp_path / "XLM-R/model.safetensors").unlink()
    assert import_checkpoint.main(arguments) == 2
    assert "has neither model.safetensors nor" in capsys.readouterr().err
    assert not (tmp_path / "INIT2").exists()


def test_an_import_can_be_exported(
    config: ModelConfig, output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    init = tmp_path / "INIT"
    init.mkdir()
    write_json(init / "config.json", asdict(config))
    save_file(PretrainingModel(config).state_dict(), init / "model.safetensors")
    write_json(init / "import.json", {"source": "XLM-R", "data": fingerprints_of_examples(output)})
    arguments = [str(init), "--output", str(tmp_path / "DIR")]
    assert export.main(arguments) == 2
    assert "name them by --examples" in capsys.readouterr().err
    assert export.main([*arguments, "--examples", str(output)]) == 0
    assert "## Training" not in (tmp_path / "DIR/README.md").read_text()
