"""The disk that a run is expected to need."""

import re
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from mlukit.pipelines.preparation.disk_space import free_space
from mlukit.pipelines.preparation.estimate import disk_bytes, xml_of
from tests.small_wikis import build

DUMPS = [("dumps/enwiki.xml.bz2", 100), ("dewiki.xml", 500), ("jawiki.xml.gz", 125)]


def test_xml_of_dumps() -> None:
    assert xml_of(DUMPS) == 1_500  # 500 each


@pytest.mark.parametrize(
    ("stages", "formats", "end", "most"),
    [
        (["link"], (1, 1), 360, 640),  # with the parsed articles, which are removed
        (["link"], (2, 1), 680, 960),
        (["vocabulary"], (1, 1), 430, 430),
        (["link", "vocabulary"], (1, 1), 790, 790),
        (["link", "vocabulary", "examples"], (1, 2), 1_235, 1_235),
    ],
)
def test_the_disk_that_stages_need(stages: list[str], formats: tuple[int, int], end: int, most: int) -> None:
    sizes = disk_bytes(10**9, stages, *formats)  # of a vocabulary that is not yet full
    assert sizes == (end * 10**6, most * 10**6)


def test_a_full_vocabulary_does_not_grow() -> None:
    assert disk_bytes(10**11, ["vocabulary"], 1, 1) == (3_700 * 10**6, 3_700 * 10**6)


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
        rf"warning: {tmp_path}/OUT is expected to need ([\d.]+) MB more, and the disk of {tmp_path}/OUT has 2\.5 kB "
        "free; a run that ends for lack of space goes on with the same command",
        warning,
    )
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10_000_000, 0, 10_000_000))
    assert "warning" not in build(dumps, tmp_path / "OTHER").err
