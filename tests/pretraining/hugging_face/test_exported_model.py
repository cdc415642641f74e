"""What was exported, loaded by transformers: the installed version, and an old one, MLUKIT_OLD_TRANSFORMERS."""

import io
import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import torch
from safetensors.torch import load_file

from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.pretraining.config import DataConfig, ModelConfig, RunConfig, TrainingConfig
from mlukit.pretraining.hugging_face.checkpoint_files import CheckpointError, read_checkpoint
from mlukit.pretraining.hugging_face.exported_model import export_model
from mlukit.pretraining.hugging_face.imported_model import import_model
from mlukit.pretraining.hugging_face.model_card import Training
from mlukit.pretraining.model.model import PretrainingModel
from tests.pretraining.hugging_face.load_with_transformers import load
from tests.pretraining.hugging_face.our_logits import our_logits, our_model
from tests.pretraining.hugging_face.small_output import SENTENCES
from tests.pretraining.packed_examples import SMALL

EXACT = {"rtol": 1e-9, "atol": 1e-11}
OLD = os.environ.get("MLUKIT_OLD_TRANSFORMERS", "")


def with_entities(language: str, mentions: list[str], entities: list[str] | None = None) -> dict[str, Any]:
    """A sentence with mentions between blanks: elsewhere `MLukeTokenizer` begins a word where one ends."""
    text = SENTENCES[language]
    spans = [[text.index(mention), text.index(mention) + len(mention)] for mention in mentions]
    return {"text": text, "entity_spans": spans} | ({"entities": entities} if entities else {})


TEXTS: list[dict[str, Any]] = [
    *({"text": text} for text in SENTENCES.values()),
    with_entities("en", ["Berlin", "capital of"]),
    with_entities("de", ["Berlin", "Deutschlands"], ["Q64", "de:Deutschland"]),
    {"text": "<mask> is the capital of Germany.", "entity_spans": [[0, 6]], "entities": ["[MASK]"]},
]


def trained(config: ModelConfig) -> PretrainingModel:
    """Parameters that are all different from what they are at first."""
    torch.manual_seed(3)
    model = PretrainingModel(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
        model.word_embeddings.words.weight[config.vocabulary_size :] = 0
        model.entity_embeddings.entities.weight[config.entity_vocabulary_size :] = 0
        model.word_head.bias[config.vocabulary_size :] = 0
        model.entity_head.bias[config.entity_vocabulary_size :] = 0
    return model


@pytest.fixture(scope="module")
def config(tokenizer: Tokenizer) -> ModelConfig:
    return replace(SMALL, vocabulary_size=tokenizer.size, entity_vocabulary_size=8, max_positions=130)


@pytest.fixture(scope="module", params=["plain", "entity-aware", "wide entities"])
def exported(
    request: pytest.FixtureRequest, config: ModelConfig, output: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, PretrainingModel]:
    changes: dict[str, dict[str, Any]] = {
        "entity-aware": {"entity_aware_attention": True},
        "wide entities": {"entity_embedding_size": config.hidden_size, "token_types": 2},
    }
    model = trained(replace(config, **changes.get(request.param, {})))
    folder = tmp_path_factory.mktemp("exported") / "DIR"
    export_model(model.config, model.state_dict(), output, folder)
    return folder, model


def with_version(folder: Path, version: str, place: Path) -> dict[str, Any]:
    if version == "installed":
        return load(str(folder), TEXTS)
    if not OLD:
        pytest.skip("MLUKIT_OLD_TRANSFORMERS names no environment with another version (docs/checkpoints.md)")
    (place / "texts.json").write_text(json.dumps(TEXTS))
    script = Path(__file__).with_name("load_with_transformers.py")
    arguments = [script, folder, place / "texts.json", place / "result.pt"]
    subprocess.run([Path(OLD) / "bin/python", *arguments], check=True, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    result: dict[str, Any] = torch.load(place / "result.pt")
    return result


@pytest.mark.parametrize("version", ["installed", "old"])
def test_transformers_makes_the_same_of_it(
    exported: tuple[Path, PretrainingModel], version: str, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    folder, model = exported
    result = with_version(folder, version, tmp_path)
    assert result["version"].split(".")[0] == ("5" if version == "installed" else "4")
    assert result["tokenizer"] == "MLukeTokenizer"
    assert {name: keys for name, keys in result["info"].items() if keys} == {}
    ours = our_model(model.config, model.state_dict())
    for text, inputs, logits, entity_logits in zip(
        TEXTS, result["inputs"], result["logits"], result["entity_logits"], strict=True
    ):
        if "<mask>" not in text["text"]:
            assert inputs["input_ids"] == [0, *tokenizer.encode([text["text"]])[0], 2]
        words, entities = our_logits(ours, inputs)
        torch.testing.assert_close(words, logits, **EXACT)
        if "entity_spans" in text:
            torch.testing.assert_close(entities, entity_logits, **EXACT)
    assert [inputs.get("entity_ids") for inputs in result["inputs"][-3:]] == [[2, 2], [4, 5], [2]]
    assert result["inputs"][-1]["input_ids"][:2] == [0, tokenizer.mask_id]


def test_import_of_an_export_is_what_was_exported(exported: tuple[Path, PretrainingModel], output: Path) -> None:
    folder, model = exported
    for examples in (None, output):
        again = import_model(read_checkpoint(folder), examples, seed=5, entity_width=9)
        assert again.config == model.config
        assert again.report["not_found"] == []
        assert again.report["unused"] == ["luke.pooler.dense.bias", "luke.pooler.dense.weight"]
        weights = model.state_dict()
        assert again.weights.keys() == weights.keys()
        assert [name for name in weights if not torch.equal(again.weights[name], weights[name])] == []
    assert again.report["entities"] == {
        "rows": 8,
        "found": 8,
        "found_by": {"name": 4, "QID": 4},
        "titles_disagree": 0,
    }


def test_the_word_decoder_is_spelt_out_and_the_entity_decoder_is_not(
    exported: tuple[Path, PretrainingModel],
) -> None:
    tensors = load_file(exported[0] / "model.safetensors")
    assert torch.equal(tensors["lm_head.decoder.weight"], tensors["luke.embeddings.word_embeddings.weight"])
    assert torch.equal(tensors["lm_head.decoder.bias"], tensors["lm_head.bias"])
    assert "entity_predictions.decoder.weight" not in tensors


def test_model_card(config: ModelConfig, output: Path, tmp_path: Path) -> None:
    run = RunConfig(model=config, data=DataConfig(), training=TrainingConfig())
    model = PretrainingModel(config)
    training = Training(run, 540_326, "XLM-R")
    export_model(config, model.state_dict(), output, tmp_path / "DIR", training=training)
    card = (tmp_path / "DIR/README.md").read_text()
    assert card.startswith('---\nlanguage:\n- "de"\n- "en"\nlibrary_name: transformers\n')
    for line in (
        "540,326 steps of stage 2. It started from XLM-R.",
        "| de | 1,200 | 1,100 | 90,000 | 6 |",
        "| all | 2,400 | 2,200 | 180,000 | 12 |",
        "8 entities, the special ones included.",
        "| `min_languages` | 2 |",
        "| `learning_rate` | 0.0001 |",
        "| en | dump | `enwiki.xml.bz2` | 9 | sha256 `ab` |",
    ):
        assert f"\n{line}\n" in card


def test_tokenizer_has_the_limits_of_training(config: ModelConfig, output: Path, tmp_path: Path) -> None:
    data = DataConfig(max_tokens=256, max_entities=20, max_mention_tokens=9)
    export_model(config, PretrainingModel(config).state_dict(), output, tmp_path / "DIR", data=data)
    written = json.loads((tmp_path / "DIR/tokenizer_config.json").read_bytes())
    limits = ("model_max_length", "max_entity_length", "max_mention_length")
    assert [written[name] for name in limits] == [256, 20, 9]


def test_what_does_not_fit_is_refused(config: ModelConfig, output: Path, tmp_path: Path) -> None:
    weights = PretrainingModel(config).state_dict()
    other = replace(config, vocabulary_size=config.vocabulary_size + 1)
    with pytest.raises(CheckpointError, match=f"makes a vocabulary of {config.vocabulary_size}, the model has one of"):
        export_model(other, weights, output, tmp_path / "DIR")
    other = replace(config, entity_vocabulary_size=9)
    with pytest.raises(CheckpointError, match="has 8 entities, the model has 9"):
        export_model(other, weights, output, tmp_path / "DIR")
    del weights["entity_head.bias"]
    with pytest.raises(CheckpointError, match=r"lack 1 parameter of the model, such as entity_head\.bias"):
        export_model(config, weights, output, tmp_path / "DIR")
    assert list(tmp_path.iterdir()) == []


def test_a_tokenizer_that_transformers_does_not_have_is_refused(
    config: ModelConfig, output: Path, tmp_path: Path
) -> None:
    examples = shutil.copytree(output, tmp_path / "OUT")
    pieces, model = iter([*SENTENCES.values()] * 4), io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=pieces, model_writer=model, vocab_size=210, model_type="bpe", minloglevel=2
    )
    (examples / "tokenizer/sentencepiece.bpe.model").write_bytes(model.getvalue())
    fitting = replace(config, vocabulary_size=Tokenizer.load(model.getvalue()).size)
    with pytest.raises(CheckpointError, match=r"sentencepiece\.bpe\.model: the model is BPE"):
        export_model(fitting, PretrainingModel(fitting).state_dict(), examples, tmp_path / "DIR")
    assert not (tmp_path / "DIR").exists()


def test_a_folder_that_has_something_is_left_alone(config: ModelConfig, output: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    with pytest.raises(FileExistsError, match="exists: name a folder that does not"):
        export_model(config, PretrainingModel(config).state_dict(), output, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
