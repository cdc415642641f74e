"""Linkers for tests."""

from pathlib import Path

import pytest

from mlukit.linker.linker import Linker
from tests.linker.written_output import write_output


@pytest.fixture(scope="session")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_output(tmp_path_factory.mktemp("written") / "OUT")


@pytest.fixture
def linker(output: Path) -> Linker:
    return Linker.open(output, "de")
