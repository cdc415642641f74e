"""A run that is broken off goes on as if it had not been: the same losses, to the last bit."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlukit.pretraining.train import main
from mlukit.pretraining.training.run_folder import (
    RunFolderError,
    checkpoints,
    cut_lines,
    damage,
    last_whole_checkpoint,
    write_manifest,
)
from tests.pretraining.small_dataset import ROOT, SMALL_RUN, command, environment, metrics

SLOW_RUN = [*SMALL_RUN, "--steps", "100", "--checkpoint-interval", "7", "--validation-interval", "50"]


def steps_done(run: Path) -> int:
    file = run / "metrics.jsonl"
    return file.read_bytes().count(b'"train"') if file.exists() else 0


def broken_off(run: Path, words: list[str], after: int, number: signal.Signals) -> tuple[int, str]:
    """Starts a run, sends a signal after so many steps more or a little later; status and what was said."""
    before = steps_done(run)
    process = subprocess.Popen(
        command("train", *words),
        env=environment(),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + 100
    while steps_done(run) < before + after and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(number)
    out, _ = process.communicate(timeout=100)
    return process.returncode, out


def test_signals_and_kills_leave_no_trace_in_the_losses(small_dataset: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert main(["--examples", str(small_dataset), "--output", str(whole), *SLOW_RUN]) == 0

    begin = ["--examples", str(small_dataset), "--output", str(broken), *SLOW_RUN]
    status, output = broken_off(broken, begin, 10, signal.SIGTERM)
    assert status == 128 + signal.SIGTERM, output
    done = checkpoints(broken)[0][0]
    assert 10 <= done < 100 and steps_done(broken) == done
    assert f"SIGTERM: saved after step {done}; to continue: mlukit train --resume {broken}" in output

    for after in (3, 17):
        status, output = broken_off(broken, ["--resume", str(broken)], after, signal.SIGKILL)
        assert status == -signal.SIGKILL, output
    assert 0 < steps_done(broken) < 100
    assert main(["--resume", str(broken)]) == 0
    assert metrics(broken) == metrics(whole)
    starts = json.loads((broken / "run.json").read_text())["starts"]
    assert [start["after_step"] for start in starts][:2] == [0, done] and len(starts) == 4


@pytest.fixture(scope="module")
def finished(small_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "finished"
    assert main(["--examples", str(small_dataset), "--output", str(run), *SMALL_RUN]) == 0
    return run


@pytest.mark.parametrize(
    ("file", "size"), [("model.safetensors", 100), ("training/.metadata", 0), ("manifest.json", 20), ("training", None)]
)
def test_a_damaged_checkpoint_is_passed_over(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str, size: int | None
) -> None:
    run = shutil.copytree(finished, tmp_path / "run")
    last = checkpoints(run)[0][1]
    if size is None:
        shutil.rmtree(last / file)
    else:
        os.truncate(last / file, size)
    assert main(["--resume", str(run)]) == 0
    output = capsys.readouterr().err
    assert f"passing over {last}: " in output and file in output
    assert metrics(run) == metrics(finished)
    assert [steps for steps, _ in checkpoints(run)] == [12, 8, 4]
    assert damage(last) == ""


def test_damage_of_one_bit(finished: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(checkpoints(finished)[0][1], tmp_path / "step")
    assert damage(folder) == ""
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(content)
    assert damage(folder).startswith(f"model.safetensors has {len(content)} bytes and SHA-256 ")


def test_no_whole_checkpoint_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints" / "step-00000003"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    heard: list[str] = []
    with pytest.raises(RunFolderError, match="has no whole checkpoint"):
        last_whole_checkpoint(tmp_path, heard.append)
    assert "manifest.json cannot be read" in heard[0]
    (folder / "training").mkdir()
    (folder / "training/.metadata").write_bytes(b"moments")
    write_manifest(folder, 3)
    assert last_whole_checkpoint(tmp_path, heard.append) == (3, folder)


def test_what_a_killed_process_left_is_taken_away(finished: Path, tmp_path: Path) -> None:
    run = shutil.copytree(finished, tmp_path / "run")
    shutil.rmtree(checkpoints(run)[0][1])
    half = run / "checkpoints" / ".writing-step-00000012"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")
    assert main(["--resume", str(run)]) == 0
    assert not half.exists() and checkpoints(run)[0][0] == 12


def test_files_of_others_among_the_checkpoints_stay(finished: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    shutil.rmtree(checkpoints(run)[0][1])
    strangers = [run / "checkpoints" / name for name in (".DS_Store", ".writing-step-notes", "notes", "step-1")]
    for file in strangers:
        file.write_bytes(b"not ours")
    (run / "checkpoints/.kept").mkdir()
    (run / "checkpoints/.kept/best.txt").write_text("step 4")
    assert main(["--resume", str(run), "--checkpoints-kept", "1"]) == 0
    assert [steps for steps, _ in checkpoints(run)] == [12]
    assert all(file.read_bytes() == b"not ours" for file in strangers)
    assert (run / "checkpoints/.kept/best.txt").read_text() == "step 4"


def test_an_old_checkpoint_that_cannot_be_removed_does_not_end_the_run(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    shutil.rmtree(checkpoints(run)[0][1])

    def refuse(folder: Path) -> None:
        raise OSError(39, "Directory not empty", str(folder))

    monkeypatch.setattr("mlukit.pretraining.training.checkpoint.shutil.rmtree", refuse)
    assert main(["--resume", str(run), "--checkpoints-kept", "2"]) == 0
    assert f"the old checkpoint {run}/checkpoints/step-00000004 cannot be removed" in capsys.readouterr().err


def test_a_full_disk_is_one_line_and_leaves_no_half_checkpoint(small_dataset: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    limited = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)); "
    words = ["train", "--examples", str(small_dataset), "--output", str(run), *SMALL_RUN]
    program = f"{limited}from mlukit.command_line import main; sys.exit(main({words!r}))"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), cwd=ROOT, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 1, done.stderr
    assert done.stderr.splitlines()[-1] == (
        "mlukit train: the checkpoint of step 0 cannot be written: [Errno 27] File too large"
    )
    assert "Traceback" not in done.stderr
    assert list((run / "checkpoints").iterdir()) == []
    assert main(["--resume", str(run)]) == 0
    assert checkpoints(run)[0][0] == 12


def test_lines_after_a_checkpoint_are_cut(tmp_path: Path) -> None:
    file, heard = tmp_path / "metrics.jsonl", list[str]()
    file.write_text('{"step": 1}\n{"step": 3}\n{"step": 2}')
    cut_lines(file, 2, heard.append)
    assert (file.read_text(), heard) == ('{"step": 1}\n{"step": 2}\n', [])
    damaged = (
        "\0garbage",
        "[1]",
        "null",
        "{}",
        '{"step": "1"}',
        '{"step": 1, "word_lo{"step": 2}',
        "[" * 9_000,
        '{"st',
    )
    file.write_text("\n".join(['{"step": 1}', *damaged[:-1], '{"step": 2}', damaged[-1]]))
    cut_lines(file, 2, heard.append)
    assert file.read_text() == '{"step": 1}\n{"step": 2}\n'
    assert heard == [f"{file} had 8 damaged lines, dropped now; the weights are not concerned"]


def test_a_disk_that_refuses_is_one_error(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = shutil.copytree(finished, tmp_path / "run")
    shutil.rmtree(checkpoints(run)[0][1])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mlukit.pretraining.training.checkpoint.save_file", full)
    assert main(["--resume", str(run)]) == 1
    reason = "the checkpoint of step 12 cannot be written: [Errno 28] No space left on device"
    assert capsys.readouterr().err.splitlines()[-1] == f"mlukit train: {reason}; {run} has the checkpoints before it"
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == ["step-00000004", "step-00000008"]
    monkeypatch.undo()
    assert main(["--resume", str(run)]) == 0
    assert metrics(run) == metrics(finished)
