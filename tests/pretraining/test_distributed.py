"""Two processes do what one does: the same examples in a step, the same losses but for how sums are rounded."""

from pathlib import Path

import pytest
import torch

from pretraining.ranks import Ranks
from pretraining.run_folder import checkpoints
from pretraining.train import main
from tests.pretraining.small_corpus import SMALL_RUN, do, flags, metrics

ALIKE = [*SMALL_RUN, *flags(hidden_dropout=0, steps=8, checkpoint_interval=4)]  # each rank has a dropout of its own


@pytest.fixture(scope="module")
def alone(small_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "alone"
    assert main(["--examples", str(small_corpus), "--output", str(run), *ALIKE]) == 0
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
def test_two_processes_are_as_one(alone: Path, small_corpus: Path, tmp_path: Path, flag: str) -> None:
    run = tmp_path / "run"
    done = do("train", "--examples", small_corpus, "--output", run, *ALIKE, flag, processes=2)
    assert done.returncode == 0, done.stderr
    assert_alike(run, alone)
    # one process goes on from the checkpoint of two
    for steps, folder in checkpoints(run):
        if steps == 8:
            (folder / "manifest.json").unlink()
    assert main(["--resume", str(run), "--no-fully-sharded"]) == 0
    assert_alike(run, alone)


def test_micro_batches_do_not_matter(alone: Path, small_corpus: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert main(["--examples", str(small_corpus), "--output", str(run), *ALIKE, "--micro-batch-tokens", "4096"]) == 0
    assert_alike(run, alone)


def test_a_rank_alone() -> None:
    ranks = Ranks(0, 1, torch.device("cpu"))
    assert ranks.first
    assert ranks.gather((3, 4)) == [[3, 4]]
    assert ranks.texts("x") == ["x"]
    assert ranks.add(torch.tensor([1.5])).tolist() == [1.5]
