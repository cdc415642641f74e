"""The batches of a run as a dataset of PyTorch, and the programs of docs/own-trainer.md, each in its own process."""

import re
import subprocess
import sys
from dataclasses import astuple
from itertools import zip_longest
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from mlukit.pretraining.config import ConfigError, DataConfig
from mlukit.pretraining.data.batch import Batch
from mlukit.pretraining.data.batches import BatchSource
from mlukit.pretraining.data.dataset import ExampleDataset, open_dataset
from mlukit.pretraining.data.torch_dataset import TrainingBatches
from tests.pretraining.small_dataset import environment

DOCS = (Path(__file__).parents[3] / "docs/own-trainer.md").read_text()
PROGRAMS = re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL)
CONFIG = DataConfig(batch_size=16, micro_batch_tokens=512)


@pytest.fixture(scope="module")
def dataset(small_dataset: Path) -> ExampleDataset:
    return open_dataset(small_dataset, CONFIG)


def same(found: list[Batch], expected: list[Batch]) -> bool:
    """Whether batches are equal, to the last bit."""
    return all(
        torch.equal(a, b) if isinstance(a, Tensor) else a == b
        for one, other in zip(found, expected, strict=True)
        for a, b in zip_longest(astuple(one), astuple(other))
    )


@pytest.mark.timeout(120)
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_a_loader_gives_the_steps_of_a_run_in_order(dataset: ExampleDataset, workers: int) -> None:
    batches = TrainingBatches(dataset, CONFIG, steps=7, first_step=2, stage=1)
    loader = DataLoader(batches, batch_size=None, num_workers=workers)
    source = BatchSource(dataset, CONFIG, stage=1)
    found, expected = list(loader), [source.step(step) for step in range(2, 9)]
    assert len(loader) == len(found) == 7 and max(map(len, found)) > 1
    assert all(map(same, found, expected))
    assert all(map(same, loader, expected))  # a second pass is the same


def test_ranks_share_the_examples_of_a_step(dataset: ExampleDataset) -> None:
    ranks = [list(TrainingBatches(dataset, CONFIG, steps=3, rank=rank, world=2)) for rank in (0, 1)]
    examples = [sum(batch.examples for batches in step for batch in batches) for step in zip(*ranks, strict=True)]
    assert examples == [16, 16, 16]
    with pytest.raises(ConfigError, match="batch_size 16 is less than the 17 ranks"):
        next(iter(TrainingBatches(dataset, CONFIG, steps=1, world=17)))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("program", PROGRAMS, ids=["pytorch", "transformers"])
def test_the_programs_of_the_page_train_ten_steps(program: str, small_dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "OUT").symlink_to(small_dataset)
    home = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "cache"), "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment() | home,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    losses = [float(loss) for loss in re.findall(r"^(?:{'loss': ')?(\d+\.\d+)", done.stdout, re.MULTILINE)]
    assert len(losses) == 10 and sum(losses[-3:]) < 0.95 * sum(losses[:3]), done.stdout


def test_the_page_has_both_trainers() -> None:
    assert [name in program for program, name in zip(PROGRAMS, ("TrainingBatches", "Trainer("), strict=True)] == [
        True
    ] * 2
