"""Two processes do what one does: the same examples in a step, the same losses but for how sums are rounded."""

import os
from pathlib import Path

import pyarrow.dataset as ds
import pytest
import torch

from mlukit.pretraining.config import DataConfig
from mlukit.pretraining.data.batches import BatchSource
from mlukit.pretraining.data.dataset import open_dataset
from mlukit.pretraining.train import main
from mlukit.pretraining.training.ranks import Ranks
from mlukit.pretraining.training.run_folder import checkpoints
from mlukit.pretraining.training.run_lock import RunLock
from tests.pretraining.small_dataset import SMALL_RUN, do, flags, metrics

ALIKE = [*SMALL_RUN, *flags(hidden_dropout=0, steps=8, checkpoint_interval=4)]  # each rank has a dropout of its own


@pytest.fixture(scope="module")
def alone(small_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "alone"
    assert main(["--examples", str(small_dataset), "--output", str(run), *ALIKE]) == 0
    return run


def assert_alike(run: Path, other: Path) -> None:
    ours, theirs = metrics(run), metrics(other)
    assert len(ours) == len(theirs)
    for one, another in zip(ours, theirs, strict=True):
        assert one.keys() == another.keys()
        for name, value in one.items():
            same = pytest.approx(another[name], rel=2e-5) if isinstance(value, float) else another[name]
            assert value == same, (name, one, another)


@pytest.mark.parametrize("flag", ["--no-fully-sharded", "--fully-sharded"])
def test_two_processes_are_as_one(alone: Path, small_dataset: Path, tmp_path: Path, flag: str) -> None:
    run = tmp_path / "run"
    done = do("train", "--examples", small_dataset, "--output", run, *ALIKE, flag, processes=2)
    assert done.returncode == 0, done.stderr
    assert_alike(run, alone)
    # one process goes on from the checkpoint of two
    for steps, folder in checkpoints(run):
        if steps == 8:
            (folder / "manifest.json").unlink()
    assert main(["--resume", str(run), "--no-fully-sharded"]) == 0
    assert_alike(run, alone)


def test_two_processes_of_a_run_in_use_are_refused_in_one_line(alone: Path) -> None:
    with RunLock() as lock:
        lock.take(alone)
        done = do("train", "--resume", alone, processes=2)
    assert done.returncode != 0
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("mlukit train: ")]
    assert line.startswith(f"mlukit train: {alone} is in use by process {os.getpid()} on ")


def test_micro_batches_do_not_matter(alone: Path, small_dataset: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert main(["--examples", str(small_dataset), "--output", str(run), *ALIKE, "--micro-batch-tokens", "4096"]) == 0
    assert_alike(run, alone)


def test_a_rank_alone() -> None:
    ranks = Ranks(0, 1, torch.device("cpu"))
    assert ranks.first
    assert ranks.gather((3, 4)) == [[3, 4]]
    assert ranks.texts("x") == ["x"]
    assert ranks.add(torch.tensor([1.5])).tolist() == [1.5]


def test_examples_are_named_as_they_are_dealt_out(small_dataset: Path) -> None:
    config = DataConfig(batch_size=16, micro_batch_tokens=512)
    dataset = open_dataset(small_dataset, config)
    source = BatchSource(dataset, config, 2)
    dealt = [source.examples(3, rank, 2) for rank in (0, 1)]
    assert [len(names) for names in dealt[0]] == [batch.examples for batch in source.step(3, 0, 2)]
    both = sorted(name for names in (*dealt[0], *dealt[1]) for name in names)
    assert both == sorted(name for names in source.examples(3) for name in names) and len(both) == 16
    tables = {
        language: ds.dataset(small_dataset / "examples" / language, exclude_invalid_files=True).to_table()
        for language in dataset.languages
    }
    for names, batch in zip(dealt[1], source.step(3, 1, 2), strict=True):
        rows = [tables[language].slice(row, 1).to_pylist()[0] for language, row in names]
        assert sum(len(row["token_ids"]) for row in rows) == batch.words
        assert {row["split"] for row in rows} == {"train"}
