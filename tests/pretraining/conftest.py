"""Examples to train on, built once."""

from pathlib import Path

import pytest
import torch

from mlukit.engine.logs import set_up_logs
from tests.pretraining.small_dataset import write_small_dataset


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Small tensors are faster on one thread, and sums are rounded as in the processes that tests start."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def shown_messages() -> None:
    """A command that is called without `mlukit` before it still shows its messages."""
    set_up_logs()


@pytest.fixture(scope="session")
def small_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """OUT of two small Wikipedias."""
    return write_small_dataset(tmp_path_factory.mktemp("small-dataset"))
