"""Imports point one way: schemas <- corpus <- transforms <- pipelines <- mlukit."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = {  # package -> what it may import of ours
    "schemas": {"schemas"},
    "corpus": {"schemas", "corpus"},
    "transforms": {"schemas", "corpus", "transforms"},
    "pipelines": {"schemas", "corpus", "transforms", "pipelines"},
}
OURS = {*FLOORS, "mlukit"}
KEPT_OUT = {"apache_beam", "torch"}  # of schemas and corpus
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
    if package in ("schemas", "corpus"):
        assert not names & KEPT_OUT
