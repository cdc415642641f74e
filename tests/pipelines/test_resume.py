"""Runs that stop half-way, at any place and in any way, and the runs that go on from there."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from mlukit.engine import task_transform
from mlukit.engine.step_results import StepResults
from mlukit.engine.task import Task
from mlukit.engine.task_transform import TaskTransform
from tests.small_dumps import (
    IN_MEMORY,
    SmallPage,
    assert_all_accounted,
    checksums,
    complaint,
    load,
    run,
    write_dump,
)
from tests.small_wikis import build

ROOT = Path(__file__).resolve().parents[2]
GOES_ON = "Finished work is kept: run the same command again to continue."


@pytest.fixture
def copied(built: Path, tmp_path: Path) -> Path:
    """The finished output, to be damaged."""
    return Path(shutil.copytree(built, tmp_path / "OUT"))


@pytest.fixture
def own_dumps(dumps: Path, tmp_path: Path) -> Path:
    """The dumps, to be changed."""
    return Path(shutil.copytree(dumps, tmp_path / "dumps"))


@pytest.fixture
def stop_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Makes all tasks fail after some."""
    run_task, left = task_transform.run_task, [0]

    def fail_after(transform: TaskTransform[Any], task: Task) -> StepResults:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(f"no more tasks, {task.name} was next")
        return run_task(transform, task)

    monkeypatch.setattr(task_transform, "run_task", fail_after)
    return lambda number: left.__setitem__(0, number)


def test_a_second_run_does_nothing_and_says_so(copied: Path, dumps: Path, built: Path) -> None:
    times = {path: path.stat().st_mtime_ns for path in copied.rglob("*")}
    ran = build(dumps, copied)
    assert (ran.status, ran.err.splitlines()) == (
        0,
        [f"{stage}: already finished, nothing to do" for stage in ("link", "vocabulary", "examples")],
    )
    assert ran.out.startswith("language  pages  articles")
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert checksums(copied) == checksums(built)


def test_runs_that_stop_after_a_few_units_end_with_the_same_bytes(
    built: Path, dumps: Path, tmp_path: Path, stop_after: Callable[[int], None]
) -> None:
    output, runs = tmp_path / "OUT", 0
    while True:
        stop_after(9)
        ran = build(dumps, output)
        runs += 1
        if ran.status == 0:
            break
        assert ran.status == 1
        assert ran.err.splitlines()[-1].endswith(GOES_ON)
        assert "Traceback" not in ran.err
    assert runs == 6  # 24 tasks, and 6 checksums each time that the link stage goes on
    assert checksums(output) == checksums(built)
    assert_all_accounted(output)


def test_what_a_run_does_again_is_said(dumps: Path, tmp_path: Path, stop_after: Callable[[int], None]) -> None:
    stop_after(8)  # 6 checksums, 2 of 3 dumps
    build(dumps, tmp_path / "OUT")
    assert load(tmp_path / "OUT/run.json") == {"runs": []}
    stop_after(100)
    ran = build(dumps, tmp_path / "OUT")
    said = [line.partition(" in ")[0] + line[line.rfind(")") :] for line in ran.err.splitlines()[:3]]
    assert said == [
        "check sources: 6 of 6 shards) in one process",
        "read dumps: 1 of 3 shards) in one process, 2 were done earlier",
        "build title indexes: 3 of 3 shards) in one process",
    ]
    (linked, *_), steps = load(tmp_path / "OUT/run.json")["runs"], ("check sources", "read dumps")
    done = {step["step"]: (step["tasks_done"], step["tasks_found_done"]) for step in linked["steps"]}
    assert [done[step] for step in steps] == [(6, 0), (1, 2)]
    assert (linked["tasks_done"], linked["tasks_found_done"]) == (6 + 1 + 3 + 3 + 3, 2)


def test_each_run_that_does_a_stage_has_an_entry_of_its_own(built: Path, dumps: Path, tmp_path: Path) -> None:
    output = tmp_path / "OUT"
    shutil.copytree(built, output)
    before = load(output / "run.json")["runs"]
    assert build(dumps, output).status == 0
    assert load(output / "run.json")["runs"] == before  # nothing was done
    (output / "examples.json").unlink()
    assert build(dumps, output).status == 0
    *earlier, last = load(output / "run.json")["runs"]
    assert earlier == before
    assert (last["stage"], [step["step"] for step in last["steps"]]) == ("examples", ["tokenizer", "make examples"])
    assert last["bytes_written"] == before[-1]["bytes_written"]


@pytest.mark.parametrize("seed", range(4))
def test_results_and_shards_that_are_gone_are_made_again(
    built: Path, dumps: Path, tmp_path: Path, stop_after: Callable[[int], None], seed: int
) -> None:
    output = tmp_path / "OUT"
    stop_after(13 + 4 * seed)  # during the stages link, link, vocabulary, examples
    build(dumps, output)
    files = [path for path in output.rglob("*") if path.is_file() and path.name != "run.json"]
    own = [path for path in files if "_work" in path.parts or not (output / "link.json").exists()]
    for path in random.Random(seed).sample(sorted(own), 6):
        if "index" in path.parts:  # its result knows the header alone
            shutil.rmtree(output / path.relative_to(output).parents[-3], ignore_errors=True)
        path.unlink(missing_ok=True)
    (output / "_work/aside").mkdir(parents=True, exist_ok=True)
    (output / "_work/aside/0123").write_bytes(b"half a shard")
    stop_after(100)
    ran = build(dumps, output)
    assert ran.status == 0, ran.err
    assert checksums(output) == checksums(built)


@pytest.mark.parametrize("lost", ["index/ja", "index/ja/carried", "_work/results/index/ja", "_work/results/carry"])
def test_items_carried_are_carried_again_into_an_index_made_again(
    built: Path, dumps: Path, tmp_path: Path, stop_after: Callable[[int], None], lost: str
) -> None:
    stop_after(16)  # one of three articles is resolved
    build(dumps, tmp_path / "OUT")
    shutil.rmtree(tmp_path / "OUT" / lost)
    stop_after(100)
    assert build(dumps, tmp_path / "OUT").status == 0
    assert checksums(tmp_path / "OUT") == checksums(built)


def test_a_shard_cut_off_is_made_again(
    built: Path, dumps: Path, tmp_path: Path, stop_after: Callable[[int], None]
) -> None:
    stop_after(17)  # 6 checksums, 3 dumps, 6 for the index, 2 of 3 resolved
    build(dumps, tmp_path / "OUT")
    done = sorted((tmp_path / "OUT/articles").rglob("*.parquet"))
    assert len([file for file in done if file.name.startswith("train-")]) == 2
    done[0].write_bytes(done[0].read_bytes()[:-7])
    stop_after(100)
    ran = build(dumps, tmp_path / "OUT")
    assert (ran.status, checksums(tmp_path / "OUT")) == (0, checksums(built))


@pytest.mark.parametrize("records", [["examples"], ["vocabulary"], ["link"], ["link", "vocabulary", "examples"]])
def test_a_stage_without_its_record_is_done_again(copied: Path, dumps: Path, built: Path, records: list[str]) -> None:
    for name in records:
        (copied / f"{name}.json").unlink()
    ran = build(dumps, copied)
    assert (ran.status, checksums(copied)) == (0, checksums(built)), ran.err


def test_what_a_stage_left_that_is_not_its_own_is_removed(copied: Path, dumps: Path, built: Path) -> None:
    (copied / "examples.json").unlink()
    (copied / "examples/en/train-00007.parquet").write_bytes(b"of a run with other ranges")
    assert build(dumps, copied).status == 0
    assert checksums(copied) == checksums(built)


@pytest.mark.parametrize(
    ("flags", "stage", "what"),
    [
        (["--range-size", "1MiB"], "link", "range_size = None, now it is 1048576"),
        (["--validation-share", "0.5"], "link", "validation_share = 0.1, now it is 0.5"),
        (["--languages", "de,en"], "link", "languages = ['de', 'en', 'ja'], now it is ['de', 'en']"),
        (["--min-count", "2"], "vocabulary", "min_count = 1, now it is 2"),
        (["--kinds", "article"], "vocabulary", "kinds = ['article', 'list'], now it is ['article']"),
        (["--max-tokens", "64"], "examples", "max_tokens = 512, now it is 64"),
        (["--format", "parquet"], "examples", "format = ['parquet', 'tfrecord'], now it is ['parquet']"),
    ],
)
@pytest.mark.parametrize("finished", [True, False])
def test_other_options_over_old_output_are_an_error(
    copied: Path, dumps: Path, flags: list[str], stage: str, what: str, finished: bool
) -> None:
    if not finished:  # a stage that has but begun
        record = load(copied / f"{stage}.json")
        (copied / f"{stage}.json").unlink()
        plan = {"options": record["options"], "inputs": record["inputs"]}
        (copied / f"_work/{stage}.plan.json").write_text(json.dumps(plan))
    before = checksums(copied)
    ran = build(dumps, copied, *flags)
    assert ran.status == 2
    assert ran.err.splitlines()[-1] == (
        f"mlukit build: the {stage} stage in {copied} was made with {what}: use the same options and inputs, or name "
        "another --output" + f", or delete {stage}.json to redo the stage" * finished
    )
    assert checksums(copied) == before


def test_what_a_run_left_that_was_killed_when_it_had_finished_goes(copied: Path, dumps: Path, built: Path) -> None:
    for name in ("link.plan.json", "results/parse/en/00000.json", "parse/en/articles-00000.parquet", "aside/0123"):
        (copied / "_work" / name).parent.mkdir(parents=True, exist_ok=True)
        (copied / "_work" / name).touch()
    ran = build(dumps, copied)
    assert ran.err.count("already finished, nothing to do") == 3
    assert checksums(copied) == checksums(built)


def test_a_stage_without_its_record_may_have_other_options(copied: Path, dumps: Path, tmp_path: Path) -> None:
    flags = ("--max-tokens", 12, "--format", "parquet", "--include-headings")
    (copied / "examples.json").unlink()
    for output in (copied, tmp_path / "fresh"):
        assert build(dumps, output, *flags).status == 0
    assert checksums(copied) == checksums(tmp_path / "fresh")


def test_another_tokenizer_is_an_error(copied: Path, dumps: Path, tmp_path: Path) -> None:
    model = tmp_path / "other.model"
    model.write_bytes((dumps / "tokenizer.model").read_bytes()[:-12])
    ran = build(dumps, copied, "--sentencepiece-model", model)
    assert ran.status == 2
    assert "the examples stage in " in ran.err and "was made with tokenizer = '" in ran.err


def test_a_dump_of_another_size_is_an_error_that_names_it_alone(copied: Path, own_dumps: Path) -> None:
    dump = own_dumps / "dewiki-20260901-pages-articles.xml.bz2"
    size = dump.stat().st_size
    dump.write_bytes(dump.read_bytes() + b"\0")
    assert complaint(build(own_dumps, copied)) == (
        f"mlukit build: the link stage in {copied} was made with files = [['de', 'dump', '{dump.name}', {size}]], "
        f"now it is [['de', 'dump', '{dump.name}', {size + 1}]]: use the same options and inputs, or name another "
        "--output, or delete link.json to redo the stage"
    )


@pytest.mark.parametrize("finished", [True, False])
def test_a_table_that_nothing_reads_is_no_source(
    own_dumps: Path, tmp_path: Path, built: Path, stop_after: Callable[[int], None], finished: bool
) -> None:
    stop_after(100 if finished else 8)
    build(own_dumps, tmp_path / "OUT")
    stop_after(100)
    (own_dumps / "enwiki-20260901-page.sql.gz").write_bytes(b"not even a table")
    ran = build(own_dumps, tmp_path / "OUT")
    assert ran.status == 0, ran.err
    assert ran.err.count("already finished, nothing to do") == 3 * finished
    assert checksums(tmp_path / "OUT") == checksums(built)


def test_a_dump_of_the_same_size_but_other_content_is_an_error_while_the_stage_is_unfinished(
    own_dumps: Path, tmp_path: Path, built: Path, stop_after: Callable[[int], None]
) -> None:
    stop_after(8)
    build(own_dumps, tmp_path / "OUT")
    stop_after(100)
    dump = own_dumps / "enwiki-20260901-pages-articles.xml.bz2"
    content = dump.read_bytes()
    dump.write_bytes(content[:-1] + b"!")
    ran = build(own_dumps, tmp_path / "OUT")
    assert ran.status == 2
    assert ran.err.splitlines()[-1].startswith(f"mlukit build: {dump.name} has changed: its SHA-256 was ")
    dump.write_bytes(content)
    assert build(own_dumps, tmp_path / "OUT").status == 0
    assert checksums(tmp_path / "OUT") == checksums(built)


@pytest.mark.parametrize(
    ("stage", "path", "content", "what"),
    [
        ("link", "articles/en/train-00000.parquet", None, "articles/en/train-00000.parquet is missing"),
        ("link", "articles/ja/_manifest.json", None, "articles/ja/_manifest.json is missing"),
        ("vocabulary", "vocabulary/vocabulary.jsonl", b"{}", "vocabulary/vocabulary.jsonl has changed from "),
        ("examples", "examples/de/train-00000.tfrecord.gz", b"", "tfrecord.gz has changed from "),
    ],
)
def test_a_finished_stage_whose_files_are_gone_or_changed_is_an_error(
    copied: Path, dumps: Path, built: Path, stage: str, path: str, content: bytes | None, what: str
) -> None:
    if content is None:
        (copied / path).unlink()
    else:
        (copied / path).write_bytes(content)
    ran = build(dumps, copied)
    last = ran.err.splitlines()[-1]
    assert ran.status == 2
    assert last.startswith(f"mlukit build: {copied}: the {stage} stage is finished, but ") and what in last
    assert last.endswith(f": delete {stage}.json to redo the stage")
    (copied / f"{stage}.json").unlink()
    assert build(dumps, copied).status == 0
    assert checksums(copied) == checksums(built)


def test_a_vocabulary_of_other_articles_is_an_error(copied: Path, dumps: Path) -> None:
    record = (copied / "vocabulary.json").read_text()
    fingerprint = load(copied / "vocabulary.json")["inputs"]["link"]
    (copied / "vocabulary.json").write_text(record.replace(fingerprint, "0123456789abcdef"))
    (copied / "examples.json").unlink()
    ran = run("examples", "--output", copied, "--sentencepiece-model", dumps / "tokenizer.model", IN_MEMORY)
    assert complaint(ran) == (
        f"mlukit examples: {copied}: the articles have changed since the vocabulary was made: "
        "delete vocabulary/, mentions/ and vocabulary.json, then run mlukit vocabulary again"
    )


@pytest.mark.parametrize("stage", ["vocabulary", "examples"])
def test_a_stage_without_the_one_before_it_is_an_error(dumps: Path, tmp_path: Path, stage: str) -> None:
    flags = ("--sentencepiece-model", dumps / "tokenizer.model") if stage == "examples" else ()
    output = tmp_path / "OUT"
    assert complaint(run(stage, "--output", output, *flags)) == (
        f"mlukit {stage}: {output} has no finished link stage, which {stage} needs: run mlukit link first"
    )
    assert not output.exists()


# Processes that are killed.

SLOW = """
import sys, time
from mlukit.command_line import run
from mlukit.engine import task_transform

def slowly(*arguments, run_task=task_transform.run_task):
    done = run_task(*arguments)
    time.sleep(0.1)
    return done

task_transform.run_task = slowly
run()
"""


def start(*arguments: str, temporary: Path | None = None) -> subprocess.Popen[str]:
    """Runs mlukit in a process of its own, which rests after each task that it does itself.

    Args:
        temporary: where its workers report to it.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT)} | ({"TMPDIR": str(temporary)} if temporary else {})
    return subprocess.Popen(
        [sys.executable, "-c", SLOW, *arguments], env=environment, stderr=subprocess.PIPE, text=True
    )


def start_build(dumps: Path, output: Path) -> subprocess.Popen[str]:
    return start(
        *("build", "--dumps", str(dumps), "--output", str(output), IN_MEMORY),
        *("--sentencepiece-model", str(dumps / "tokenizer.model"), "--min-languages", "1", "--validation-share", "0.1"),
    )


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)


def test_a_launcher_that_is_killed_again_and_again(built: Path, dumps: Path, tmp_path: Path) -> None:
    output = tmp_path / "OUT"
    for place in ("_work/results/parse/en/00000.json", "_work/results/count/ja/00000.json"):
        process = start_build(dumps, output)
        wait_for(lambda path=output / place: path.exists(), process)  # type: ignore[misc]
        process.kill()
        process.communicate()
    ran = build(dumps, output)
    assert ran.status == 0, ran.err
    assert ran.err.startswith("link: already finished, nothing to do\n")
    assert checksums(output) == checksums(built)


def test_a_worker_that_is_killed_is_named_and_the_run_goes_on(tmp_path: Path) -> None:
    text = "".join(f"* [[Target {i}|number {i}]] in a line of its own\n" for i in range(300))
    write_dump(tmp_path, "en", [SmallPage(i + 1, f"Page {i}", text) for i in range(200)])
    flags = ("link", "--dumps", str(tmp_path), "--allow-unresolved")
    output, whole = tmp_path / "OUT", tmp_path / "whole"
    workers = ("--direct_running_mode=multi_processing", "--direct_num_workers=1")
    process = start(*flags, "--output", str(output), *workers, temporary=tmp_path)
    launcher = psutil.Process(process.pid)
    wait_for(lambda: any("parse/en" in _content(path) for path in tmp_path.glob("mlukit-*/worker-*.json")), process)
    (worker,) = [worker for child in launcher.children() for worker in child.children()]
    worker.kill()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    last = said.splitlines()[-1]
    named = f"mlukit link: a worker process died while it worked on parse/en/00000 (process {worker.pid}, "
    assert last.startswith(named) and last.endswith(f"Out of memory, or killed by hand? {GOES_ON}")
    assert not worker.is_running()
    for folder in (output, whole):
        assert run(*flags, "--output", folder, IN_MEMORY).status == 0
    assert checksums(output) == checksums(whole)


def _content(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:  # the worker has just ended
        return ""


def test_two_runs_at_once_do_not_get_in_each_others_way(built: Path, dumps: Path, tmp_path: Path) -> None:
    output = tmp_path / "OUT"
    process = start_build(dumps, output)
    wait_for(lambda: (output / "_work/results/checksum").exists(), process)
    said = f"mlukit build: another run uses {output}: wait until that run ends, or name another --output"
    assert complaint(build(dumps, output)) == said
    process.communicate(timeout=120)
    assert process.returncode == 0
    assert checksums(output) == checksums(built)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_says_how_to_go_on(dumps: Path, tmp_path: Path, number: signal.Signals) -> None:
    output = tmp_path / "OUT"
    process = start_build(dumps, output)
    wait_for(lambda: (output / "_work/results/parse").exists(), process)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.endswith(f"\nmlukit build: stopped. {GOES_ON}\n") and "Traceback" not in said


def test_quiet_verbose_and_a_log_file(copied: Path, dumps: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    quiet = build(dumps, copied, "--quiet", "--log-file", log)
    assert (quiet.status, quiet.out, quiet.err) == (0, "", "")
    assert [line.split(" ", 2)[2] for line in log.read_text().splitlines()] == [
        f"INFO {stage}: already finished, nothing to do" for stage in ("link", "vocabulary", "examples")
    ]
    account, blank, rest = build(dumps, copied, "-v").out.partition("\n\n")
    assert account == (copied / "account.txt").read_text().rstrip("\n")
    assert blank and rest.startswith("language  pages")
    refused = build(dumps, copied, "--log-file", tmp_path / "no" / "log.txt")
    assert refused.status == 2
    assert (
        refused.err
        == f"mlukit build: --log-file {tmp_path}/no/log.txt cannot be written to: No such file or directory\n"
    )
