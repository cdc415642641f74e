"""Dumps and output on S3: a real server, real worker processes, and failures in the middle."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.s3_server import BUCKET, S3Server
from tests.small_dumps import IN_MEMORY, Ran, run

OUT = f"s3://{BUCKET}/out/of/2026"


@pytest.fixture(scope="module")
def server(dumps: Path) -> Iterator[S3Server]:
    """The dumps of the small wikis lie under s3://bucket/dumps."""
    server = S3Server()
    server.put_folder(dumps, "dumps")
    yield server
    server.close()


@pytest.fixture(autouse=True)
def empty_output(server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for key in server.keys("out/"):
        server.client.delete_object(Bucket=BUCKET, Key=key)
    server.calls.clear()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))  # where copies of indexes are kept


def arguments(server: S3Server, *flags: object) -> tuple[object, ...]:
    return (
        *("build", "--dumps", f"s3://{BUCKET}/dumps", "--output", OUT, *server.flags),
        *("--sentencepiece-model", f"s3://{BUCKET}/dumps/tokenizer.model"),
        *("--min-languages", 1, "--validation-share", 0.1, *flags),
    )


def build(server: S3Server, *flags: object) -> Ran:
    return run(*arguments(server, *(flags or (IN_MEMORY,))))


def assert_same(server: S3Server, built: Path) -> None:
    """The output is, byte for byte, that of a build on a local disk, and there is nothing else."""
    local = {path.relative_to(built).as_posix(): path.read_bytes() for path in built.rglob("*") if path.is_file()}
    files = server.objects("out/of/2026")
    assert sorted(files) == sorted(local)
    assert [path for path, content in files.items() if path != "run.json" and content != local[path]] == []


def test_the_same_bytes_as_on_a_local_disk(server: S3Server, built: Path) -> None:
    ran = build(server)
    assert ran.status == 0, ran.err
    assert_same(server, built)


WORKERS = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")


def test_worker_processes_are_told_where_the_server_is(server: S3Server, built: Path) -> None:
    ran = build(server, *WORKERS)
    assert ran.status == 0, ran.err
    assert_same(server, built)
    again = build(server)
    assert (again.status, again.err.count("finished before, nothing to do")) == (0, 3)
    assert server.get("out/of/2026/run.json").count(b"never shown") == 0
    flags = json.loads(server.get("out/of/2026/run.json"))["runs"][0]["beam_flags"]
    assert [flag for flag in flags if "key" in flag] == ["--s3_access_key_id=…", "--s3_secret_access_key=…"]
