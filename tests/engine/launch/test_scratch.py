"""Folders of launchers, dead and alive."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlukit.engine.heartbeat import AbortedError, Heartbeat
from mlukit.engine.launch.scratch import keep_log, scratch_folder

DIES = """
import os, signal
from mlukit.engine.launch.scratch import scratch_folder
with scratch_folder() as folder:
    print(folder, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def of_dead_launcher(temporary: Path) -> Path:
    root, environment = Path(__file__).resolve().parents[3], {"TMPDIR": str(temporary)}
    done = subprocess.run([sys.executable, "-c", DIES], cwd=root, env=environment, capture_output=True, text=True)
    return Path(done.stdout.strip())


def test_a_folder_is_gone_with_its_block(temporary: Path) -> None:
    with pytest.raises(RuntimeError), scratch_folder() as folder:
        assert folder.parent == temporary
        raise RuntimeError
    assert list(temporary.iterdir()) == []


def test_that_of_a_dead_launcher_goes_and_no_other(temporary: Path) -> None:
    dead = of_dead_launcher(temporary)
    (dead / "beam-pipeline-temp").mkdir()
    others = [temporary / name for name in ("mlukit-run-of-another-version", "mlukit-index-0", "else")]
    for other in others:
        other.mkdir()
    (temporary / "mlukit-run-link").symlink_to(dead)
    with scratch_folder() as alive, scratch_folder() as second:
        assert not dead.exists()
        assert alive.exists() and second.exists()
    assert sorted(temporary.iterdir()) == sorted([*others, temporary / "mlukit-run-link"])


def test_a_log_that_is_kept_stays_for_a_week(temporary: Path) -> None:
    log = temporary / "beam.log"
    assert keep_log(log, "build") is None
    log.touch()
    assert keep_log(log, "build") is None  # nothing was printed
    log.write_text("a warning\n")
    first = keep_log(log, "build")
    assert first is not None and first.read_text() == "a warning\n"
    assert first.parent == temporary and first.name.startswith("mlukit-log-build-")
    second = keep_log(log, "build")
    assert second is not None and first.exists()
    eight_days_ago = time.time() - 8 * 24 * 3600
    os.utime(first, (eight_days_ago, eight_days_ago))
    keep_log(log, "link")
    assert second.exists() and not first.exists()


def test_a_worker_does_not_outlive_its_launcher(temporary: Path) -> None:
    with scratch_folder() as folder:
        Heartbeat(str(folder), "parse/en/00000").check()
    dead = of_dead_launcher(temporary)
    for gone in (folder, dead):
        with pytest.raises(AbortedError, match="parse/en/00000 stopped because the run is ending"):
            Heartbeat(str(gone), "parse/en/00000").check()
