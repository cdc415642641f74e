"""What was exported, loaded by transformers: version 5 of .venv, and version 4, which `./run test` puts beside it."""

import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import sentencepiece
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, LukeForMaskedLM

from mlukit.corpus.examples.tokenizer import UNK_ID, Tokenizer
from mlukit.pretraining.config import DataConfig, ModelConfig, RunConfig, TrainingConfig
from mlukit.pretraining.hugging_face.card_metadata import Origin
from mlukit.pretraining.hugging_face.checkpoint_files import CheckpointError, read_checkpoint
from mlukit.pretraining.hugging_face.exported_model import export_model
from mlukit.pretraining.hugging_face.imported_model import import_model
from mlukit.pretraining.hugging_face.model_card import Training
from mlukit.pretraining.model.model import PretrainingModel
from mlukit.pretraining.model.special_entities import with_special_entities
from tests.pretraining.hugging_face.load_with_transformers import TASKS, load
from tests.pretraining.hugging_face.our_logits import our_logits, our_model
from tests.pretraining.hugging_face.small_output import SENTENCES, write_small_output
from tests.pretraining.packed_examples import SMALL

EXACT = {"rtol": 1e-9, "atol": 1e-11}
TRANSFORMERS4 = Path(sys.prefix) / "transformers4"


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


Exported: TypeAlias = tuple[Path, PretrainingModel]
CHANGES: dict[str, dict[str, Any]] = {
    "plain": {},
    "entity-aware": {"entity_aware_attention": True},
    "wide entities": {"entity_embedding_size": SMALL.hidden_size, "token_types": 2},
}


@pytest.fixture(scope="module")
def all_exported(config: ModelConfig, output: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Exported]:
    made = {}
    for name, changes in CHANGES.items():
        model = trained(replace(config, **changes))
        folder = tmp_path_factory.mktemp("exported") / "DIR"
        export_model(model.config, model.state_dict(), output, folder)
        made[name] = folder, model
    return made


@pytest.fixture(scope="module", params=CHANGES)
def exported(request: pytest.FixtureRequest, all_exported: dict[str, Exported]) -> Exported:
    return all_exported[request.param]


@pytest.fixture(scope="module")
def with_transformers4(
    all_exported: dict[str, Exported], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """What transformers 4 makes of each folder, in one process: it takes long to start."""
    if not TRANSFORMERS4.is_dir():
        pytest.skip(f"{TRANSFORMERS4} is not there: ./run test installs it")
    place = tmp_path_factory.mktemp("loaded")
    (place / "texts.json").write_text(json.dumps(TEXTS))
    folders = [folder for folder, _ in all_exported.values()]
    arguments = [
        Path(__file__).with_name("load_with_transformers.py"),
        place / "texts.json",
        place / "result",
        *folders,
    ]
    environment = {**os.environ, "PYTHONPATH": str(TRANSFORMERS4), "HF_HUB_OFFLINE": "1", "USE_TF": "0"}
    subprocess.run([sys.executable, *arguments], check=True, env=environment, timeout=250)
    result: dict[str, dict[str, Any]] = torch.load(place / "result")
    return result


@pytest.fixture(params=[4, 5], ids=["transformers 4", "transformers 5"])
def loaded(request: pytest.FixtureRequest, exported: Exported) -> dict[str, Any]:
    """What a version makes of the folder."""
    folder = str(exported[0])
    result = request.getfixturevalue("with_transformers4")[folder] if request.param == 4 else load(folder, TEXTS)
    assert result["version"].startswith(f"{request.param}.")
    return result


def test_transformers_makes_the_same_of_it(
    exported: Exported, loaded: dict[str, Any], output: Path, tokenizer: Tokenizer
) -> None:
    _, model = exported
    assert loaded["tokenizer"] == "MLukeTokenizer"
    assert {name: keys for name, keys in loaded["info"].items() if keys} == {}
    ours = our_model(model.config, with_special_entities(model.state_dict(), model.config, output))
    for text, inputs, logits, entity_logits in zip(
        TEXTS, loaded["inputs"], loaded["logits"], loaded["entity_logits"], strict=True
    ):
        if "<mask>" not in text["text"]:
            assert inputs["input_ids"] == [0, *tokenizer.encode([text["text"]])[0], 2]
        words, entities = our_logits(ours, inputs)
        torch.testing.assert_close(words, logits[:, : tokenizer.size], **EXACT)
        torch.testing.assert_close(words[:, [UNK_ID] * 2], logits[:, tokenizer.size :], **EXACT)
        if "entity_spans" in text:
            torch.testing.assert_close(entities, entity_logits, **EXACT)
    assert [inputs.get("entity_ids") for inputs in loaded["inputs"][-3:]] == [[2, 2], [4, 5], [2]]
    assert loaded["inputs"][-1]["input_ids"][:2] == [0, tokenizer.mask_id]


@pytest.mark.parametrize(("task", "entities"), [*zip(TASKS, ([2], [2, 3], [2, 2], None), strict=True)])
def test_tasks_of_mluke(task: str, entities: list[int] | None, loaded: dict[str, Any], tokenizer: Tokenizer) -> None:
    assert loaded["task_words"] == [tokenizer.size, tokenizer.size + 1]
    assert loaded["attention_dropout"] == 0.1
    done = loaded["tasks"][task]
    head = "qa_outputs" if entities is None else "classifier"
    assert [name.split(".")[0] for name in done["missing"]] in ([head], [head] * 2)  # with a bias or without
    assert done["logits"].isfinite().all()
    assert done["queries_learn"] == (entities is not None)
    assert done["difference"] < 1e-12
    ids, between = done["inputs"]["input_ids"][0].tolist(), [tokenizer.size, tokenizer.size + 1]
    if entities is not None:
        assert done["inputs"]["entity_ids"].tolist() == [entities]
    marks = {"entity_classification": [0, 0], "entity_pair_classification": [0, 0, 1, 1]}.get(task, [])
    assert [word for word in ids if word in between] == [between[mark] for mark in marks]


def test_words_of_tasks_copy_two_pieces(config: ModelConfig, tmp_path: Path) -> None:
    output = write_small_output(tmp_path / "OUT", 230, "me@example # 1", "@ #")
    tokenizer = Tokenizer.load((output / "tokenizer/sentencepiece.bpe.model").read_bytes())
    model = trained(replace(config, vocabulary_size=tokenizer.size))
    export_model(model.config, model.state_dict(), output, tmp_path / "DIR")
    pieces = tokenizer.pieces(range(tokenizer.size))
    copied = [pieces.index("@"), pieces.index("#")]
    for name, tensor in load_file(tmp_path / "DIR/model.safetensors").items():
        if name.startswith("lm_head.decoder") or name in ("lm_head.bias", "luke.embeddings.word_embeddings.weight"):
            assert len(tensor) == tokenizer.size + 2
            assert torch.equal(tensor[-2:], tensor[copied]), name


@pytest.mark.parametrize("unknown_entities", [False, True])
def test_special_entities(unknown_entities: bool, config: ModelConfig, output: Path, tmp_path: Path) -> None:
    """Training gives no meaning to [PAD] and [MASK2], and to [UNK] only where examples have unknown entities."""
    examples = shutil.copytree(output, tmp_path / "OUT")
    for file in (examples / "examples").glob("*/_manifest.json"):
        manifest = json.loads(file.read_bytes())
        manifest["options"]["include_unknown_entities"] = unknown_entities
        file.write_text(json.dumps(manifest))
    model = trained(config)
    export_model(config, model.state_dict(), examples, tmp_path / "DIR")
    tensors, weights = load_file(tmp_path / "DIR/model.safetensors"), model.state_dict()
    for theirs, ours, padding in (
        ("luke.entity_embeddings.entity_embeddings.weight", "entity_embeddings.entities.weight", 0),
        ("entity_predictions.bias", "entity_head.bias", -10_000),
    ):
        expected = weights[ours][:8].clone()
        expected[0], expected[3] = padding, expected[2]
        if not unknown_entities:
            expected[1] = expected[2]
        assert torch.equal(tensors[theirs], expected)


def test_queries_that_training_did_not_have_are_copies(exported: Exported) -> None:
    folder, model = exported
    tensors = load_file(folder / "model.safetensors")
    assert json.loads((folder / "config.json").read_bytes())["use_entity_aware_attention"]
    for name in [name for name in tensors if ".attention.self.query." in name]:
        for query in ("w2e_query", "e2w_query", "e2e_query"):
            same = torch.equal(tensors[name], tensors[name.replace("query", query)])
            assert same == (not model.config.entity_aware_attention)


def test_a_model_without_entity_aware_attention_gives_the_same(all_exported: dict[str, Exported]) -> None:
    folder, model = all_exported["plain"]
    inputs = AutoTokenizer.from_pretrained(folder)(SENTENCES["en"], entity_spans=[(0, 6)], return_tensors="pt")
    logits = []
    for aware in (True, False):
        theirs = LukeForMaskedLM.from_pretrained(folder, use_entity_aware_attention=aware).double().eval()
        with torch.no_grad():
            logits.append(theirs(**inputs).entity_logits)
    torch.testing.assert_close(*logits, **EXACT)
    assert not model.config.entity_aware_attention


TRAPS = {  # of transformers 5: what a call leaves behind, and the call that takes it away
    "padding": ({"padding": "max_length", "max_length": 20}, "no_padding"),
    "truncation": ({"truncation": True, "max_length": 6}, "no_truncation"),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_what_transformers_5_keeps_of_a_call(trap: str, all_exported: dict[str, Exported]) -> None:
    """Should this fail, transformers has mended it, and docs/checkpoints.md says too much."""
    tokenizer = AutoTokenizer.from_pretrained(all_exported["plain"][0])
    arguments, remedy = TRAPS[trap]

    def ids() -> list[int]:
        found: list[int] = tokenizer(SENTENCES["en"], entity_spans=[(0, 6), (10, 21)])["input_ids"]
        return found

    before = ids()
    tokenizer("Berlin", **arguments)
    assert ids() != before
    getattr(tokenizer.backend_tokenizer, remedy)()
    assert ids() == before


def test_transformers_5_does_not_cut_a_text_with_mentions(all_exported: dict[str, Exported]) -> None:
    tokenizer = AutoTokenizer.from_pretrained(all_exported["plain"][0])
    with pytest.raises(AttributeError, match="truncate_sequences"):
        tokenizer(SENTENCES["en"], entity_spans=[(0, 6)], truncation=True, max_length=9)


def test_a_decoder_that_transformers_4_left_out_is_tied_by_hand(
    all_exported: dict[str, Exported], tmp_path: Path
) -> None:
    folder, _ = all_exported["plain"]
    shutil.copytree(folder, tmp_path / "DIR")
    tensors = load_file(folder / "model.safetensors")
    whole = LukeForMaskedLM.from_pretrained(folder)
    del tensors["lm_head.decoder.weight"], tensors["lm_head.decoder.bias"]
    save_file(tensors, tmp_path / "DIR/model.safetensors", {"format": "pt"})
    model, info = LukeForMaskedLM.from_pretrained(tmp_path / "DIR", output_loading_info=True)
    assert info["missing_keys"] == {"lm_head.decoder.weight"}
    model.lm_head.decoder.weight = model.luke.embeddings.word_embeddings.weight
    assert torch.equal(model.lm_head.decoder.weight, whole.lm_head.decoder.weight)
    assert torch.equal(model.lm_head.decoder.bias, whole.lm_head.decoder.bias)
    again = import_model(read_checkpoint(tmp_path / "DIR"), None, seed=1, entity_width=9)
    assert again.report["not_found"] == []


def test_import_of_an_export_is_what_was_exported(exported: Exported, output: Path) -> None:
    folder, model = exported
    for examples in (None, output):
        again = import_model(read_checkpoint(folder), examples, seed=5, entity_width=9)
        assert again.config == model.config
        assert again.report["not_found"] == []
        queries = [name for name in again.report["unused"] if "pooler" not in name]
        assert bool(queries) == (not model.config.entity_aware_attention)
        assert again.report["words"]["dropped"] == 2
        assert again.report["attention_dropout"] == 0.1
        weights = with_special_entities(model.state_dict(), model.config, output)
        assert again.weights.keys() == weights.keys()
        assert [name for name in weights if not torch.equal(again.weights[name], weights[name])] == []
    assert again.report["entities"] == {
        "rows": 8,
        "found": 8,
        "found_by": {"name": 4, "QID": 4},
        "titles_disagree": 0,
    }


def test_the_word_decoder_is_spelt_out_and_the_entity_decoder_is_not(
    exported: Exported,
) -> None:
    tensors = load_file(exported[0] / "model.safetensors")
    assert torch.equal(tensors["lm_head.decoder.weight"], tensors["luke.embeddings.word_embeddings.weight"])
    assert torch.equal(tensors["lm_head.decoder.bias"], tensors["lm_head.bias"])
    assert "entity_predictions.decoder.weight" not in tensors


def test_model_card(config: ModelConfig, output: Path, tmp_path: Path) -> None:
    run = RunConfig(model=config, data=DataConfig(), training=TrainingConfig())
    model = PretrainingModel(config)
    training, origin = Training(run, 540_326), Origin(("XLM-R",), "/somewhere/XLM-R")
    export_model(config, model.state_dict(), output, tmp_path / "DIR", training=training, origin=origin)
    card = (tmp_path / "DIR/README.md").read_text()
    assert card.startswith('---\nlanguage:\n- "de"\n- "en"\nlicense: other\n')
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
    with pytest.raises(CheckpointError, match=f"makes a vocabulary of {config.vocabulary_size}, the model has"):
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
    with pytest.raises(CheckpointError, match=r"sentencepiece\.bpe\.model: the model is of type BPE"):
        export_model(fitting, PretrainingModel(fitting).state_dict(), examples, tmp_path / "DIR")
    assert not (tmp_path / "DIR").exists()


def test_a_folder_that_has_something_is_left_alone(config: ModelConfig, output: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    with pytest.raises(FileExistsError, match="exists: name a folder that does not"):
        export_model(config, PretrainingModel(config).state_dict(), output, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
