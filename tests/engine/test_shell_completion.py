"""What `mlukit --print-completion` prints, read by a shell."""

import shutil
import subprocess
from pathlib import Path

import pytest

from mlukit.command_line import COMMANDS
from tests.small_dumps import run


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["mlukit", "b"], ["build"]),
        (["mlukit", "--v"], ["--version"]),
        (["mlukit", "build", "--min-l"], ["--min-languages"]),
        (["mlukit", "inspect", "OUT", "--t"], ["--title"]),
        (["mlukit", "train", "--no-c"], ["--no-compile"]),
        (["mlukit", "nothing", "--t"], []),
    ],
)
def test_bash_completes_commands_and_flags(tmp_path: Path, words: list[str], completed: list[str]) -> None:
    bash = shutil.which("bash")
    if not bash:
        pytest.skip("no bash here")
    printed = run("--print-completion", "bash")
    assert printed.status == 0
    script = (
        f"{printed.out}\nCOMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; _mlukit; echo ${{COMPREPLY[@]}}"
    )
    done = subprocess.run([bash, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (done.stdout.split(), done.stderr) == (completed, "")


def test_zsh_has_every_command() -> None:
    printed = run("--print-completion=zsh").out
    assert printed.startswith("autoload ") and all(
        f"\n    {command}) words='--help " in printed for command in COMMANDS
    )
