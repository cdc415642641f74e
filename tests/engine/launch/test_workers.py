"""Which workers a run has."""

import os

import pytest

from mlukit.engine.launch.workers import SMALL, Workers, choose_workers

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
        str(Workers(runner, number)) for runner, number in (("DirectRunner", 2), ("DirectRunner", 0), ("Flink", 0))
    ]
    assert words == ["in 2 worker processes", "in one process", "on Flink"]
