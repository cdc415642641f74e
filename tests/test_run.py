"""The script `run`: each of its commands does what `./run --help` says of it.

The script runs in a copy, and finds stand-ins in place of all programs that are slow, or that change the machine. A
stand-in writes down how it was called. So a command's functions are all called, and a name that nothing defines fails.
"""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conftest import CROWDED

ROOT = Path(__file__).resolve().parents[1]
BASH = shutil.which("bash") or "/bin/bash"
REAL = ("bash", "cat", "dirname", "env", "find", "grep", "id", "nproc", "rm", "sha256sum")  # used as they are
SYSTEM = ("apt-get", "chromedriver", "chromium", "g++", "java", "mvn", "pkg-config", "python3", "sudo")
# Also in .venv/bin, which `python3 -m venv` makes. Training and export leave folders, by which the script goes.
STAND_IN = """#!{bash}
name=${{0##*/}}
printf '%q ' "$name" "$@" >>{calls}
printf '\\n' >>{calls}
case "$name $*" in
  "python3 -m venv "*)
    mkdir -p "${{@: -1}}/bin"
    for program in python mlukit uv; do cp {stand_in} "${{@: -1}}/bin/$program"; done ;;
  "sudo "*) "$@" ;;
  "uv pip compile "*) printf 'a==1\\n' >"${{@: -1}}" ;;
  "mlukit train "*) mkdir -p sample-model/run ;;
  "mlukit export "*) mkdir -p sample-model/transformers ;;
esac
exit "$(cat {statuses}/"$name" 2>/dev/null || printf 0)"
"""
LOCKS = ("requirements.lock", "requirements-test.lock", "requirements-train.lock", "requirements-transformers4.lock")


class Copy:
    """The script in a folder of its own, among stand-ins."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.programs = folder / "checkout", folder / "programs"
        self._calls, self._statuses = folder / "calls", folder / "statuses"
        for made in (self.folder, self.programs, self._statuses):
            made.mkdir()
        for name in ("run", "setup.py", *LOCKS):
            shutil.copy2(ROOT / name, self.folder / name)
        stand_in = folder / "stand-in"
        words = {"bash": BASH, "calls": self._calls, "stand_in": stand_in, "statuses": self._statuses}
        stand_in.write_text(STAND_IN.format_map({name: shlex.quote(str(word)) for name, word in words.items()}))
        stand_in.chmod(0o755)
        for name in SYSTEM:
            shutil.copy2(stand_in, self.programs / name)
        for name in (*REAL, "cp", "mkdir"):  # the last two are for stand-ins
            (self.programs / name).symlink_to(shutil.which(name) or name)

    def fail(self, program: str, status: int) -> None:
        """Has a stand-in end with a status."""
        (self._statuses / program).write_text(str(status))

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Calls `./run`, from another folder."""
        self._calls.write_text("")
        environment = {"PATH": str(self.programs), "HOME": str(self.folder), "LC_ALL": "C.UTF-8", **variables}
        command = [BASH, str(self.folder / "run"), *words]
        return subprocess.run(
            command, env=environment, cwd=self.folder.parent, capture_output=True, text=True, timeout=60
        )

    def calls(self) -> list[list[str]]:
        """What stand-ins were called with since, but for looks at what there is."""
        calls = [shlex.split(line) for line in self._calls.read_text().splitlines()]
        return [call for call in calls if call[1:2] != ["-c"] and "--exists" not in call and "--version" not in call]


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def first_words(calls: Sequence[Sequence[str]]) -> list[str]:
    """ "python -m ruff" and the like."""
    return [" ".join(call[:3] if call[1] in ("-m", "pip") else call[:2]) for call in calls]


VENV = ["python3 -m venv", "python -m pip"]
SETUP = [*VENV, "uv pip install", "uv pip install"]
CALLS = {  # each command of the script, and which programs it calls
    "setup": SETUP,
    "sample": [*SETUP, "mlukit build", *["mlukit inspect"] * 4, "mlukit report"],
    "sample-model": [*SETUP, "mlukit build", "mlukit train", "mlukit export", "mlukit fill", "mlukit fill"],
    "flink": [*SETUP, "python -m tools.flink"],
    "test": [*SETUP, "uv pip install", "python -m ruff", "python -m ruff", "python -m mypy", "python -m pytest"],
    "lock": [*VENV, *["uv pip compile"] * 4],
    "clean": [],
}


def test_help_names_every_command_and_no_other(copy: Copy) -> None:
    script = (ROOT / "run").read_text()
    table = script[script.index('case "$command" in') :]
    for words in ([], ["--help"], ["-h"], ["help"]):
        done = copy.run(*words)
        assert (done.returncode, done.stderr) == (0, "")
        assert re.findall(r"^  ([a-z-]+)\s", done.stdout, re.MULTILINE) == list(CALLS)
    assert re.findall(r"^  ([a-z-]+)\)", table, re.MULTILINE) == list(CALLS)


@pytest.mark.parametrize("command", CALLS)
def test_each_command_calls_its_programs(copy: Copy, command: str) -> None:
    done = copy.run(command)
    assert done.returncode == 0, done.stderr
    assert first_words(copy.calls()) == CALLS[command]


@pytest.mark.parametrize(
    ("command", "calls"),
    [
        ("setup", []),
        ("sample", ["mlukit build", *["mlukit inspect"] * 4, "mlukit report"]),
        ("sample-model", ["mlukit build", "mlukit train", "mlukit fill", "mlukit fill"]),
        ("flink", ["python -m tools.flink"]),
        ("test", ["python -m ruff", "python -m ruff", "python -m mypy", "python -m pytest"]),
    ],
)
def test_what_is_set_up_is_not_set_up_again(copy: Copy, command: str, calls: list[str]) -> None:
    copy.run(command)
    done = copy.run(command)
    assert done.returncode == 0, done.stderr
    assert first_words(copy.calls()) == calls


def test_another_python_than_that_of_the_environment_is_said_to_have_no_effect(copy: Copy) -> None:
    copy.run("setup")
    other = copy.programs / "other-python"
    other.write_text(f"#!{BASH}\nprintf 'other\\n'\n")
    other.chmod(0o755)
    done = copy.run("setup", PYTHON=str(other))
    assert done.returncode == 0
    assert done.stderr.splitlines()[0].startswith(f"PYTHON={other} is not used: .venv already exists, with ")
    assert done.stderr.splitlines()[0].endswith("To use another Python: rm -r .venv, then run this command again")
    assert "PYTHON" not in copy.run("setup").stderr
    assert "PYTHON" not in copy.run("setup", PYTHON=".venv/bin/python").stderr


@pytest.mark.parametrize(
    ("command", "lock"),
    [
        ("sample", "requirements.lock"),
        ("flink", "requirements.lock"),
        ("sample-model", "requirements-train.lock"),
        ("test", "requirements-test.lock"),
    ],
)
def test_each_command_installs_its_lock(copy: Copy, command: str, lock: str) -> None:
    copy.run(command)
    install, ours, *_ = [call for call in copy.calls() if call[:3] == ["uv", "pip", "install"]]
    assert install[-2:] == ["-r", lock]
    assert ours[-3:] == ["--no-deps", "--editable", "."]


def test_transformers_4_is_installed_again_when_its_lock_has_changed(copy: Copy) -> None:
    copy.run("test")
    (copy.folder / "requirements-transformers4.lock").write_text("a==2\n")
    copy.run("test")
    (install,) = [call for call in copy.calls() if call[:3] == ["uv", "pip", "install"]]
    assert install[-4:] == [".venv/transformers4", "--no-deps", "-r", "requirements-transformers4.lock"]


@pytest.mark.parametrize(("command", "program"), [("flink", "tools.flink"), ("test", "pytest")])
def test_what_follows_goes_on_as_it_is(copy: Copy, command: str, program: str) -> None:
    words = ["--dumps", "a folder", "-k", "titles and not 'x'"]
    copy.run(command, *words)
    last = copy.calls()[-1]
    assert (last[:3], last[-4:]) == (["python", "-m", program], words)


@pytest.mark.parametrize("command", [command for command in CALLS if command not in ("flink", "test")])
def test_other_commands_take_no_arguments(copy: Copy, command: str) -> None:
    done = copy.run(command, "--fast")
    assert (done.returncode, done.stderr) == (
        1,
        f"run: {command} takes no arguments: '--fast' (see ./run --help)\n",
    )
    assert copy.calls() == []


def test_an_unknown_command_is_refused(copy: Copy) -> None:
    done = copy.run("bulid")
    assert (done.returncode, done.stderr) == (1, "run: unknown command 'bulid' (see ./run --help)\n")


def test_an_environment_that_cannot_be_made_ends_setup_and_is_tried_again(copy: Copy) -> None:
    copy.fail("python", 7)
    assert copy.run("setup").returncode == 7
    assert not (copy.folder / ".venv/made-in").exists()
    copy.fail("python", 0)
    assert copy.run("setup").returncode == 0
    assert first_words(copy.calls()) == SETUP


@pytest.mark.parametrize(("command", "program"), [("test", "python"), ("sample", "mlukit"), ("sample-model", "mlukit")])
def test_a_program_that_fails_ends_the_run_with_its_status(copy: Copy, command: str, program: str) -> None:
    copy.run(command)
    calls = copy.calls()
    copy.fail(program, 3)
    assert copy.run(command).returncode == 3
    assert copy.calls() == [next(call for call in calls[4:] if call[0] == program)]


@pytest.mark.parametrize(
    ("command", "missing", "packages"),
    [
        ("flink", ["java", "mvn"], "openjdk-17-jre-headless maven"),
        ("flink", ["mvn"], "maven"),
        ("setup", ["g++", "pkg-config"], "g++ pkg-config libicu-dev"),
        ("test", ["chromedriver"], "chromium chromium-driver fonts-noto-core fonts-noto-cjk"),
    ],
)
def test_missing_programs_are_installed(copy: Copy, command: str, missing: list[str], packages: str) -> None:
    for name in missing:
        (copy.programs / name).unlink()
    done = copy.run(command)
    assert done.returncode == 0, done.stderr
    assert f"installing system packages: {packages}\n" in done.stderr
    update, install = [call for call in copy.calls() if call[0] == "apt-get"]
    assert update == ["apt-get", "-qq", "update"]
    assert " ".join(install).endswith(f"--no-install-recommends -y {packages}")


def test_without_apt_get_what_is_missing_is_named(copy: Copy) -> None:
    for name in ("java", "apt-get"):
        (copy.programs / name).unlink()
    done = copy.run("flink")
    assert done.returncode == 1
    assert "run: missing: openjdk-17-jre-headless. These are names of Debian packages, but apt-get" in done.stderr


def test_tests_run_without_chromium_where_it_cannot_be_installed(copy: Copy) -> None:
    (copy.programs / "chromium").unlink()
    copy.fail("apt-get", 100)
    done = copy.run("test")
    assert done.returncode == 0 and first_words(copy.calls())[-1] == "python -m pytest"
    assert "Chromium is not installed, so the tests that need it will skip" in done.stderr


def test_clean_removes_what_other_commands_made(copy: Copy) -> None:
    before = sorted(path.name for path in copy.folder.iterdir())
    copy.run("sample-model")
    for name in ("sample-output", "flink-output", ".flink", "build", "mlukit.egg-info", "corpus/__pycache__"):
        (copy.folder / name).mkdir(parents=True)
    done = copy.run("clean")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in copy.folder.iterdir()) == sorted([*before, "corpus"])
    assert list((copy.folder / "corpus").iterdir()) == []


@pytest.mark.parametrize("name", CROWDED)
def test_tests_that_run_one_after_the_other_are_there(name: str) -> None:
    path, _, function = name.partition("::")
    assert f"def {function}(" in (ROOT / path).read_text() if function else (ROOT / path).exists()


def test_tests_are_shared_by_module_but_for_those_that_run_one_after_the_other(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        f"import os, sys\nsys.path.insert(0, {str(ROOT)!r})\nimport tests.conftest as ours\n"
        "ours.CROWDED = ('test_a.py', 'test_b.py::test_alone')\n"
        "from tests.conftest import pytest_collection_modifyitems, pytest_xdist_make_scheduler\n"
        "def see(test):\n    with open('seen', 'a') as file:\n"
        "        print(test, os.environ['PYTEST_XDIST_WORKER'], file=file)\n"
    )
    tests = {"a": ("one", "two"), "b": ("one", "two", "alone"), "c": ("one", "two"), "d": ("one", "two")}
    for name, functions in tests.items():
        body = "import time\nfrom conftest import see\n" + "".join(
            f"def test_{function}():\n    time.sleep(0.3)\n    see('{name}.{function}')\n" for function in functions
        )
        (tmp_path / f"test_{name}.py").write_text(body)
    flags = ("--numprocesses", "2", "--dist", "loadscope", "--no-loadscope-reorder")  # as in the script
    command = [sys.executable, "-m", "pytest", *flags]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout
    seen = dict(line.split() for line in (tmp_path / "seen").read_text().splitlines())
    assert len(seen) == 9
    assert seen["a.one"] == seen["a.two"] == seen["b.alone"] != seen["b.one"]
    for name in "bcd":
        assert seen[f"{name}.one"] == seen[f"{name}.two"]
