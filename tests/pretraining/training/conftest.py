"""A finished run, trained once for each file of tests, and copies of it."""

import shutil
from pathlib import Path

import pytest

from mlukit.pretraining.train import main
from tests.pretraining.small_dataset import SMALL_RUN


@pytest.fixture(scope="module")
def finished(small_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "finished"
    assert main(["--examples", str(small_dataset), "--output", str(run), *SMALL_RUN]) == 0
    return run


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of the run."""
    return Path(shutil.copytree(finished, tmp_path / "run"))
