"""What is installed: one name, `mlukit`, with every file of every room and nothing else, as a wheel and editable."""

import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from mlukit.engine.launch.worker_package import build_wheel
from tests.bare_python import bare_environment, bare_python, editable_python

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("corpus", "engine", "schemas", "transforms", "pipelines", "pretraining", "evaluation", "configs")
BESIDE = ("setup.py", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in")
BUILD = "import sys\nfrom setuptools import build_meta\nprint(getattr(build_meta, sys.argv[1])(sys.argv[2]))"
VERSION = "mlukit 0.1.0\n"


def files_of(checkout: Path) -> set[str]:
    """The files of the package in a checkout, by the paths that they are installed at."""
    own = {f"mlukit/{path.name}" for path in (checkout / "mlukit").iterdir() if path.is_file()}
    rooms = {path.relative_to(checkout) for room in ROOMS for path in (checkout / room).rglob("*") if path.is_file()}
    return own | {f"mlukit/{path.as_posix()}" for path in rooms if path.suffix != ".pyc"}


def build(what: str, source: Path, folder: Path) -> Path:
    """Builds a wheel or a source distribution as pip does, without a network."""
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", BUILD, f"build_{what}", str(folder)], cwd=source, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.splitlines()[-1]


def files_of_wheel(wheel: Path) -> set[str]:
    """What a wheel holds, but for what tells of it."""
    return {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout, with its links: building leaves files beside the sources."""
    folder = tmp_path_factory.mktemp("copy") / "checkout"
    folder.mkdir()
    for name in BESIDE:
        shutil.copy2(ROOT / name, folder / name)
    for name in (*ROOMS, "mlukit", "tests"):
        shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return bare_python(tmp_path_factory.mktemp("installed") / "venv", wheel)


@pytest.fixture(scope="module")
def editable(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return editable_python(tmp_path_factory.mktemp("editable") / "venv", checkout)


@pytest.fixture(params=["installed", "editable"])
def python(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(request.param)
    return found


def run(python: str, folder: Path, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Runs Python in a folder."""
    command = [python, *words]
    return subprocess.run(command, cwd=folder, env=bare_environment(), capture_output=True, text=True, timeout=250)


def test_the_wheel_has_every_file_and_no_other(wheel: Path, checkout: Path) -> None:
    files = files_of(checkout)
    assert len([name for name in files if name.endswith((".toml", ".json"))]) > 50
    assert files_of_wheel(wheel) == files


def test_the_source_distribution_has_them_too_and_gives_the_same_wheel(
    wheel: Path, checkout: Path, tmp_path: Path
) -> None:
    archive = build("sdist", checkout, tmp_path / "sdist")
    with tarfile.open(archive) as tar:
        assert {member.type for member in tar.getmembers()} == {tarfile.REGTYPE, tarfile.DIRTYPE}  # no links
        files = {member.name.partition("/")[2] for member in tar.getmembers() if member.isfile()}
        tar.extractall(tmp_path, filter="data")
    of_setuptools = {name for name in files if name.startswith("mlukit.egg-info/")} | {"PKG-INFO", "setup.cfg"}
    assert files - of_setuptools == files_of(checkout) | set(BESIDE)
    again = build("wheel", tmp_path / archive.name.removesuffix(".tar.gz"), tmp_path / "wheel")
    assert files_of_wheel(again) == files_of_wheel(wheel)
    assert again.name == wheel.name


def test_a_wheel_of_the_links_is_the_same(wheel: Path, checkout: Path, tmp_path: Path) -> None:
    assert files_of_wheel(build("wheel", checkout, tmp_path / "wheel")) == files_of_wheel(wheel)


def test_there_is_one_name(python: str, tmp_path: Path) -> None:
    program = f"import importlib.util as u; print([n for n in {('mlukit', *ROOMS)!r} if u.find_spec(n)])"
    assert run(python, tmp_path, ["-c", program]).stdout == "['mlukit']\n"


def test_an_editable_installation_is_the_checkout(editable: str, checkout: Path, tmp_path: Path) -> None:
    program = "import mlukit.corpus, mlukit.schemas.records as r; print(mlukit.corpus.__file__, r.__file__)"
    files = run(editable, tmp_path, ["-c", program]).stdout.split()
    assert files == [f"{checkout}/mlukit/corpus/__init__.py", f"{checkout}/mlukit/schemas/records.py"]


@pytest.fixture
def folder_of_others(tmp_path: Path) -> Path:
    """A folder with packages of its own that are called like our rooms."""
    for name in ROOMS:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise RuntimeError('this is another {name}')\n")
    return tmp_path


@pytest.mark.parametrize("command", [["--version"], ["--help"], ["build", "--help"]])
def test_the_command_runs_beside_packages_called_like_our_rooms(
    python: str, folder_of_others: Path, command: list[str]
) -> None:
    done = run(python, folder_of_others, ["-m", "mlukit", *command])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("mlukit" if command == ["--version"] else "usage: mlukit")
    assert command != ["--version"] or done.stdout == VERSION


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("wikipedia24", "mlukit build: --dumps dumps: there is no such folder\n"),
        ("wikipedia42", "; accepted names: wikipedia24; did you mean 'wikipedia24'?\n"),
    ],
)
def test_a_bundled_configuration_is_found_by_its_name(installed: str, tmp_path: Path, config: str, said: str) -> None:
    words = ["--config", config, "--dumps", "dumps", "--output", "OUT", "--train-sentencepiece", "8000"]
    done = run(installed, tmp_path, ["-m", "mlukit", "build", *words])
    assert done.returncode == 2
    assert said in done.stderr


SHUFFLE = """
import os, sys
import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from mlukit.schemas.records import PageTitle

RECORD = PageTitle(page_id=7, title="Berlin", redirect=None, interlanguage=(("de", "Berlin"), ("ja", "ベルリン")))

def look(pair, folder):
    key, records = pair
    for record in [key, *records]:
        assert type(record) is PageTitle, type(record)
        assert type(record.interlanguage) is tuple, type(record.interlanguage)
        assert {type(other) for other in record.interlanguage} == {tuple}
        assert record == RECORD
    with open(f"{folder}/{os.getpid()}", "a") as file:
        print(len(list(records)), PageTitle.__module__, file=file)

def main():
    flags = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]
    with beam.Pipeline(options=PipelineOptions(flags)) as pipeline:
        pairs = pipeline | beam.Create([RECORD] * 3) | beam.Map(lambda record: (record, record))
        pairs | beam.GroupByKey() | beam.Map(look, sys.argv[1])
    print(os.getpid())
"""


def test_records_keep_their_class_and_their_tuples_through_a_shuffle(installed: str, folder_of_others: Path) -> None:
    seen = folder_of_others / "seen"
    seen.mkdir()
    (folder_of_others / "shuffle.py").write_text(SHUFFLE)
    done = run(installed, folder_of_others, ["-c", "import shuffle; shuffle.main()", str(seen)])
    assert done.returncode == 0, done.stderr
    (file,) = seen.iterdir()
    assert file.name != done.stdout.strip()  # another process than the launcher's
    assert file.read_text() == "3 mlukit.schemas.records\n"


TYPED = """
from mlukit.schemas.records import Span

right: Span = Span(0, 7)
wrong: Span = Span(0, "7")
"""


@pytest.fixture
def typed(tmp_path: Path) -> Path:
    """A program of somebody else's, in a folder of its own."""
    (tmp_path / "typed.py").write_text(TYPED)
    return tmp_path


def test_mypy_sees_the_types_of_what_is_installed(installed: str, typed: Path) -> None:
    words = [
        "-m",
        "mypy",
        "--strict",
        "--cache-dir",
        str(typed / "cache"),
        "--python-executable",
        installed,
        "typed.py",
    ]
    done = run(sys.executable, typed, words)
    assert done.stdout.splitlines() == [
        'typed.py:5: error: Argument 2 to "Span" has incompatible type "str"; expected "int"  [arg-type]',
        "Found 1 error in 1 file (checked 1 source file)",
    ], done


def test_pyright_sees_the_types_of_what_is_installed(installed: str, typed: Path) -> None:
    done = run(sys.executable, typed, ["-m", "basedpyright", "--pythonpath", installed, "--outputjson", "typed.py"])
    found = [(one["range"]["start"]["line"], one["rule"]) for one in json.loads(done.stdout)["generalDiagnostics"]]
    assert found == [(4, "reportArgumentType")], done


def test_ruff_looks_at_each_file_once() -> None:
    done = run(sys.executable, ROOT, ["-m", "ruff", "check", "--show-files"])
    files = [Path(line).relative_to(ROOT).as_posix() for line in done.stdout.splitlines()]
    assert len({(ROOT / file).resolve() for file in files}) == len(files) > 300
    assert {file for file in files if file.startswith("mlukit/")} == {
        f"mlukit/{name}.py" for name in ("__init__", "__main__", "command_line")
    }
