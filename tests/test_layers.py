"""Imports point one way: schemas <- corpus <- transforms <- pipelines, and corpus <- pretraining; mlukit above all."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = {  # package -> what it may import of ours
    "schemas": {"schemas"},
    "corpus": {"schemas", "corpus"},
    "transforms": {"schemas", "corpus", "transforms"},
    "pipelines": {"schemas", "corpus", "transforms", "pipelines"},
    "pretraining": {"schemas", "corpus", "pretraining"},
}
OURS = {*FLOORS, "mlukit"}
OF_TRAINING = {"torch", "transformers", "safetensors", "tensorboard"}  # an extra, never on Beam's workers
KEPT_OUT = {
    "schemas": {"apache_beam", *OF_TRAINING},
    "corpus": {"apache_beam", *OF_TRAINING},
    "transforms": OF_TRAINING,
    "pipelines": OF_TRAINING,
    "pretraining": {"apache_beam"},
}
FILES = sorted(file for package in FLOORS for file in (ROOT / package).rglob("*.py"))


def imported(source: str) -> Iterator[str]:
    """The first name of every module that a source imports, inside functions and strings of importlib too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "a relative import" if node.level else str(node.module).split(".")[0]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            yield from (str(word.value).split(".")[0] for word in node.args if isinstance(word, ast.Constant))


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import os.path, json", ["os", "json"]),
        ("def f():\n    from corpus.titles import fold_name", ["corpus"]),
        ("from . import records", ["a relative import"]),
        ("importlib.import_module('pipelines.build')", ["pipelines"]),
    ],
)
def test_imported_sees_every_form(source: str, names: list[str]) -> None:
    assert list(imported(source)) == names


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_imports_point_down(file: Path) -> None:
    package = file.relative_to(ROOT).parts[0]
    names = set(imported(file.read_text(encoding="utf-8")))
    assert names & OURS <= FLOORS[package]
    assert "a relative import" not in names
    assert not names & KEPT_OUT[package]


@pytest.mark.parametrize("command", ["build", "inspect"])
def test_other_commands_do_without_torch(command: str) -> None:
    program = (
        "import sys, mlukit\n"
        f"try: status = mlukit.main(['{command}', '--help'])\n"
        "except SystemExit as exit: status = exit.code\n"
        f"print(status, {sorted(OF_TRAINING)!r} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.stdout.splitlines()[-1] == "0 set()", done
