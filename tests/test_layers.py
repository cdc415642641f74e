"""Imports point one way: schemas <- corpus, engine <- transforms <- pipelines, and schemas, corpus <- pretraining <-
evaluation.

All code is imported under one name, `mlukit`. In a checkout its rooms could be imported bare as well (`corpus`, …), and
one record would then have two classes.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = {  # what lies at the top of the repository -> what it may import of ours
    "schemas": {"schemas"},
    "corpus": {"schemas", "corpus"},
    "engine": {"schemas", "engine"},
    "transforms": {"schemas", "corpus", "engine", "transforms"},
    "pipelines": {"schemas", "corpus", "engine", "transforms", "pipelines"},
    "pretraining": {"schemas", "corpus", "pretraining"},
    "evaluation": {"schemas", "corpus", "pretraining", "evaluation"},
}
_SPOKEN = {"engine.errors", "engine.logs", "engine.command_parser"}  # how commands speak to users
ALONE = {"pretraining": _SPOKEN, "evaluation": _SPOKEN}
OF_TRAINING = {"torch", "transformers", "safetensors", "tensorboard"}  # an extra, never on Beam's workers
KEPT_OUT = {
    "schemas": {"apache_beam", *OF_TRAINING},
    "corpus": {"apache_beam", *OF_TRAINING},
    "engine": OF_TRAINING,
    "transforms": OF_TRAINING,
    "pipelines": OF_TRAINING,
    "pretraining": {"apache_beam"},
    "evaluation": {"apache_beam"},
}
FILES = sorted(file for package in FLOORS for file in (ROOT / package).rglob("*.py"))
BESIDE = ("tests", "tools", "benchmarks", "sample")
OTHERS = sorted({file for name in BESIDE for file in (ROOT / name).rglob("*.py")} - {Path(__file__)})
MOST_FILES = {"corpus/wikitext": 25, "engine": 20, "transforms": 20, "pipelines": 20}  # elsewhere:
MOST = 15


def imported(source: str) -> Iterator[str]:
    """The name of every module that a source imports, inside functions and programs in strings too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "a relative import" if node.level else str(node.module)
            yield from (f"{module}.{alias.name}" for alias in node.names) if module == "mlukit" else [module]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            yield from (str(word.value) for word in node.args if isinstance(word, ast.Constant))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "import " in node.value:
            try:
                yield from imported(node.value)
            except (SyntaxError, ValueError):
                continue  # prose, or a part of a program


def of_ours(source: str) -> set[str]:
    """The modules of ours that a source imports, without "mlukit."."""
    return {name.partition(".")[2] for name in imported(source) if name.startswith("mlukit.")}


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import os.path, json", ["os.path", "json"]),
        ("def f():\n    from corpus.titles import fold_name", ["corpus.titles"]),
        ("from mlukit import corpus", ["mlukit.corpus"]),
        ("from . import records", ["a relative import"]),
        ("importlib.import_module('pipelines.build')", ["pipelines.build"]),
        ("PROGRAM = 'import schemas.arrow'", ["schemas.arrow"]),
    ],
)
def test_imported_sees_every_form(source: str, names: list[str]) -> None:
    assert list(imported(source)) == names


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_imports_point_down(file: Path) -> None:
    package, source = file.relative_to(ROOT).parts[0], file.read_text(encoding="utf-8")
    others = of_ours(source) - ALONE.get(package, set())
    assert {name.partition(".")[0] for name in others} <= FLOORS[package]
    names = {name.partition(".")[0] for name in imported(source)}
    assert not names & {"a relative import", *KEPT_OUT[package]}


@pytest.mark.parametrize("file", [*FILES, *OTHERS], ids=lambda file: file.relative_to(ROOT).as_posix())
def test_no_file_imports_a_bare_room(file: Path) -> None:
    names = {name.partition(".")[0] for name in imported(file.read_text(encoding="utf-8"))}
    assert not names & {*FLOORS, "configs"}


@pytest.mark.parametrize("package", ["corpus", "pretraining", "evaluation"])
def test_rooms_import_each_other_in_no_circle(package: str) -> None:
    rooms: dict[str, set[str]] = {}
    for file in (ROOT / package).glob("*/*.py"):
        names = {name.split(".")[1] for name in of_ours(file.read_text()) if name.startswith(f"{package}.")}
        rooms.setdefault(file.parent.name, set()).update(names - {file.parent.name, *_files(ROOT / package)})
    TopologicalSorter(rooms).prepare()  # raises CycleError


def _files(folder: Path) -> list[str]:
    return [file.stem for file in folder.glob("*.py")]


@pytest.mark.parametrize(
    "room", sorted({file.parent for file in FILES}), ids=lambda room: room.relative_to(ROOT).as_posix()
)
def test_a_room_says_what_belongs_in_it_and_is_not_crowded(room: Path) -> None:
    assert ast.get_docstring(ast.parse((room / "__init__.py").read_text()))
    assert len(_files(room)) - 1 <= MOST_FILES.get(room.relative_to(ROOT).as_posix(), MOST)


PREPOSITIONS = {"at", "of", "own", "there", "aside", "beside", "said", "mine"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_names_are_nouns_and_verbs(file: Path) -> None:
    names = {
        node.id if isinstance(node, ast.Name) else node.arg if isinstance(node, ast.arg) else node.name
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Name | ast.arg | ast.FunctionDef)
    }
    assert not {name.strip("_") for name in names} & PREPOSITIONS


def test_what_is_installed_is_a_link_to_each_room() -> None:
    links = {link.name: link.readlink().as_posix() for link in (ROOT / "mlukit").iterdir() if link.is_symlink()}
    assert links == {name: f"../{name}" for name in [*FLOORS, "configs"]}


@pytest.mark.parametrize("command", ["build", "inspect"])
def test_other_commands_do_without_torch(command: str) -> None:
    program = (
        "import sys\nfrom mlukit.command_line import main\n"
        f"try: status = main(['{command}', '--help'])\n"
        "except SystemExit as exit: status = exit.code\n"
        f"print(status, {sorted(OF_TRAINING)!r} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.stdout.splitlines()[-1] == "0 set()", done
