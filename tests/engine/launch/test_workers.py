"""Which workers a run has."""

import os
from pathlib import Path

import pytest

from mlukit.engine.errors import RefusedError
from mlukit.engine.launch.workers import FLINK_VERSION, SMALL, Workers, choose_workers, complete_flags

ROOT = Path(__file__).resolve().parents[3]
CORES = os.cpu_count() or 1


@pytest.mark.parametrize(
    ("size", "flags", "workers"),
    [
        (SMALL, "", Workers("DirectRunner", CORES)),
        (SMALL - 1, "", Workers("DirectRunner", 0)),
        (1, "--direct_num_workers=3", Workers("DirectRunner", 3)),
        (1, "--direct_num_workers=0", Workers("DirectRunner", CORES)),
        (1, "--direct_running_mode=multi_processing", Workers("DirectRunner", 1)),
        (SMALL, "--direct_running_mode=in_memory", Workers("DirectRunner", 0)),
        (SMALL, "--runner=directrunner --direct_num_workers=2", Workers("DirectRunner", 2)),
        (1, "--runner=PortableRunner", Workers("PortableRunner", 0)),
    ],
)
def test_the_user_s_flags_say_else_the_size_of_the_input(size: int, flags: str, workers: Workers) -> None:
    assert choose_workers(size, flags.split()) == workers


def test_in_words() -> None:
    words = [
        str(Workers(runner, number))
        for runner, number in (("DirectRunner", 2), ("DirectRunner", 1), ("DirectRunner", 0), ("Flink", 0))
    ]
    assert words == ["in 2 worker processes", "in 1 worker process", "in one process", "on Flink"]


@pytest.mark.parametrize("flags", ["", "--runner=DirectRunner", "--direct_running_mode=multi_processing"])
def test_the_number_of_workers_is_the_user_s(flags: str) -> None:
    assert choose_workers(1, complete_flags(flags.split(), 3)) == Workers("DirectRunner", 3)


def test_flags_without_anything_to_add_stay_as_they_are() -> None:
    for flags in ([], ["--direct_num_workers", "2"], ["--runner=DataflowRunner", "--num_workers=4"]):
        assert complete_flags(flags, 0) == flags


def test_flink_has_the_version_of_the_documents_unless_the_user_names_one() -> None:
    assert complete_flags(["--runner=FlinkRunner"], 0) == ["--runner=FlinkRunner", f"--flink_version={FLINK_VERSION}"]
    for flags in (
        ["--runner=FlinkRunner", "--flink_version", "2.0"],
        ["--runner=flinkrunner", "--flink_job_server_jar=x"],
    ):
        assert complete_flags(flags, 0) == flags
    for name in ("docs/flink.md", "tools/flink/pom.xml", "tools/flink/fetch_jars.py"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert f"flink:{FLINK_VERSION}" in text or f"flink-{FLINK_VERSION}<" in text or f"=={FLINK_VERSION}." in text


@pytest.mark.parametrize(
    ("flags", "workers", "said"),
    [
        (
            "--num_workers=2",
            0,
            "--num_workers is for Dataflow; on this machine, --workers N sets the number of worker processes",
        ),
        ("--max_num_workers 2", 3, "--max_num_workers is for Dataflow; on this machine, "),
        (
            "--runner=FlinkRunner --num_workers=2",
            0,
            "with --runner FlinkRunner, --parallelism N sets the number of task slots",
        ),
        (
            "--runner=FlinkRunner",
            2,
            "--workers 2 is for a run on this machine; with --runner FlinkRunner, use --parallelism",
        ),
        ("--runner=DataflowRunner", 2, "with --runner DataflowRunner, use --num_workers"),
        ("--direct_num_workers=4", 2, "--workers 2 and --direct_num_workers mean the same: give only one of them"),
        ("--direct_running_mode=in_memory", 2, "--direct_running_mode=in_memory has none: give only one of them"),
    ],
)
def test_a_number_that_would_be_ignored_is_refused(flags: str, workers: int, said: str) -> None:
    with pytest.raises(RefusedError) as error:
        complete_flags(flags.split(), workers)
    assert said in str(error.value)
