"""The package that workers get: all of ours is in it, and it runs where nothing else of ours is."""

import subprocess
import zipfile
from email.parser import Parser
from pathlib import Path

import apache_beam
import pytest

from mlukit.engine.launch.worker_package import ROOT, SOURCES, build_wheel
from tests.bare_python import bare_environment, bare_python
from tests.rooms import ROOMS
from tests.small_dumps import IN_MEMORY, checksums


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def test_all_of_ours_is_in_it_under_one_name(wheel: Path) -> None:
    files = {path.relative_to(ROOT).as_posix() for name in ROOMS for path in (ROOT / name).rglob("*.*")}
    ours = {f"mlukit/{name}" for name in files if name.endswith((".py", ".json", ".toml"))}
    assert len([name for name in ours if name.startswith("mlukit/corpus/languages/") and name.endswith(".toml")]) > 50
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert {"mlukit/command_line.py", "mlukit/py.typed", "mlukit/configs/wikipedia24.toml", *ours} - packed == set()
    assert {name.partition("/")[0] for name in packed if ".dist-info/" not in name} == {"mlukit"}


def test_it_asks_for_no_torch(wheel: Path) -> None:
    (name,) = (name for name in zipfile.ZipFile(wheel).namelist() if name.endswith("/METADATA"))
    asked = Parser().parsestr(zipfile.ZipFile(wheel).read(name).decode()).get_all("Requires-Dist", [])
    needed = [line for line in asked if "extra ==" not in line]
    assert "apache-beam==2.77.0" in needed
    assert [line for line in needed if line.startswith(("torch", "transformers", "tensorflow"))] == []


def test_it_builds_the_same_bytes_alone(wheel: Path, dumps: Path, built: Path, tmp_path: Path) -> None:
    python = bare_python(tmp_path / "venv", wheel)
    modules = "from mlukit import corpus, engine, transforms as t; print(corpus.__file__, engine.__file__, t.__file__)"
    where = subprocess.run(
        [python, "-c", modules], cwd=tmp_path, env=bare_environment(), capture_output=True, text=True, check=True
    ).stdout.split()
    assert [path for path in where if not path.startswith(str(tmp_path))] == []
    flags = (
        "--min-languages=1",
        "--validation-share=0.1",
        IN_MEMORY,
        "--sentencepiece-model",
        dumps / "tokenizer.model",
    )
    command = [python, "-m", "mlukit", "build", "--dumps", dumps, "--output", tmp_path / "OUT", *flags]
    ran = subprocess.run(command, cwd=tmp_path, env=bare_environment(), capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert checksums(tmp_path / "OUT") == checksums(built)


def test_the_image_has_the_same() -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert sent == {*SOURCES, *ROOMS, "requirements-test.lock"}
    (base,) = (line for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("FROM"))
    assert base == f"FROM apache/beam_python${{PYTHON}}_sdk:{apache_beam.__version__}"
