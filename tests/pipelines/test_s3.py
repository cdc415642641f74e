"""Dumps and output on S3: a real server, real worker processes, and failures in the middle."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from threading import Event

import psutil
import pytest
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from mlukit.engine.storage import Storage
from tests.s3_server import BUCKET, Call, S3Server, never
from tests.small_dumps import IN_MEMORY, Ran, complaint, run

ROOT = Path(__file__).resolve().parents[2]
WORKERS = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")
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
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
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
    assert b"never shown" not in server.get("out/of/2026/run.json")
    flags = json.loads(server.get("out/of/2026/run.json"))["runs"][0]["beam_flags"]
    assert [flag for flag in flags if "key" in flag] == ["--s3_access_key_id=…", "--s3_secret_access_key=…"]
    server.calls.clear()
    again = build(server)
    assert (again.status, again.err.count("already finished, nothing to do")) == (0, 3)
    looked_at = {call.key for call in server.calls if call.key.startswith("out/") and call.what in ("GET", "HEAD")}
    assert {
        key for key in looked_at if not key.endswith((".json", "/account.txt", "/README.md"))
    } == set()  # shards are in listings
    assert {call.what for call in server.calls} == {"LIST", "HEAD", "GET"}


@pytest.fixture
def storage(server: S3Server) -> Storage:
    FileSystems.set_options(PipelineOptions(list(server.flags)))
    return Storage(OUT)


def test_what_is_asked_of_the_server_for_a_file(storage: Storage, server: S3Server) -> None:
    def calls() -> list[str]:
        asked = [call.what for call in server.calls]
        server.calls.clear()
        return asked

    storage.write_json("a/b.json", 1)
    assert calls() == ["CREATE", "PART", "COMPLETE", "HEAD", "COPY", "DELETE", "LIST"]
    storage.read_json("a/b.json")
    assert calls() == ["HEAD", "GET"]
    assert storage.sizes() == {"a/b.json": 2}
    storage.delete("a")
    assert calls() == ["LIST", "LIST", "DELETE"]
    storage.delete("a")
    assert (calls(), server.keys("out/")) == (["LIST"], [])


def test_an_empty_file(storage: Storage) -> None:
    with storage.write("a"):
        pass
    assert storage.sizes() == {"a": 0}
    assert storage.open("a").read() == b""


def test_a_file_is_there_throughout_when_an_attempt_publishes_it_again(storage: Storage, server: S3Server) -> None:
    seen = []

    def look(call: Call) -> bool:
        seen.append((call.what, server.get("out/of/2026/a")))
        return False

    with storage.write("a") as late:
        late.write(b"the bytes")
        with storage.write("a") as fast:
            fast.write(b"the bytes")
        server.fails = look
    server.fails = never
    assert [what for what, _ in seen] == ["CREATE", "PART", "COMPLETE", "HEAD", "COPY", "DELETE", "LIST"][1:]
    assert {content for _, content in seen} == {b"the bytes"}
    assert server.keys("out/") == ["out/of/2026/a"]


def test_a_writer_that_fails_leaves_nothing(storage: Storage, server: S3Server) -> None:
    with pytest.raises(RuntimeError), storage.write("a") as stream:
        stream.write(b"half")
        raise RuntimeError
    with pytest.raises(OSError, match="500"), server.failing(lambda call: call.what == "COPY"), storage.write("a"):
        pass
    assert server.keys("out/") == []


def test_a_server_that_fails_for_a_while_is_asked_again(
    storage: Storage, server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed: set[Call] = set()

    def first_time(call: Call) -> bool:
        asked = call in failed
        failed.add(call)
        return not asked

    with server.failing(first_time):
        storage.write_json("a.json", 1)
        assert storage.read_json("a.json") == 1
        assert storage.sizes() == {"a.json": 2}
        storage.delete("a.json")
    assert server.keys("out/") == []


def fail_from(what: str, number: int) -> Callable[[Call], bool]:
    """The server fails for ever at calls of one kind, after some of them."""
    left = count(number, -1)
    return lambda call: call.what == what and call.key != "" and next(left) <= 0


FAULTS = [("PART", 9), ("COMPLETE", 6), ("COPY", 12), ("HEAD", 60), ("GET", 30), ("LIST", 250), ("COPY", 30)]


def test_runs_that_the_server_fails_end_with_one_error_and_go_on(server: S3Server, built: Path) -> None:
    for what, number in FAULTS:
        with server.failing(fail_from(what, number)):
            ran = build(server)
        assert (ran.status, ran.out) == (1, ""), (what, ran)
        assert "500" in ran.err.splitlines()[-1] and "Traceback" not in ran.err, (what, ran.err)
    ran = build(server)
    assert ran.status == 0, ran.err
    assert_same(server, built)


def test_what_is_wrongly_asked_is_one_error(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for flag, said in (
        ("--s3_endpoint_url=http://127.0.0.1:1", 'Could not connect to the endpoint URL: "http://127.0.0.1:1/'),
        ("--output=s3://elsewhere/out", "The specified bucket does not exist"),
        ("--output=s3://bucket/o[u]t", "--output s3://bucket/o[u]t: a name on an object store"),
    ):
        assert said in complaint(build(server, IN_MEMORY, flag))


# Processes of their own.

RESOLVE = """
import sys
from contextlib import closing
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from mlukit.engine.errors import RunError, report_errors
from mlukit.engine.launch.run_pipeline import run_pipeline
from mlukit.engine.launch.pipeline_process import PipelineProcess
from mlukit.engine.launch.progress import Progress
from mlukit.engine.steps import Step
from mlukit.engine.launch.workers import Workers
from mlukit.schemas import layout
from mlukit.transforms.resolve_links import ParsedShard, ResolveShards

root, *flags = sys.argv[1:]
LANGUAGES = ("de", "en", "ja")

def plan():
    return [ParsedShard(code, 0, 1, layout.parsed_articles(code, 0)) for code in LANGUAGES]

def graph(pipeline, workplace):
    return [pipeline | Step("link", "resolve", plan, [ResolveShards(workplace, LANGUAGES, 0.1, ("parquet",))])]

def work():
    with closing(PipelineProcess()) as process:
        FileSystems.set_options(PipelineOptions(flags))
        run_pipeline(process, "resolve", graph, root, Workers("DirectRunner", 2), tuple(flags), Progress("here"))
    return 0

sys.exit(report_errors("resolve", work, refused=(), failed=(RunError,), after_stop=""))
"""


def start(temporary: Path, *words: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)}
    command = [sys.executable, *map(str, words)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


class Hang:
    """Lets a server hang from the first call that a test waits for, until it is let go."""

    def __init__(self, what: str, prefix: str) -> None:
        self._what, self._prefix = what, prefix
        self.reached, self.let_go = Event(), Event()

    def __call__(self, call: Call) -> bool:
        if call.what == self._what and call.key.startswith(self._prefix):
            self.reached.set()
            self.let_go.wait(120)
        return False


def test_a_run_that_was_killed_gives_its_lease_up(server: S3Server, tmp_path: Path, built: Path) -> None:
    hang = Hang("PART", "out/of/2026/_work/aside")
    with server.failing(lambda call: bool(server.keys("out/of/2026/_work/leases")) and hang(call)):
        process = start(tmp_path, "-m", "mlukit", *arguments(server, IN_MEMORY))
        assert hang.reached.wait(150)
        server.fails = never
        said = complaint(build(server))
        who = f"{psutil.Process().username()} on {platform.node()}, process {process.pid}, since "
        assert said.startswith(f"mlukit build: another run uses {OUT} ({who}")
        assert said.endswith("seconds): wait until that run ends, or name another --output")
        process.kill()
        process.communicate()
        hang.let_go.set()
    assert build(server).status == 0
    assert_same(server, built)


def worker_that_fetches(process: subprocess.Popen[str]) -> psutil.Process:
    for worker in psutil.Process(process.pid).children(recursive=True):
        if any(file.path.endswith(".part") for file in worker.open_files()):
            return worker
    raise AssertionError("no worker fetches an index")


def test_two_workers_fetch_the_indexes_once_also_after_one_was_killed_meanwhile(
    server: S3Server, built: Path, tmp_path: Path
) -> None:
    with server.failing(lambda call: call.what == "COPY" and "/articles/" in call.key):
        assert build(server).status == 1
    machine = tmp_path / "machine"  # whose folder for temporary files has no indexes yet
    machine.mkdir()
    (machine / "resolve.py").write_text(RESOLVE)
    words = (machine / "resolve.py", OUT, *server.flags, *WORKERS)
    hang = Hang("GET", "out/of/2026/index/")
    with server.failing(hang):
        process = start(machine, *words)
        assert hang.reached.wait(150)
        worker_that_fetches(process).kill()
        _, said = process.communicate(timeout=60)
        hang.let_go.set()
    assert "a worker process died while it worked on resolve/" in said
    (half,) = (machine / f"mlukit-index-{os.getuid()}/files").glob("*.part")
    server.calls.clear()
    process = start(machine, *words)
    _, said = process.communicate(timeout=150)
    assert process.returncode == 0, said
    fetched = [call.key for call in server.calls if call.what == "GET" and call.key.startswith("out/of/2026/index/")]
    assert sorted(fetched) == [key for key in server.keys("out/of/2026/index/") if server.get(key)]
    assert not half.exists()
    ran = build(server)
    assert "resolve links" not in ran.err  # it was done
    assert_same(server, built)
