"""The disk that a run is expected to need."""

import re
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from mlukit.pipelines.graphs.disk import expected_bytes, free_space
from tests.small_wikis import build

DUMPS = [("dumps/enwiki.xml.bz2", 100), ("dewiki.xml", 500), ("jawiki.xml.gz", 125)]  # 300 bytes, were all of bzip2


@pytest.mark.parametrize(
    ("stages", "needed"),
    [
        (["link"], 1050),  # 2 that stay and 1.5 that are removed
        (["vocabulary"], 900),
        (["link", "vocabulary"], 1050),
        (["link", "vocabulary", "examples"], 1500),
        (["examples"], 1500),
    ],
)
def test_the_most_that_stages_need(stages: list[str], needed: int) -> None:
    assert expected_bytes(stages, DUMPS) == needed


def test_the_disk_of_a_folder_that_does_not_exist_yet(tmp_path: Path) -> None:
    place, free = free_space(tmp_path / "a/b")
    assert place == tmp_path
    assert free > 0


class Usage(NamedTuple):
    """As `shutil.disk_usage` has it."""

    total: int
    used: int
    free: int


def test_too_little_space_is_a_warning_with_both_figures(
    dumps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10_000, 7_500, 2_500))
    ran = build(dumps, tmp_path / "OUT")
    assert ran.status == 0
    (warning,) = [line for line in ran.err.splitlines() if line.startswith("warning: ")]
    assert re.fullmatch(
        rf"warning: {tmp_path}/OUT is expected to need (\d\.\d) kB more, and the disk of {tmp_path}/OUT has 2\.5 kB "
        "free; a run that ends for lack of space goes on with the same command",
        warning,
    )
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10_000_000, 0, 10_000_000))
    assert "warning" not in build(dumps, tmp_path / "OTHER").err
