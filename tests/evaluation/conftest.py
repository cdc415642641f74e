"""Small data and small models, made once."""

from pathlib import Path

import pytest
import torch

from mlukit.engine.logs import set_up_logs
from mlukit.evaluation.evaluate import main
from tests.evaluation.small_checkpoint import write_mluke
from tests.evaluation.small_relations import words, write_relations


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Small tensors are faster on one thread, and sums are rounded the same in every process."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def shown_messages() -> None:
    """A command that is called without `mlukit` before it still shows its messages."""
    set_up_logs()


@pytest.fixture(scope="session")
def relations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The official files of RELX, in small."""
    return write_relations(tmp_path_factory.mktemp("relations"))


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small mLUKE with the words of `relations`."""
    return write_mluke(tmp_path_factory.mktemp("checkpoint") / "mluke", words())


@pytest.fixture(scope="session")
def relx_flags(checkpoint: Path, relations: Path) -> list[str]:
    """The command line of a small fine-tuning, without --output."""
    flags = ["--learning-rate", "5e-3", "--epochs", "6", "--batch-size", "16", "--micro-batch-places", "256"]
    return ["relx", "--model", str(checkpoint), "--data", str(relations), *flags]


@pytest.fixture(scope="session")
def finished(relx_flags: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RUN of both variants; tests copy it before they change anything."""
    run = tmp_path_factory.mktemp("finished") / "RUN"
    assert main([*relx_flags, "--output", str(run)]) == 0
    return run
