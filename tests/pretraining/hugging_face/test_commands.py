"""`mlukit export` and `mlukit import` as a user calls them."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard
from safetensors.torch import load_file, save_file
from transformers import LukeConfig, LukeForMaskedLM, XLMRobertaConfig, XLMRobertaModel

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


def write_run(folder: Path, config: ModelConfig, examples: Path, init: Path | None = None, **facts: Any) -> Path:
    """A run of 10 steps, and one of 20 that was cut short, as `mlukit train` leaves them."""
    model = PretrainingModel(config)
    run = RunConfig(model=config, data=DataConfig(max_tokens=64), training=TrainingConfig())
    for steps in (10, 20):
        place = checkpoint_folder(folder, steps)
        (place / "training").mkdir(parents=True)
        (place / "training/.metadata").touch()  # export reads no optimizer
        save_file(model.state_dict(), place / "model.safetensors")
        write_manifest(place, steps)
    (place / "model.safetensors").write_bytes(b"")
    manifest = json.loads((examples / "examples/en/_manifest.json").read_bytes())
    data = {name: manifest["inputs"][name] for name in ("entities", "tokenizer")}
    write_json(folder / "config.json", run.to_json())
    write_json(folder / "run.json", {"examples": str(examples), "data": data, "init": init and str(init), **facts})
    return folder


def test_export_of_a_run(config: ModelConfig, output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "RUN", config, output)
    assert export.main([str(run), "--output", str(tmp_path / "my-model")]) == 0
    printed = capsys.readouterr()
    assert "is a model for transformers" in printed.out
    assert "passing over" in printed.err
    assert sorted(path.name for path in (tmp_path / "my-model").iterdir()) == [
        "README.md",
        "config.json",
        "entity_vocab.json",
        "model.safetensors",
        "sentencepiece.bpe.model",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    (tmp_path / "new").touch()
    assert {path.stat().st_mode for path in (tmp_path / "my-model").iterdir()} == {(tmp_path / "new").stat().st_mode}
    assert json.loads((tmp_path / "my-model/tokenizer_config.json").read_bytes())["model_max_length"] == 64
    card = (tmp_path / "my-model/README.md").read_text()
    assert "\n10 steps of stage 2. It started from random parameters.\n" in card
    assert ModelCard(card).data.to_dict()["license"] == "cc-by-sa-4.0"
    assert 'LukeForMaskedLM.from_pretrained("my-model")' in card and '"DIR"' not in card


def test_export_tells_where_a_run_came_from(config: ModelConfig, output: Path, tmp_path: Path) -> None:
    (tmp_path / "INIT").mkdir()
    write_json(tmp_path / "INIT/import.json", {"source": "/somewhere/xlm-roberta-base"})
    first = write_run(tmp_path / "RUN1", config, output, tmp_path / "INIT")
    second = write_run(tmp_path / "RUN2", config, output, first)
    assert export.main([str(second), "--output", str(tmp_path / "DIR")]) == 0
    card = (tmp_path / "DIR/README.md").read_text()
    assert "It started from RUN1, which was made of INIT, which was made of xlm-roberta-base." in card
    assert ModelCard(card).data.base_model == "FacebookAI/xlm-roberta-base"


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


def test_import_for_examples_that_no_training_takes(
    output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = XLMRobertaModel(XLMRobertaConfig(vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=1))
    theirs.save_pretrained(tmp_path / "XLM-R")
    monkeypatch.setattr(import_checkpoint, "export_problem", lambda _: "the model is of type BPE")
    arguments = [str(tmp_path / "XLM-R"), "--output", str(tmp_path / "INIT"), "--examples", str(output)]
    assert import_checkpoint.main(arguments) == 2
    assert "the model is of type BPE, so no model can be trained on these examples" in capsys.readouterr().err


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


@pytest.mark.parametrize(
    ("facts", "own", "exported"),
    [
        ({}, 0.0, 0.1),
        ({"attention_dropout": None}, 0.0, 0.1),
        ({"attention_dropout": 0.25}, 0.0, 0.25),
        ({"attention_dropout": 0.0}, 0.0, 0.0),
        ({"attention_dropout": 0.25}, 0.4, 0.4),
    ],
)
def test_the_dropout_of_attention_is_that_of_the_imported_model(
    facts: dict[str, Any], own: float, exported: float, config: ModelConfig, output: Path, tmp_path: Path
) -> None:
    run = write_run(tmp_path / "RUN", replace(config, attention_dropout=own), output, **facts)
    assert export.main([str(run), "--output", str(tmp_path / "DIR")]) == 0
    written = json.loads((tmp_path / "DIR/config.json").read_bytes())
    assert written["attention_probs_dropout_prob"] == exported


def test_a_damaged_vocabulary_is_one_line(
    config: ModelConfig, output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    init = import_of(write_run(tmp_path / "RUN", config, output), tmp_path, output)
    examples = shutil.copytree(output, tmp_path / "OUT")
    vocabulary = examples / "vocabulary/vocabulary.parquet"
    whole = vocabulary.read_bytes()
    middle = whole[:40] + bytes(200) + whole[240:]
    for damaged in (whole[: len(whole) // 2], b"", middle):
        vocabulary.write_bytes(damaged)
        commands = [
            (export, [str(tmp_path / "RUN"), "--examples", str(examples), "--output", str(tmp_path / "DIR")]),
            (export, [str(init), "--examples", str(examples), "--output", str(tmp_path / "DIR")]),
            (
                import_checkpoint,
                [str(tmp_path / "EXPORT"), "--examples", str(examples), "--output", str(tmp_path / "I")],
            ),
        ]
        for command, words in commands:
            capsys.readouterr()
            assert command.main(words) == 2
            lines = [line for line in capsys.readouterr().err.splitlines() if "passing over" not in line]
            assert len(lines) == 1, lines
            assert str(vocabulary) in lines[0]
    assert not (tmp_path / "DIR").exists() and not (tmp_path / "I").exists()


def import_of(run: Path, folder: Path, output: Path) -> Path:
    """INIT, made of a run's export, which stays in EXPORT."""
    assert export.main([str(run), "--output", str(folder / "EXPORT")]) == 0
    words = [str(folder / "EXPORT"), "--examples", str(output), "--output", str(folder / "INIT")]
    assert import_checkpoint.main(words) == 0
    return folder / "INIT"


@pytest.mark.parametrize("place", [".", "..", "empty/..", "file"])
def test_export_into_a_place_that_is_there(
    place: str,
    config: ModelConfig,
    output: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = write_run(tmp_path / "RUN", config, output)
    (tmp_path / "here/empty").mkdir(parents=True)
    (tmp_path / "here/file").touch()
    monkeypatch.chdir(tmp_path / "here")
    assert export.main([str(run), "--output", place]) == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith("exists: name a folder that does not")
    assert import_checkpoint.main([str(run), "--output", place]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == ["empty", "file"]


def test_export_refuses_values_that_are_not_finite(
    config: ModelConfig, output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "RUN", config, output)
    weights = checkpoint_folder(run, 10) / "model.safetensors"
    tensors = load_file(weights)
    tensors["entity_head.dense.bias"][0] = float("nan")
    save_file(tensors, weights)
    (weights.parent / "manifest.json").unlink()
    write_manifest(weights.parent, 10)
    assert export.main([str(run), "--output", str(tmp_path / "DIR")]) == 2
    assert "entity_head.dense.bias has values that are not finite numbers" in capsys.readouterr().err
    assert not (tmp_path / "DIR").exists()


@pytest.mark.parametrize("tokenizer_files", [("vocab.json", "merges.txt"), ("tokenizer.json",)])
def test_luke_for_english_cannot_be_imported(
    tokenizer_files: tuple[str, ...], output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As studio-ousia/luke-base: the words of RoBERTa, of byte-level BPE, and two more."""
    sizes = {"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 3, "intermediate_size": 40}
    ids = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "layer_norm_eps": 1e-5, "type_vocab_size": 1}
    LukeForMaskedLM(LukeConfig(vocab_size=52, entity_vocab_size=9, entity_emb_size=6, **sizes, **ids)).save_pretrained(
        tmp_path / "LUKE"
    )
    for name in tokenizer_files:
        (tmp_path / "LUKE" / name).write_text('{"model": {"type": "BPE", "vocab": {}, "merges": []}}')
    (tmp_path / "LUKE/entity_vocab.json").write_text('{"[PAD]": 0, "[UNK]": 1, "[MASK]": 2, "Berlin": 3}')
    words = [str(tmp_path / "LUKE"), "--output", str(tmp_path / "INIT")]
    for more in ([], ["--examples", str(output)]):
        assert import_checkpoint.main([*words, *more]) == 2
        (line,) = [line for line in capsys.readouterr().err.splitlines() if "mlukit import" in line]
        assert "byte-level BPE, as LUKE for English has; examples have the pieces of a SentencePiece unigram" in line
    assert not (tmp_path / "INIT").exists()
