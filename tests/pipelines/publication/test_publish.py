"""`mlukit publish` against a stand-in for the Hugging Face Hub."""

import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipelines.publication.hub import TOKEN, Hub, hub
from tests.small_dumps import complaint, run
from tests.small_wikis import build

ROOT = Path(__file__).resolve().parents[3]
NOT_PUBLISHED = ("run.json", "index/", "_work/", "audit/")


@pytest.fixture
def server() -> Iterator[Hub]:
    with hub() as state:
        yield state


@pytest.fixture
def output(built: Path, tmp_path: Path) -> Path:
    """A copy of the output, with files that do not belong to a dataset."""
    copy = shutil.copytree(built, tmp_path / "OUT")
    (copy / "audit").mkdir()
    (copy / "audit/links.json").write_text("{}")
    (copy / "notes.txt").write_text("mine")
    return copy


def publish(server: Hub, folder: Path, *flags: str, token: str = TOKEN) -> subprocess.CompletedProcess[str]:
    """Runs the command in a process of its own: huggingface_hub reads its environment when it is imported."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    environment |= {"HF_ENDPOINT": server.address, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(folder.parent / "home")}
    environment |= {"HF_TOKEN": token} if token else {}
    command = [sys.executable, "-m", "mlukit", "publish", str(folder), "--repo", "me/wiki", *flags]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200)


def files_of(folder: Path) -> dict[str, bytes]:
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: data for name, data in files.items() if not name.startswith(NOT_PUBLISHED) and name != "notes.txt"}


def test_a_dataset_has_the_files_of_the_dataset_and_no_other(server: Hub, output: Path) -> None:
    done = publish(server, output, "--private")
    assert (done.returncode, done.stdout) == (0, f"{output} is at {server.address}/datasets/me/wiki\n"), done.stderr
    assert server.repositories == {"datasets/me/wiki": files_of(output)}
    assert server.private == {"datasets/me/wiki"}
    assert server.tokens - {""} == {f"Bearer {TOKEN}"}
    assert TOKEN not in done.stdout + done.stderr


def test_after_a_failure_the_same_command_continues(server: Hub, output: Path) -> None:
    server.puts_left = 3
    failed = publish(server, output)
    assert failed.returncode == 1 and server.repositories == {"datasets/me/wiki": {}}
    last = failed.stderr.splitlines()[-1]
    assert last.startswith("mlukit publish: the upload to me/wiki failed: ")
    assert last.endswith("Run the same command again to continue") and TOKEN not in failed.stderr
    there = set(server.objects)
    assert there
    server.calls.clear()
    server.puts_left = 1_000
    assert publish(server, output).returncode == 0
    assert server.repositories == {"datasets/me/wiki": files_of(output)}
    assert server.put and not there & set(server.put)


def test_a_smaller_dataset_replaces_a_larger_one(server: Hub, output: Path, dumps: Path, tmp_path: Path) -> None:
    assert publish(server, output).returncode == 0
    server.repositories["datasets/me/wiki"]["mine.txt"] = b"kept"
    small = tmp_path / "small/OUT"
    assert build(dumps, small, "--languages", "de", "--format", "parquet").status == 0
    assert publish(server, small).returncode == 0
    assert server.repositories["datasets/me/wiki"] == {**files_of(small), "mine.txt": b"kept"}


def test_a_dry_run_shows_the_files_and_calls_nobody(server: Hub, output: Path) -> None:
    done = publish(server, output, "--dry-run", token="")
    *lines, total = done.stdout.splitlines()
    shown = {line.split()[1]: int(line.split()[0].replace(",", "")) for line in lines}
    assert shown == {name: len(data) for name, data in files_of(output).items()}
    assert total.startswith(f"{len(shown)} files, ") and total.endswith(" for the dataset me/wiki")
    assert (done.returncode, server.calls) == (0, [])


def test_an_output_that_is_not_whole_is_not_uploaded(server: Hub, output: Path) -> None:
    shard = next((output / "examples/de").glob("train-*.parquet"))
    data = bytearray(shard.read_bytes())
    data[100] ^= 1
    shard.write_bytes(data)
    done = publish(server, output)
    assert done.returncode == 1 and server.repositories == {}
    assert f"is not whole: changed       {shard.relative_to(output)}" in done.stderr
    assert done.stderr.splitlines()[-1].endswith(f"See mlukit verify {output}; nothing was uploaded")


@pytest.mark.parametrize(
    ("token", "said"), [("", "no token of the Hugging Face Hub is set"), ("hf_x", "know the token")]
)
def test_without_the_right_token_nothing_is_read(server: Hub, output: Path, token: str, said: str) -> None:
    done = publish(server, output, token=token)
    assert done.returncode in (1, 2) and server.repositories == {}
    (line,) = done.stderr.splitlines()
    assert said in line and (not token or token not in line)


def test_a_wrong_name_of_a_repository_is_refused(server: Hub, output: Path) -> None:
    done = publish(server, output, "--repo", "me/a b")
    assert done.returncode == 2 and done.stderr.endswith("; accepted: NAME or OWNER/NAME\n"), done.stderr
    assert server.calls == []


def write_model(folder: Path, *, cut: int = 0) -> None:
    """A model folder as `mlukit export` writes it, with one number as its weights."""
    folder.mkdir()
    header = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    data = struct.pack("<Q", len(header)) + header + bytes(4)
    (folder / "model.safetensors").write_bytes(data[: len(data) - cut])
    for name in ("config.json", "entity_vocab.json"):
        (folder / name).write_text("{}")
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# a model\n")


def test_a_model_goes_to_a_repository_of_models(server: Hub, tmp_path: Path) -> None:
    write_model(tmp_path / "MODEL")
    (tmp_path / "MODEL/.cache").write_text("")
    done = publish(server, tmp_path / "MODEL")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path}/MODEL is at {server.address}/me/wiki\n"), done.stderr
    names = ("README.md", "config.json", "entity_vocab.json", "model.safetensors")
    expected = {name: (tmp_path / "MODEL" / name).read_bytes() for name in names}
    assert server.repositories == {"models/me/wiki": expected}


def test_a_model_that_is_cut_off_and_other_folders_are_refused(tmp_path: Path) -> None:
    write_model(tmp_path / "MODEL", cut=2)
    told = complaint(run("publish", tmp_path / "MODEL", "--repo", "me/wiki", "--dry-run"))
    assert told.endswith("bytes, but its header says 73: export the model again"), told
    (tmp_path / "MODEL/model.safetensors").write_bytes(b"weights")
    assert "is not a file of safetensors" in complaint(run("publish", tmp_path / "MODEL", "--repo", "a/b", "--dry-run"))
    told = complaint(run("publish", tmp_path, "--repo", "me/wiki"))
    assert told.startswith(f"mlukit publish: {tmp_path} is neither an output folder of mlukit build")
    assert complaint(run("publish", tmp_path)) == "mlukit publish: --repo is missing (see mlukit publish --help)"
    assert "is not a folder of this machine" in complaint(run("publish", "gs://a/b", "--repo", "me/wiki"))
