"""The public names of mlukit: all documented, found when used, and quick to import."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import mlukit
from mlukit.transforms import elements

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs/library.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", mlukit.__all__)
def test_each_name_has_a_docstring_with_its_parts_and_is_documented(name: str) -> None:
    found = getattr(mlukit, name)
    assert inspect.getdoc(found)
    assert f"`{name}" in DOCUMENT or f"`mlukit.{name}" in DOCUMENT
    assert name in dir(mlukit)


def test_transforms_of_elements_are_documented() -> None:
    assert [name for name in elements.__all__ if f"`{name}`" not in DOCUMENT] == []


def test_another_name_is_refused() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'parze'; it has Linker, Mentions, .*, parse, "):
        _ = mlukit.parze


def fresh(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_mlukit_is_quick_and_imports_neither_beam_nor_torch() -> None:
    program = (
        "import sys, time; began = time.perf_counter(); import mlukit; print(time.perf_counter() - began, "
        "*({'apache_beam', 'torch', 'pyarrow', 'numpy'} & sys.modules.keys()))"
    )
    seconds = sorted(fresh(program).split(maxsplit=1) for _ in range(3))
    assert float(seconds[0][0]) < 0.2 and len(seconds[0]) == 1, seconds


@pytest.mark.parametrize("name", sorted(set(mlukit.__all__) - {"load_model"}))
def test_what_reads_and_parses_imports_neither_beam_nor_torch(name: str) -> None:
    program = f"import sys, mlukit; mlukit.{name}; print(*({{'apache_beam', 'torch'}} & sys.modules.keys()))"
    assert fresh(program) == "\n"


def test_programs_of_the_document_run_as_printed(built: Path, dumps: Path, tmp_path: Path) -> None:
    programs = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", DOCUMENT, re.DOTALL)
    assert len(programs) >= 4
    (tmp_path / "OUT").symlink_to(built)
    (tmp_path / "dumps").symlink_to(dumps)
    for program, printed in programs:
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=100
        )
        assert (done.stdout, done.returncode) == (printed, 0), done.stderr
