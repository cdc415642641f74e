"""Examples to train on, built once."""

from pathlib import Path

import pytest

from tests.pretraining.small_corpus import write_small_corpus


@pytest.fixture(scope="session")
def small_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """OUT of two small Wikipedias."""
    return write_small_corpus(tmp_path_factory.mktemp("small-corpus"))
