"""Models that transformers itself made and saved, imported: the same numbers come out."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import LukeConfig, LukeForMaskedLM, LukeModel, XLMRobertaConfig, XLMRobertaForMaskedLM

from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.pretraining.hugging_face.checkpoint_files import CheckpointError, read_checkpoint
from mlukit.pretraining.hugging_face.imported_model import Imported, import_model
from tests.pretraining.hugging_face.our_logits import our_hidden_states, our_logits, our_model
from tests.pretraining.hugging_face.small_output import SENTENCES

EXACT = {"rtol": 1e-9, "atol": 1e-11}
SIZES: dict[str, Any] = {
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "max_position_embeddings": 130,
    "type_vocab_size": 1,
    "layer_norm_eps": 1e-7,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
}
NEW_IN_XLM_R = {
    *(f"entity_embeddings.{name}.weight" for name in ("dense", "entities", "positions", "token_types")),
    *(f"entity_{part}.norm.{kind}" for part in ("embeddings", "head") for kind in ("weight", "bias")),
    *("entity_head.dense.weight", "entity_head.dense.bias", "entity_head.bias"),
}
WORD_HEAD = {"word_head.dense.weight", "word_head.dense.bias", "word_head.norm.weight", "word_head.norm.bias"}
PUBLISHED = {  # names of a table as the published mLUKE has them: by title, all titles of an entity with one id
    **{"[PAD]": 0, "[UNK]": 1, "[MASK]": 2},
    **{"en:Paris": 3, "en:Germany": 4, "de:Deutschland": 4, "en:Munich": 6, "de:München": 7, "de:Berlin": 5},
}
ROWS = [0, 1, 2, 2, 5, 4, 6, -1]  # of ours, [MASK2] as [MASK], Q1726's titles disagree, Q42 has none


def randomized(model: nn.Module) -> None:
    torch.manual_seed(11)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.3)


@pytest.fixture(scope="module")
def xlmr(tokenizer: Tokenizer) -> XLMRobertaForMaskedLM:
    model = XLMRobertaForMaskedLM(XLMRobertaConfig(vocab_size=tokenizer.size, **SIZES))
    randomized(model)
    return model.eval()


@pytest.fixture(scope="module")
def mluke(tokenizer: Tokenizer) -> LukeForMaskedLM:
    """As transformers' conversion leaves it: two words more, and queries of entities that are copies."""
    config = LukeConfig(vocab_size=tokenizer.size + 2, entity_vocab_size=8, entity_emb_size=10, **SIZES)
    model = LukeForMaskedLM(config)
    randomized(model)
    with torch.no_grad():  # a copy: transformers 5 does not save it where it is one tensor
        model.lm_head.decoder.weight.copy_(model.luke.embeddings.word_embeddings.weight)
    model.lm_head.bias = model.lm_head.decoder.bias
    model.entity_predictions.decoder.weight = model.luke.entity_embeddings.entity_embeddings.weight
    for layer in model.luke.encoder.layer:
        attention = layer.attention.self
        for query in (attention.w2e_query, attention.e2w_query, attention.e2e_query):
            query.load_state_dict(attention.query.state_dict())
    return model.eval()


def saved(model: Any, folder: Path, output: Path, names: dict[str, int] | None = None, **how: Any) -> Path:
    model.save_pretrained(folder, **how)
    shutil.copy(output / "tokenizer/sentencepiece.bpe.model", folder)
    if names is not None:
        (folder / "entity_vocab.json").write_text(json.dumps(names))
    return folder


def imported(folder: Path, examples: Path | None) -> Imported:
    return import_model(read_checkpoint(folder), examples, seed=1, entity_width=6)


def sentences(tokenizer: Tokenizer) -> Iterator[dict[str, Any]]:
    for ids in tokenizer.encode([*SENTENCES.values()]):
        yield {"input_ids": [0, *ids, 2]}


def check_words(model: Imported, theirs: XLMRobertaForMaskedLM, tokenizer: Tokenizer) -> None:
    ours, theirs = our_model(model.config, model.weights), theirs.double()
    for inputs in sentences(tokenizer):
        words, _ = our_logits(ours, inputs)
        torch.testing.assert_close(words, theirs(torch.tensor([inputs["input_ids"]])).logits[0].detach(), **EXACT)
    theirs.float()


@pytest.mark.parametrize("layout", ["one file", "several files", "pytorch_model.bin"])
def test_xlmr(layout: str, xlmr: XLMRobertaForMaskedLM, output: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    folder = saved(xlmr, tmp_path / "DIR", output, max_shard_size="20KB" if layout == "several files" else "1GB")
    if layout == "several files":
        assert len([*folder.glob("model-*.safetensors")]) > 2
    if layout == "pytorch_model.bin":
        (folder / "model.safetensors").unlink()
        torch.save(xlmr.state_dict(), folder / layout)
    model = imported(folder, output)
    check_words(model, xlmr, tokenizer)
    assert set(model.report["not_found"]) == NEW_IN_XLM_R
    assert model.report["entities"]["found"] == 0
    assert model.config.layer_norm_epsilon == 1e-7
    assert (model.config.entity_embedding_size, model.config.entity_vocabulary_size) == (6, 8)


def test_xlmr_without_heads_and_without_a_prefix(
    xlmr: XLMRobertaForMaskedLM, output: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    model = imported(saved(xlmr.roberta, tmp_path / "DIR", output), output)
    assert set(model.report["not_found"]) == NEW_IN_XLM_R | WORD_HEAD | {"word_head.bias"}
    ours, theirs = our_model(model.config, model.weights), xlmr.roberta.double()
    for inputs in sentences(tokenizer):
        words, _ = our_hidden_states(ours, inputs)
        expected = theirs(torch.tensor([inputs["input_ids"]])).last_hidden_state[0].detach()
        torch.testing.assert_close(words, expected, **EXACT)
    xlmr.float()


def test_mluke_takes_its_entities_along(
    mluke: LukeForMaskedLM, output: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    model = imported(saved(mluke, tmp_path / "DIR", output, PUBLISHED), output)
    assert model.report["entities"] == {
        "rows": 8,
        "found": 7,
        "found_by": {"name": 4, "title": 3},
        "titles_disagree": 1,
    }
    assert model.report["not_found"] == ["entity_embeddings.entities.weight", "entity_head.bias"]
    assert model.report["words"]["dropped"] == 2
    assert not model.config.entity_aware_attention
    ours, theirs = our_model(model.config, model.weights), mluke.double()
    for inputs in sentences(tokenizer):
        entity_ids = torch.tensor([[5, 4, 2]])
        places = {"entity_position_ids": torch.tensor([[[1, 2, -1], [4, -1, -1], [5, 6, 7]]])}
        expected = theirs(torch.tensor([inputs["input_ids"]]), entity_ids=entity_ids, **places)
        inputs |= {"entity_ids": [4, 5, 2], "entity_position_ids": places["entity_position_ids"][0].tolist()}
        words, entities = our_logits(ours, inputs)
        torch.testing.assert_close(words, expected.logits[0, :, : tokenizer.size].detach(), **EXACT)
        torch.testing.assert_close(entities[:, :7], expected.entity_logits[0][:, ROWS[:7]].detach(), **EXACT)
    mluke.float()


def test_entities_without_a_row_are_drawn_by_the_seed(mluke: LukeForMaskedLM, output: Path, tmp_path: Path) -> None:
    source = read_checkpoint(saved(mluke, tmp_path / "DIR", output, PUBLISHED))
    tables = [
        import_model(source, output, seed=seed, entity_width=6).weights["entity_embeddings.entities.weight"]
        for seed in (1, 1, 2)
    ]
    assert torch.equal(tables[0], tables[1])
    assert (tables[0] != tables[2]).any(1).nonzero().flatten().tolist() == [7]
    assert 0.01 < tables[0][7].std() < 0.04


def test_luke_without_heads(mluke: LukeForMaskedLM, output: Path, tmp_path: Path) -> None:
    model = imported(saved(mluke.luke, tmp_path / "DIR", output, PUBLISHED), output)
    assert type(mluke.luke) is LukeModel
    assert set(model.report["not_found"]) > WORD_HEAD
    assert "entity_embeddings.positions.weight" in model.report["found"]


def test_queries_of_entities_that_are_their_own_are_kept(mluke: LukeForMaskedLM, output: Path, tmp_path: Path) -> None:
    query = mluke.luke.encoder.layer[1].attention.self.e2e_query.bias
    with torch.no_grad():
        query[0] += 1
        model = imported(saved(mluke, tmp_path / "DIR", output, PUBLISHED), output)
        query[0] -= 1
    assert model.config.entity_aware_attention
    assert "layers.1.attention.entity_aware_queries.bias" in model.report["found"]


def test_half_precision_becomes_float32(xlmr: XLMRobertaForMaskedLM, output: Path, tmp_path: Path) -> None:
    folder = saved(xlmr.bfloat16(), tmp_path / "DIR", output)
    xlmr.float()
    assert {value.dtype for value in imported(folder, output).weights.values()} == {torch.float32}


def changed_config(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / "config.json").read_bytes()) | changes
    (folder / "config.json").write_text(json.dumps({name: value for name, value in config.items() if value != ()}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "bert"}, "is a model of type 'bert'; xlm-roberta and luke can be imported"),
        ({"hidden_act": "relu"}, "its hidden_act is 'relu', mlukit has only 'gelu'"),
        ({"position_embedding_type": "relative_key"}, "its position_embedding_type is 'relative_key', mlukit"),
        ({"pad_token_id": 0}, "its pad_token_id is 0, XLM-R's is 1"),
        ({"num_attention_heads": 5}, "hidden_size 24 is no multiple of heads 5"),
        ({"num_attention_heads": "3"}, "its num_attention_heads is '3', which is not a number"),
        ({"intermediate_size": 41}, r"layer\.0\.intermediate\.dense\.weight has the shape \(40, 24\), .* \(41, 24\)"),
        ({"vocab_size": 9}, "its config.json has vocab_size 9, its word table has 170 rows"),
        ({"layer_norm_eps": ()}, "it has no layer_norm_eps"),
    ],
)
def test_what_is_another_model_is_refused(
    changes: dict[str, Any], message: str, xlmr: XLMRobertaForMaskedLM, output: Path, tmp_path: Path
) -> None:
    folder = saved(xlmr, tmp_path / "DIR", output)
    changed_config(folder, **changes)
    with pytest.raises(CheckpointError, match=message):
        imported(folder, output)


def test_a_decoder_that_is_not_the_word_table_is_refused(
    xlmr: XLMRobertaForMaskedLM, output: Path, tmp_path: Path
) -> None:
    folder = saved(xlmr, tmp_path / "DIR", output)
    (folder / "model.safetensors").unlink()
    tensors: dict[str, Tensor] = {**xlmr.state_dict()}
    tensors["lm_head.decoder.weight"] = tensors["lm_head.decoder.weight"] + 1
    torch.save(tensors, folder / "pytorch_model.bin")
    with pytest.raises(
        CheckpointError, match=r"lm_head\.decoder\.weight is not equal to luke\.embeddings\.word_embeddings"
    ):
        imported(folder, output)


def test_entities_are_needed(xlmr: XLMRobertaForMaskedLM, mluke: LukeForMaskedLM, output: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="has no entities: name examples by --examples, which have them"):
        imported(saved(xlmr, tmp_path / "XLM-R", output), None)
    folder = saved(mluke, tmp_path / "mLUKE", output)
    with pytest.raises(CheckpointError, match=r"entity_vocab\.json cannot be read"):
        imported(folder, output)
    (folder / "entity_vocab.json").write_text('{"[PAD]": 0, "en:Berlin": 8}')
    with pytest.raises(CheckpointError, match="'en:Berlin' is 8, the table has 8 rows"):
        imported(folder, output)
    (folder / "entity_vocab.json").write_text('{"[PAD]": 0, "en:Berlin": 3}')
    with pytest.raises(CheckpointError, match=r"entity_vocab\.json lacks \[UNK\], \[MASK\], which every LUKE has"):
        imported(folder, output)
    (folder / "entity_vocab.json").write_text('{"[PAD]": 1, "[UNK]": 0}')
    with pytest.raises(CheckpointError, match=r"has \[PAD\] in row 1, mlukit has it in row 0: name examples"):
        imported(folder, None)


def with_tensors(folder: Path, tensors: dict[str, Tensor]) -> Path:
    """The folder with other weights."""
    (folder / "model.safetensors").unlink()
    torch.save(tensors, folder / "pytorch_model.bin")
    return folder


LAYER = "encoder.layer.1.attention.self"


@pytest.mark.parametrize(
    ("model", "missing", "shown"),
    [
        (
            "xlmr",
            [f"roberta.{LAYER}.key.weight"],
            rf"1 tensor \({LAYER}\.key\.weight\), which a xlm-roberta of 2 layers",
        ),
        ("xlmr", ["roberta.embeddings.LayerNorm.bias"], r"1 tensor \(embeddings\.LayerNorm\.bias\)"),
        ("xlmr", ["roberta.embeddings.position_embeddings.weight"], r"embeddings\.position_embeddings\.weight"),
        ("xlmr", ["lm_head.dense.weight", "lm_head.dense.bias"], r"2 tensors \(lm_head\.dense\.weight, lm_head\.dense"),
        ("mluke", [f"luke.{LAYER}.value.bias"], rf"1 tensor \({LAYER}\.value\.bias\)"),
        ("mluke", ["luke.entity_embeddings.position_embeddings.weight"], r"entity_embeddings\.position_embeddings"),
        ("mluke", ["entity_predictions.transform.LayerNorm.bias"], r"entity_predictions\.transform\.LayerNorm\.bias"),
    ],
)
def test_an_incomplete_model_is_refused(
    model: str, missing: list[str], shown: str, request: pytest.FixtureRequest, output: Path, tmp_path: Path
) -> None:
    theirs = request.getfixturevalue(model)
    folder = saved(theirs, tmp_path / "DIR", output, PUBLISHED)
    with_tensors(folder, {name: tensor for name, tensor in theirs.state_dict().items() if name not in missing})
    with pytest.raises(CheckpointError, match=f"is incomplete: it lacks {'' if shown[0].isdigit() else '.*'}{shown}"):
        imported(folder, output)


def test_entity_aware_queries_of_which_one_is_missing_are_refused(
    mluke: LukeForMaskedLM, output: Path, tmp_path: Path
) -> None:
    folder = saved(mluke, tmp_path / "DIR", output, PUBLISHED)
    tensors = {name: tensor.clone() for name, tensor in mluke.state_dict().items()}
    tensors[f"luke.{LAYER}.e2e_query.bias"] += 1
    del tensors[f"luke.{LAYER}.w2e_query.bias"]
    with pytest.raises(CheckpointError, match=rf"lacks 1 tensor \({LAYER}\.w2e_query\.bias\)"):
        imported(with_tensors(folder, tensors), output)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (1, r"num_hidden_layers 1, its weights have 2 layers; import would lose 16 tensors \(encoder\.layer\.1\."),
        (
            3,
            r"is incomplete: it lacks 16 tensors \(encoder\.layer\.2\.attention.*, …\), which a xlm-roberta of 3 layer",
        ),
    ],
)
def test_other_layers_than_config_json_says_are_refused(
    layers: int, message: str, xlmr: XLMRobertaForMaskedLM, output: Path, tmp_path: Path
) -> None:
    folder = saved(xlmr, tmp_path / "DIR", output)
    changed_config(folder, num_hidden_layers=layers)
    with pytest.raises(CheckpointError, match=message):
        imported(folder, output)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_values_that_are_not_finite_are_refused(
    value: float, xlmr: XLMRobertaForMaskedLM, output: Path, tmp_path: Path
) -> None:
    folder = saved(xlmr, tmp_path / "DIR", output)
    tensors = {name: tensor.clone() for name, tensor in xlmr.state_dict().items()}
    for name in (f"roberta.{LAYER}.key.weight", "lm_head.layer_norm.bias"):
        tensors[name].view(-1)[3] = value
    shown = rf"NaN or infinite values in 2 tensors \({LAYER}\.key\.weight, lm_head\.layer_norm\.bias\); finite"
    with pytest.raises(CheckpointError, match=shown):
        imported(with_tensors(folder, tensors), output)


@pytest.mark.parametrize(("value", "kept"), [(0.1, 0.1), (0.0, 0.0), (0.25, 0.25), ((), 0.1)])
def test_the_dropout_of_attention_is_reported_and_not_used(
    value: Any, kept: float, xlmr: XLMRobertaForMaskedLM, output: Path, tmp_path: Path
) -> None:
    folder = saved(xlmr, tmp_path / "DIR", output)
    changed_config(folder, attention_probs_dropout_prob=value)
    model = imported(folder, output)
    assert (model.report["attention_dropout"], model.config.attention_dropout) == (kept, 0)


@pytest.mark.parametrize("value", [1.5, "0.1", None])
def test_a_wrong_dropout_of_attention_is_refused(
    value: Any, xlmr: XLMRobertaForMaskedLM, output: Path, tmp_path: Path
) -> None:
    folder = saved(xlmr, tmp_path / "DIR", output)
    changed_config(folder, attention_probs_dropout_prob=value)
    with pytest.raises(CheckpointError, match=f"its attention_probs_dropout_prob is {value!r}"):
        imported(folder, output)
