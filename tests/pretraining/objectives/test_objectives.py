"""The table of objectives and its files."""

import subprocess
import sys
from pathlib import Path

import pytest

from mlukit.pretraining import objectives
from mlukit.pretraining.config import ConfigError, DataConfig
from mlukit.pretraining.objectives.objective import Objective
from mlukit.pretraining.objectives.table import OBJECTIVES
from mlukit.pretraining.setting_help import HELP

ROOT = Path(__file__).resolve().parents[3]


def test_each_file_has_a_line_in_the_table() -> None:
    (folder,) = objectives.__path__
    files = {file.stem.replace("_", " ") for file in Path(folder).glob("*.py")}
    assert set(OBJECTIVES) == files - {"  init  ", "table", "objective"}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_an_objective_is_loaded_by_its_name(name: str) -> None:
    assert isinstance(DataConfig(objective=name).loaded_objective, Objective)
    assert f"'{name}': {OBJECTIVES[name]}" in HELP["objective"]


def test_another_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="objective 'sentences' is not one of 'words and entities', 'words', "):
        DataConfig(objective="sentences")


def test_what_an_objective_trains() -> None:
    words, both = (DataConfig(objective=name).loaded_objective for name in ("words", "words and entities"))
    names = ["entity_embeddings.table.weight", "entity_head.bias", "word_embeddings.weight"]
    assert [words.trains(name) for name in names] == [False, False, True]
    assert all(map(both.trains, names))


def test_flags_are_read_without_numpy() -> None:
    program = "import sys, mlukit.pretraining.settings; print({'numpy', 'pyarrow', 'torch'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.stdout == "set()\n", done
