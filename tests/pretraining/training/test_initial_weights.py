"""What a run starts from: INIT, or another run; and the special entities of a run that is used."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from mlukit.pretraining.config import DataConfig, ModelConfig, RunConfig, TrainingConfig
from mlukit.pretraining.model.model import PretrainingModel
from mlukit.pretraining.model.special_entities import with_special_entities
from mlukit.pretraining.prediction.load_model import load_model
from mlukit.pretraining.train import main
from mlukit.pretraining.training.initial_weights import attention_dropout_of, freeze, initial_model
from mlukit.pretraining.training.run_folder import read_model_config, weights_file, write_json
from tests.pretraining.packed_examples import SMALL, masked_examples, packed
from tests.pretraining.small_dataset import SMALL_RUN

ENTITIES = "entity_embeddings.entities.weight"
QUERIES = {f"layers.{layer}.attention.entity_aware_queries.{kind}" for layer in range(2) for kind in ("weight", "bias")}


@pytest.fixture(scope="module")
def run(small_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    flags = ["--examples", str(small_dataset), "--output", str(folder), *SMALL_RUN, "--steps", "4"]
    assert main(flags) == 0
    return folder


def config_of(run: Path, **changes: object) -> RunConfig:
    model = replace(read_model_config(run), **changes)  # type: ignore[arg-type]
    return RunConfig(model=model, data=DataConfig(), training=TrainingConfig(stage=1))


def test_special_entities_of_a_run_are_ready_for_use(run: Path, small_dataset: Path) -> None:
    config = config_of(run)
    trained = load_file(weights_file(run))
    assert not torch.equal(trained[ENTITIES][3], trained[ENTITIES][2])  # as the softmax left it
    begun, new = initial_model(config, run)
    expected = with_special_entities(trained, config.model, small_dataset)
    assert new == set(trained)  # the run began with random weights
    for model, wanted in ((begun, trained), (load_model(run).model, expected)):
        weights = model.state_dict()
        assert [name for name in weights if not torch.equal(weights[name], wanted[name])] == []
    rows, bias = expected[ENTITIES], expected["entity_head.bias"]
    assert rows[:4].tolist() == [[0.0] * rows.shape[1], *rows[[2, 2, 2]].tolist()]
    assert bias[:4].tolist() == [-10_000, *bias[[2, 2, 2]].tolist()]
    changed = {name for name in trained if not torch.equal(trained[name], expected[name])}
    assert changed == {ENTITIES, "entity_head.bias"}
    for name in changed:
        assert torch.equal(trained[name][[2, *range(4, len(trained[name]))]], expected[name][[2, *range(4, len(rows))]])


def test_padding_is_never_predicted() -> None:
    bias = with_special_entities({"entity_head.bias": torch.zeros(128)}, SMALL, Path())["entity_head.bias"]
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        assert bias.to(dtype).isfinite().all()
        assert bias.to(dtype).softmax(0)[0] == 0


def write_init(folder: Path, config: ModelConfig, not_found: tuple[str, ...] = ()) -> Path:
    """INIT of a random model."""
    folder.mkdir()
    torch.manual_seed(7)
    weights = PretrainingModel(config).state_dict()
    save_file(weights, folder / "model.safetensors")
    write_json(folder / "import.json", {"not_found": list(not_found), "attention_dropout": 0.3})
    return folder


def test_special_entities_of_init_stay_as_import_wrote_them(tmp_path: Path) -> None:
    init = write_init(tmp_path / "INIT", SMALL)
    model, _ = initial_model(RunConfig(model=SMALL, data=DataConfig(), training=TrainingConfig()), init)
    weights = load_file(init / "model.safetensors")
    assert [name for name, value in model.state_dict().items() if not torch.equal(value, weights[name])] == []


def test_entity_aware_queries_start_from_the_plain_query(tmp_path: Path) -> None:
    aware = replace(SMALL, entity_aware_attention=True)
    init = write_init(tmp_path / "INIT", SMALL, ("entity_head.bias",))
    config = RunConfig(model=aware, data=DataConfig(), training=TrainingConfig(stage=1))
    model, new = initial_model(config, init)
    assert new == QUERIES | {"entity_head.bias"}
    assert freeze(model, config, new) == new
    plain, _ = initial_model(replace(config, model=SMALL), init)
    batch = packed(masked_examples([(12, 3), (7, 0), (20, 5)]))
    torch.testing.assert_close(model.double()(batch), plain.double()(batch), rtol=1e-9, atol=1e-9)


def test_queries_that_init_has_are_kept(tmp_path: Path) -> None:
    aware = replace(SMALL, entity_aware_attention=True)
    init = write_init(tmp_path / "INIT", aware)
    model, new = initial_model(RunConfig(model=aware, data=DataConfig(), training=TrainingConfig()), init)
    weights = load_file(init / "model.safetensors")
    assert new == frozenset()
    assert all(torch.equal(model.state_dict()[name], weights[name]) for name in QUERIES)


def test_a_run_with_entity_aware_attention_from_a_run_without(run: Path, small_dataset: Path, tmp_path: Path) -> None:
    flags = ["--examples", str(small_dataset), "--init", str(run), "--entity-aware-attention", "--stage", "1"]
    small = ["--steps", "2", "--warmup-steps", "0", "--batch-size", "16", "--validation-examples", "8"]
    assert main([*flags, *small, "--output", str(tmp_path / "aware")]) == 0
    facts = json.loads((tmp_path / "aware/run.json").read_bytes())
    before, after = load_file(weights_file(run)), load_file(weights_file(tmp_path / "aware"))
    assert set(facts["new_parameters"]) == set(before) | QUERIES  # the first run began with random weights
    qkv, queries = (f"layers.0.attention.{name}.weight" for name in ("qkv", "entity_aware_queries"))
    assert not torch.equal(after[queries], torch.cat([before[qkv].chunk(3)[0]] * 3))


def test_the_dropout_of_attention_goes_from_init_to_each_run(tmp_path: Path) -> None:
    init = write_init(tmp_path / "INIT", SMALL)
    (tmp_path / "RUN").mkdir()
    write_json(tmp_path / "RUN/run.json", {"attention_dropout": attention_dropout_of(init)})
    (tmp_path / "OLD").mkdir()
    write_json(tmp_path / "OLD/run.json", {})
    folders = [init, tmp_path / "RUN", tmp_path / "OLD", None]
    assert [attention_dropout_of(folder) for folder in folders] == [0.3, 0.3, None, None]
