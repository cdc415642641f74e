"""Versions of the random keys and of the order: a run of an older version goes on as it began."""

import hashlib
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mlukit.pretraining.config import ConfigError, DataConfig, ModelConfig, RunConfig, TrainingConfig, changed
from mlukit.pretraining.data.batch import Batch
from mlukit.pretraining.data.batches import BatchSource, sampling_order, validation_batches
from mlukit.pretraining.data.dataset import ExampleDataset, ExamplesError, RowGroup, open_dataset
from mlukit.pretraining.data.row_limits import RowLimits
from mlukit.pretraining.train import main
from mlukit.pretraining.training.loop import _seed_dropout
from mlukit.pretraining.training.run_folder import checkpoints
from tests.pretraining.small_dataset import SMALL_RUN, metrics
from tests.pretraining.written_examples import Seen, Written, invented_shards, taken_apart

CONFIG = DataConfig(batch_size=24, micro_batch_tokens=128, max_tokens=40, max_entities=8, max_mention_tokens=38)
OLD = replace(CONFIG, keys_version=1, shuffled_groups=2)
SHARDS = {"de": invented_shards("de", 30, 21), "en": invented_shards("en", 90), "th": invented_shards("th", 3)}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> ExampleDataset:
    return open_dataset(Written(SHARDS).write(tmp_path_factory.mktemp("examples")), CONFIG)


@pytest.fixture(scope="module")
def english(tmp_path_factory: pytest.TempPathFactory) -> ExampleDataset:
    """One language of some 100 row groups."""
    shards = {"en": invented_shards("en", *[128] * 8)}
    return open_dataset(Written(shards).write(tmp_path_factory.mktemp("english")), CONFIG)


def digest(batches: list[Batch]) -> str:
    """The first digits of the SHA-256 of batches."""
    whole = hashlib.sha256()
    for batch in batches:
        for name in Batch.__dataclass_fields__:
            value = getattr(batch, name)
            whole.update(value.numpy().tobytes() if torch.is_tensor(value) else str(value).encode())
    return whole.hexdigest()[:16]


def seen(batches: list[Batch]) -> list[Seen]:
    return sorted(example for batch in batches for example in taken_apart(batch))


@pytest.mark.parametrize(
    ("step", "rank", "world", "expected"),
    [
        (0, 0, 1, "55a063fe0cdcffbf"),
        (7, 0, 1, "ce84b39018b87d8a"),
        (1000, 0, 1, "cf78d442c39a56d1"),
        (7, 1, 3, "0622d45a90d3d387"),
    ],
)
@pytest.mark.parametrize("stage", [1, 2])
def test_batches_of_an_older_run(
    dataset: ExampleDataset, stage: int, step: int, rank: int, world: int, expected: str
) -> None:
    assert digest(BatchSource(dataset, OLD, stage).step(step, rank, world)) == expected


def test_batches_of_an_older_run_over_words(dataset: ExampleDataset) -> None:
    config = replace(OLD, objective="words", mask_mention_words=True, seed=9)
    assert digest(BatchSource(dataset, config, 2).step(12)) == "a5176fae17ef7651"


@pytest.mark.parametrize(
    ("objective", "mention_words", "expected"),
    [
        ("words and entities", False, "0e69410afeac6dcf"),
        ("words and entities", True, "ebc5bd9a573b725e"),
        ("words", False, "7bbbe592c81eea52"),
        ("words", True, "812458f211feedd5"),
        # each piece of the tokenizer is a word
        ("whole words and entities", False, "0e69410afeac6dcf"),
        ("whole words and entities", True, "ebc5bd9a573b725e"),
    ],
)
def test_batches_of_each_objective(dataset: ExampleDataset, objective: str, mention_words: bool, expected: str) -> None:
    config = replace(CONFIG, objective=objective, mask_mention_words=mention_words)
    assert digest(BatchSource(dataset, config, 2).step(3)) == expected


def test_held_out_batches_are_the_same_in_all_versions(dataset: ExampleDataset) -> None:
    for config in (OLD, CONFIG):
        assert digest(list(validation_batches(dataset, config, "en", 7))) == "687641745d7c28aa"


def test_stages_differ_in_order_and_masks(dataset: ExampleDataset) -> None:
    first, second = ([seen(BatchSource(dataset, CONFIG, stage).step(step)) for step in range(4)] for stage in (1, 2))
    assert all(
        {e.token_ids for e in one} != {e.token_ids for e in other} for one, other in zip(first, second, strict=True)
    )
    masks = {e.token_ids: e.word_targets for step in first for e in step}
    both = [e for step in second for e in step if e.token_ids in masks]
    assert len(both) > 30 and sum(e.word_targets != masks[e.token_ids] for e in both) > 0.8 * len(both)


def test_a_run_without_a_version_is_an_old_one() -> None:
    new = RunConfig(model=ModelConfig(), data=DataConfig(), training=TrainingConfig())
    assert new.data.keys_version == 2 and RunConfig.from_json(new.to_json()) == new
    older = new.to_json()
    del older["data"]["keys_version"], older["data"]["shuffle_megabytes"]
    assert RunConfig.from_json(older).data == replace(new.data, keys_version=1)


@pytest.mark.parametrize("version", [0, 3])
def test_other_versions(version: int) -> None:
    with pytest.raises(ConfigError, match=f"keys_version {version} is neither 1 nor 2"):
        DataConfig(keys_version=version)


@pytest.mark.parametrize(("version", "name"), [(2, "shuffled_groups"), (1, "shuffle_megabytes")])
def test_settings_of_another_version(version: int, name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} 9 decides nothing with keys_version {version}: leave it out"):
        changed(DataConfig(), {"keys_version": version, name: 9})


def test_an_older_run_goes_on_with_its_losses(small_dataset: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    old = ["--keys-version", "1", "--shuffled-groups", "2"]
    assert main(["--examples", str(small_dataset), "--output", str(run), *SMALL_RUN, *old]) == 0
    whole = metrics(run)
    config = json.loads((run / "config.json").read_text())
    assert (config["data"].pop("keys_version"), config["data"].pop("shuffle_megabytes")) == (1, 4096)
    (run / "config.json").write_text(json.dumps(config))
    (next(folder for steps, folder in checkpoints(run) if steps == 12) / "manifest.json").unlink()
    assert main(["--resume", str(run)]) == 0
    assert metrics(run) == whole


def test_dropout_differs_by_stage() -> None:
    def draw(version: int, stage: int) -> int:
        config = RunConfig(
            model=ModelConfig(), data=DataConfig(keys_version=version), training=TrainingConfig(stage=stage)
        )
        _seed_dropout(config, 7, 3)
        return torch.initial_seed()

    old = int.from_bytes(hashlib.sha256(b"dropout 1 7 3").digest()[:8], "big") >> 1
    assert draw(1, 1) == draw(1, 2) == old
    assert len({old, draw(2, 1), draw(2, 2)}) == 3


def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """Counts what is read from now on, by the number of the first row."""
    counts, read = Counter[int](), ExampleDataset.read

    def counting(self: ExampleDataset, group: RowGroup, limits: RowLimits) -> object:
        counts[group.first_row] += 1
        return read(self, group, limits)

    monkeypatch.setattr(ExampleDataset, "read", counting)
    return counts


@pytest.mark.parametrize("world", [1, 2, 8, 64])
def test_a_rank_reads_its_share_and_a_row_group_more(
    english: ExampleDataset, monkeypatch: pytest.MonkeyPatch, world: int
) -> None:
    examples = english.train_examples["en"]
    groups = sum(group.split == "train" for group in english.groups["en"])
    config = replace(CONFIG, batch_size=64)
    read_by_all = 0
    for rank in sorted({0, 1 % world, world - 1}):
        counts, source = reads(monkeypatch), BatchSource(english, config, 2)
        for step in range(examples // 64):
            source.step(step, rank, world)
        assert counts.total() <= groups / world + 2  # whole groups: the share may begin and end inside of one
        read_by_all += counts.total()
    if world == 1:
        assert read_by_all <= groups + 2


def test_memory_holds_a_row_group_of_each_lane(english: ExampleDataset) -> None:
    sources = [(BatchSource(english, replace(CONFIG, batch_size=128), 2), world) for world in (1, 8, 64)]
    for source, world in sources:
        most = 0
        for step in range(24):
            source.step(step, 0, world)
            most = max(most, source.groups_in_memory)
        assert 1 <= most <= 64 // world


def test_memory_of_an_older_run_holds_a_window_of_each_language(dataset: ExampleDataset) -> None:
    source = BatchSource(dataset, OLD, 2)
    for step in range(50):
        source.step(step)
        assert source.groups_in_memory <= 2 + 2 + 1


@pytest.mark.parametrize(("megabytes", "lanes"), [(4096, 64), (32, 16), (5, 2), (1, 1)])
def test_the_memory_decides_the_lanes(english: ExampleDataset, megabytes: int, lanes: int) -> None:
    # row groups of 8 rows, as if rows had 100,000 tokens: 3.2 MB each
    heavy = replace(english, mean_lengths={"en": replace(english.mean_lengths["en"], tokens=50_000)})
    order = sampling_order(heavy, replace(CONFIG, shuffle_megabytes=megabytes), 2)
    assert order._settings.lanes == lanes


def test_two_examples_of_a_batch_lie_far_apart(english: ExampleDataset) -> None:
    def together(version: int) -> float:
        """The share of pairs of a batch that are in one row group."""
        config = replace(CONFIG, keys_version=version)
        order, same, pairs = sampling_order(english, config, 2), 0, 0
        for step in range(32):
            parts = [(drawn.group, len(drawn.rows)) for drawn in order.drawn_rows(24 * step, 24)]
            groups = np.concatenate([np.full(count, group) for group, count in parts])
            same += int((groups[:, None] == groups).sum()) - len(groups)
            pairs += len(groups) * (len(groups) - 1)
        return same / pairs

    assert together(1) > 0.15 and together(2) < 0.04


def test_ranks_check_their_share_of_the_shards_before_the_first_step(tmp_path: Path) -> None:
    folder = Written({"en": invented_shards("en", *[40] * 4)}).write(tmp_path)
    data = bytearray((folder / "examples/en/train-00002.parquet").read_bytes())
    data[100] ^= 1
    (folder / "examples/en/train-00002.parquet").write_bytes(data)
    for rank in range(3):
        source = BatchSource(open_dataset(folder, CONFIG), CONFIG, 2)
        if rank == 2:
            with pytest.raises(ExamplesError, match=r"train-00002\.parquet: SHA-256 \w{64}, the manifest says"):
                source.step(0, rank, 3)
        else:
            source._dataset.check_shards(rank, 3)
