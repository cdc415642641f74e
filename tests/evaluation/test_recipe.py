"""The recipe for a task in CONTRIBUTING.md: its code, its line, and a run of it."""

import random
import re
import sys
import types
from pathlib import Path

import pytest

from mlukit.evaluation.evaluate import main
from mlukit.evaluation.results.run_folder import read_results
from mlukit.evaluation.tasks.table import TASKS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Does what the recipe says."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("\n## A task of evaluation\n")[2]
    metric, task, line = re.findall(r"```python\n(.*?)```", text, re.S)
    for name, code in (("metrics.accuracy", metric), ("tasks.topics", task)):
        module = types.ModuleType(f"mlukit.evaluation.{name}")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(compile(code, f"CONTRIBUTING.md: {name}", "exec"), module.__dict__)
    ((name, measures),) = eval(f"{{{line}}}").items()
    monkeypatch.setitem(TASKS, name, measures)  # type: ignore[arg-type]


@pytest.mark.usefixtures("followed")
def test_the_recipe_adds_a_task(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chance = random.Random(1)
    for name, rows in (("train", 96), ("dev", 16), ("de", 16)):
        lines = [f"en{chance.randrange(30)} {verb}\t{verb}" for verb in ["founded", "leads"] * (rows // 2)]
        (tmp_path / f"{name}.tsv").write_text("\n".join(lines))
    flags = ["--learning-rate", "5e-3", "--epochs", "3", "--batch-size", "16", "--output", str(tmp_path / "RUN")]
    assert main(["topics", "--model", str(checkpoint), "--data", str(tmp_path), *flags]) == 0
    (found,) = read_results(tmp_path / "RUN")
    assert found.scores["de"]["accuracy"] > 0.9
    assert main(["list"]) == 0
    assert "topics\n  measures:  The topic of a text." in capsys.readouterr().out
