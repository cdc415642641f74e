"""Commands without packages that only some installations have: one line with the packages, and what installs them."""

import subprocess
import sys
from pathlib import Path

import pytest

from mlukit.engine.extras import EXTRAS, how_to_install

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys
for name in {modules!r}:
    sys.modules[name] = None  # as if it were not installed
sys.argv = ["mlukit", *{words!r}]
from mlukit.command_line import run
run()
"""
TRAIN = "safetensors and torch, which are not installed"


def mlukit(modules: list[str], folder: Path, *words: str) -> tuple[int, str]:
    """The exit status and the message of a command without some modules."""
    program = PROGRAM.format(modules=modules, words=words)
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, cwd=folder, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["train", "--examples", "OUT", "--output", "RUN"],
        ["import", "DIR", "--output", "INIT", "--examples", "OUT"],
        ["export", "RUN", "--output", "DIR"],
        ["fill", "RUN", "--text", "[Berlin]"],
    ],
)
def test_training_without_its_packages(tmp_path: Path, words: list[str]) -> None:
    status, said = mlukit(["torch", "safetensors"], tmp_path, *words)
    assert (status, said) == (1, f"mlukit {words[0]} needs {TRAIN}: {sys.executable} -m pip install 'mlukit[train]'\n")


@pytest.mark.parametrize(
    ("path", "module", "extra", "package"),
    [
        ("gs://bucket/x", "google.cloud.storage", "gcp", "google-cloud-storage"),
        ("s3://bucket/x", "boto3", "aws", "boto3"),
    ],
)
@pytest.mark.parametrize(
    "words",
    [
        ["build", "--dumps", "{}", "--output", "OUT", "--train-sentencepiece", "200"],
        ["link", "--dumps", "dumps", "--output", "{}"],
        ["link", "--dump", "de={}", "--output", "OUT"],
        ["audit", "{}"],
        ["inspect", "{}"],
        ["verify", "{}"],
    ],
)
def test_a_store_without_its_packages(
    tmp_path: Path, path: str, module: str, extra: str, package: str, words: list[str]
) -> None:
    (tmp_path / "dumps").mkdir()
    status, said = mlukit([module], tmp_path, *(word.format(path) for word in words))
    expected = f"{path} needs {package}, which is not installed: {sys.executable} -m pip install 'mlukit[{extra}]'"
    assert (status, said) == (2, f"mlukit {words[0]}: {expected}\n")
    assert not (tmp_path / "OUT").exists()


def test_a_store_that_nobody_knows(tmp_path: Path) -> None:
    status, said = mlukit([], tmp_path, "link", "--dumps", "dumps", "--output", "gss://bucket/x")
    assert (status, said) == (
        2,
        "mlukit link: gss://bucket/x: there is no file system for gss://; accepted: local paths, gs:// and s3://\n",
    )


def test_names_are_listed_in_words() -> None:
    assert how_to_install("it", "aws", ["a"]).startswith("it needs a, which is not installed: ")
    assert how_to_install("it", "aws", ["a", "b", "c"]).startswith("it needs a, b and c, which are not installed: ")


def test_the_packages_are_those_of_setup_py() -> None:
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    assert all(f'"{package}' in setup for extra in ("train", "evaluate") for package in EXTRAS[extra])
    assert all(f'"apache-beam[{extra}]' in setup for extra in ("gcp", "aws"))
