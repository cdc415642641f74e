"""A small output folder, and its tokenizer."""

from pathlib import Path

import pytest

from mlukit.corpus.examples.tokenizer import Tokenizer
from tests.pretraining.hugging_face.small_output import write_small_output


@pytest.fixture(scope="session")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """OUT with a tokenizer of some 200 pieces and eight entities."""
    return write_small_output(tmp_path_factory.mktemp("output") / "OUT")


@pytest.fixture(scope="session")
def tokenizer(output: Path) -> Tokenizer:
    """The tokenizer of the folder."""
    return Tokenizer.load((output / "tokenizer/sentencepiece.bpe.model").read_bytes())
