"""Builds on a Flink cluster of this machine, whose processes are killed in the middle: the bytes are the same.

Java, Maven and the registries of both are needed; the jars are fetched once, which takes a minute or two.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.small_dumps import IN_MEMORY, SmallPage, checksums, dump_xml, run, write_items
from tools.flink.__main__ import differences
from tools.flink.cluster import Cluster
from tools.flink.fetch_jars import FetchError, fetch_jars

ROOT = Path(__file__).resolve().parents[2]
RANGES = 24
LIMIT = 400  # seconds for a build, on a machine that may have other work
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of two task managers; whatever tests did to it, none of its processes is left."""
    try:
        jars = fetch_jars(ROOT / ".flink")
    except FetchError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("flink") / "cluster"
    with Cluster(jars, folder) as cluster:
        workers = psutil.Process(cluster.worker_pool.pid).children(recursive=True) if cluster.worker_pool else []
        yield cluster
        workers += cluster.workers()
    assert psutil.wait_procs(workers, timeout=10)[1] == []
    assert [command for command in _commands() if str(folder) in command] == []


def _commands() -> Iterator[str]:
    for process in psutil.process_iter():
        try:
            yield " ".join(process.cmdline())
        except psutil.Error:  # it has just ended
            continue


@pytest.fixture(scope="module")
def long_dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dump that --range-size cuts into many tasks, each of which takes a moment."""
    folder = tmp_path_factory.mktemp("long")
    pages = [SmallPage(i + 1, f"Page {i}", _text(i)) for i in range(RANGES * 30)]
    (folder / "enwiki-20260901-pages-articles.xml").write_text(dump_xml("en", pages))
    write_items(folder, "en", {page.page_id: page.page_id for page in pages if page.page_id % 3})
    return folder


def _text(number: int) -> str:
    return "".join(f"* [[Page {(number * 7 + i) % 1000}|number {i}]] in a line of its own\n" for i in range(350))


def flags_of(dumps: Path) -> list[str]:
    size = (dumps / "enwiki-20260901-pages-articles.xml").stat().st_size
    return ["link", "--dumps", str(dumps), "--range-size", str(size // RANGES + 1)]


@pytest.fixture(scope="module")
def linked(long_dump: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What DirectRunner makes of the long dump."""
    output = tmp_path_factory.mktemp("direct") / "OUT"
    ran = run(*flags_of(long_dump), "--output", output, IN_MEMORY)
    assert ran.status == 0, ran.err
    assert len(list((output / "articles/en").glob("train-*.parquet"))) == RANGES
    return output


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Runs mlukit in a process of its own, which the test's end ends."""
    started = []

    def start(*arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "mlukit", *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, cwd=ROOT)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def wait_for_the_middle(output: Path, process: subprocess.Popen[str]) -> None:
    """Returns when some articles are parsed, but not all."""
    deadline = time.monotonic() + LIMIT
    while not _parsed(output):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.005)
    assert _parsed(output) < RANGES


def _parsed(output: Path) -> int:
    return len(list((output / "_work/results/parse/en").glob("*.json")))


def ended_well(process: subprocess.Popen[str]) -> None:
    _, said = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, said


def last_fault(cluster: Cluster, before: set[str]) -> list[str]:
    """What went wrong in jobs that were not there before."""
    return [fault for job in cluster.jobs().keys() - before for fault in cluster.faults(job)]


def workers_of(cluster: Cluster) -> set[int]:
    """Pids. Where a task manager was killed, Beam (2.62) may forget an idle worker of another one."""
    return {worker.pid for worker in cluster.workers()}


Start = Callable[..., subprocess.Popen[str]]


def test_a_build_on_flink_has_the_bytes_of_one_in_this_process(
    cluster: Cluster, start: Start, dumps: Path, counted: Path, tmp_path: Path
) -> None:
    output = tmp_path / "OUT"
    model = (
        "--sentencepiece-model",
        dumps / "tokenizer.model",
        "--min-languages",
        1,
        "--validation-share",
        0.1,
        "--link-probability",
    )
    ended_well(start("build", "--dumps", dumps, "--output", output, *model, *cluster.beam_flags))
    assert differences(output, counted) == []
    assert checksums(output) == checksums(counted)
    assert list(cluster.jobs().values()) == ["FINISHED"]  # one job a command


def test_a_task_manager_killed_in_the_middle(
    cluster: Cluster, start: Start, long_dump: Path, linked: Path, tmp_path: Path
) -> None:
    output, before = tmp_path / "OUT", set(cluster.jobs())
    process = start(*flags_of(long_dump), "--output", output, *cluster.beam_flags)
    wait_for_the_middle(output, process)
    cluster.task_managers[0].kill()
    assert _parsed(output) < RANGES
    cluster.start_task_manager()
    ended_well(process)
    assert last_fault(cluster, before)
    assert checksums(output) == checksums(linked)


def test_a_worker_killed_in_the_middle(
    cluster: Cluster, start: Start, long_dump: Path, linked: Path, tmp_path: Path
) -> None:
    output, before, idle = tmp_path / "OUT", set(cluster.jobs()), workers_of(cluster)
    process = start(*flags_of(long_dump), "--output", output, *cluster.beam_flags)
    wait_for_the_middle(output, process)
    os.kill(max(workers_of(cluster) - idle), signal.SIGKILL)
    assert _parsed(output) < RANGES
    ended_well(process)
    assert last_fault(cluster, before)
    assert checksums(output) == checksums(linked)


def test_ctrl_c_ends_the_job(cluster: Cluster, start: Start, long_dump: Path, linked: Path, tmp_path: Path) -> None:
    output, before, idle = tmp_path / "OUT", set(cluster.jobs()), workers_of(cluster)
    process = start(*flags_of(long_dump), "--output", output, *cluster.beam_flags)
    wait_for_the_middle(output, process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=LIMIT)
    assert process.returncode == 130
    assert said.endswith("\nmlukit link: stopped. Finished work is kept: run the same command again to continue.\n")
    deadline = time.monotonic() + 90
    while "RUNNING" in cluster.jobs().values() or workers_of(cluster) - idle:
        assert time.monotonic() < deadline, (cluster.jobs(), cluster.workers())
        time.sleep(0.1)
    assert _parsed(output) < RANGES
    assert len(cluster.jobs().keys() - before) == 1
    assert run(*flags_of(long_dump), "--output", output, IN_MEMORY).status == 0
    assert checksums(output) == checksums(linked)
