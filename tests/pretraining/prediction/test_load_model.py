"""One loader for every folder with a model, and the states of texts beside those that transformers gives."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import LukeConfig, LukeModel, XLMRobertaConfig, XLMRobertaModel

import mlukit
from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.pretraining.data.dataset import open_tokenizer
from mlukit.pretraining.errors import PretrainingError
from mlukit.pretraining.hugging_face.export import main as export
from mlukit.pretraining.hugging_face.import_checkpoint import main as import_checkpoint
from mlukit.pretraining.prediction.load_model import load_model
from mlukit.pretraining.prediction.loaded_model import LoadedModel
from mlukit.pretraining.train import main as train
from mlukit.schemas.layout import TOKENIZER
from tests.pretraining.small_dataset import SMALL_RUN

CLOSE = {"rtol": 1e-5, "atol": 1e-5}
TEXTS = ["The Thing07 follows Thing12 meets Thing03.", "Die Thing01 likes Thing02.", "The"]
MENTIONS = [[(4, 11, "Q8"), (20, 27)], [(4, 11, "de:Thing01")], []]
SIZES: dict[str, Any] = {
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "max_position_embeddings": 130,
    "type_vocab_size": 1,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
}


@pytest.fixture(scope="module")
def run(small_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert train(["--examples", str(small_dataset), "--output", str(folder), *SMALL_RUN, "--steps", "4"]) == 0
    return folder


@pytest.fixture(scope="module")
def exported(run: Path) -> Path:
    folder = run.with_name("exported")
    assert export([str(run), "--output", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def tokenizer(small_dataset: Path) -> Tokenizer:
    return open_tokenizer(small_dataset / TOKENIZER)


def theirs(model: Any, tokens: list[int], entities: list[tuple[int, list[int]]]) -> tuple[Tensor, Tensor]:
    """States that transformers gives for one text; an entity is its id and its tokens."""
    inputs: dict[str, Tensor] = {"input_ids": torch.tensor([tokens])}
    if entities:
        places = [positions + [-1] * (30 - len(positions)) for _, positions in entities]
        ids = torch.tensor([[number for number, _ in entities]])
        inputs |= {"entity_ids": ids, "entity_position_ids": torch.tensor([places])}
    with torch.no_grad():
        out = model.eval()(**inputs)
    words = out.last_hidden_state[0]
    return words, out.entity_last_hidden_state[0] if entities else words[:0]


def test_the_states_of_an_exported_model_are_those_of_transformers(exported: Path, tokenizer: Tokenizer) -> None:
    model = LukeModel.from_pretrained(exported)
    names = json.loads((exported / "entity_vocab.json").read_text())
    first, second, third = load_model(exported).embed(TEXTS, MENTIONS)
    mentions = [[(names["Q8"], [2]), (names["[MASK]"], [4])], [(names["de:Thing01"], [2])], []]
    for found, text, entities in zip((first, second, third), TEXTS, mentions, strict=True):
        tokens = [0, *tokenizer.encode([text])[0], 2]
        words, states = theirs(model, tokens, entities)
        torch.testing.assert_close(found.words, words, **CLOSE)
        torch.testing.assert_close(found.entities, states, **CLOSE)


def test_a_run_gives_the_states_of_its_export(run: Path, exported: Path) -> None:
    for ours, other in zip(
        load_model(run).embed(TEXTS, MENTIONS), load_model(exported).embed(TEXTS, MENTIONS), strict=True
    ):
        assert ours.pieces == other.pieces
        torch.testing.assert_close(ours.words, other.words, **CLOSE)
        torch.testing.assert_close(ours.entities, other.entities, **CLOSE)


def saved(model: Any, folder: Path, small_dataset: Path) -> Path:
    torch.manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.3)
    model.save_pretrained(folder)
    shutil.copy(small_dataset / TOKENIZER, folder)
    return folder


def test_xlmr(tokenizer: Tokenizer, small_dataset: Path, tmp_path: Path) -> None:
    model = XLMRobertaModel(XLMRobertaConfig(vocab_size=tokenizer.size, **SIZES), add_pooling_layer=False)
    loaded = load_model(saved(model, tmp_path / "DIR", small_dataset))
    assert loaded.entities is None
    for found, text in zip(loaded.embed(TEXTS), TEXTS, strict=True):
        words, _ = theirs(model, [0, *tokenizer.encode([text])[0], 2], [])
        torch.testing.assert_close(found.words, words, **CLOSE)
    with pytest.raises(PretrainingError, match="is a model without entities"):
        loaded.embed(TEXTS, MENTIONS)


def test_mluke_keeps_its_own_entities(tokenizer: Tokenizer, small_dataset: Path, tmp_path: Path) -> None:
    """The special entities are in other rows than ours, and two words are added, as the published mLUKE has them."""
    config = LukeConfig(vocab_size=tokenizer.size + 2, entity_vocab_size=6, entity_emb_size=10, **SIZES)
    model = LukeModel(config, add_pooling_layer=False)
    folder = saved(model, tmp_path / "DIR", small_dataset)
    with torch.no_grad():
        for layer in model.encoder.layer:
            attention = layer.attention.self
            for query in (attention.w2e_query, attention.e2w_query, attention.e2e_query):
                query.load_state_dict(attention.query.state_dict())
    model.save_pretrained(folder)
    names = {"[MASK]": 0, "[UNK]": 1, "[PAD]": 2, "en:Thing07": 3, "de:Thing07": 3, "de:Thing01": 4}
    (folder / "entity_vocab.json").write_text(json.dumps(names))
    loaded = load_model(folder)
    (found,) = loaded.embed(TEXTS[:1], [[(4, 11, "en:Thing07"), (20, 27), (34, 41, "en:Nobody")]])
    assert found.unknown == [2]
    tokens = [0, *tokenizer.encode(TEXTS[:1])[0], 2]
    words, entities = theirs(model, tokens, [(3, [2]), (0, [4]), (1, [6])])
    torch.testing.assert_close(found.words, words, **CLOSE)
    torch.testing.assert_close(found.entities, entities, **CLOSE)


def test_weights_of_import(exported: Path, small_dataset: Path, tmp_path: Path) -> None:
    init = tmp_path / "INIT"
    assert import_checkpoint([str(exported), "--examples", str(small_dataset), "--output", str(init)]) == 0
    with pytest.raises(PretrainingError, match="--examples"):
        load_model(init)
    one, other = (load_model(init, small_dataset).embed(TEXTS, MENTIONS), load_model(exported).embed(TEXTS, MENTIONS))
    for ours, theirs_ in zip(one, other, strict=True):
        torch.testing.assert_close(ours.words, theirs_.words, **CLOSE)


def test_an_english_luke_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "luke-base"
    folder.mkdir()
    LukeModel(LukeConfig(vocab_size=30, entity_vocab_size=6, entity_emb_size=10, **SIZES)).save_pretrained(folder)
    (folder / "vocab.json").write_text("{}")
    (folder / "merges.txt").write_text("")
    with pytest.raises(PretrainingError, match="its words are pieces of byte-level BPE, as LUKE for English has"):
        load_model(folder)


def test_what_cannot_be_loaded(run: Path, tmp_path: Path) -> None:
    with pytest.raises(PretrainingError, match=r"there is no folder .*: name a folder of mlukit"):
        load_model(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(PretrainingError, match=r"empty has no config\.json: name a folder of mlukit"):
        load_model(tmp_path / "empty")
    with pytest.raises(PretrainingError, match="the device 'gpu' cannot be used; accepted: cpu, cuda or cuda:N"):
        load_model(run, device="gpu")


def test_a_model_with_its_own_words_takes_no_examples(exported: Path, small_dataset: Path) -> None:
    with pytest.raises(PretrainingError, match=r"has its own words and entities: leave the examples .* out"):
        load_model(exported, small_dataset)


def test_it_is_a_function_of_the_package(run: Path) -> None:
    assert isinstance(mlukit.load_model(run), LoadedModel)


def test_the_lines_of_the_document(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = Path(__file__).parents[3] / "docs/use-a-model.md"
    (code,) = re.findall(r"```python\n(.*?)```", document.read_text(encoding="utf-8"), re.S)
    monkeypatch.chdir(run.parent)
    names: dict[str, Any] = {}
    exec(code.replace('"RUN"', repr(run.name)), names)
    assert len(names["first"].entities) == 2 and len(names["second"].entities) == 1
