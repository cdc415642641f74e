"""pagelinks with its titles, in the schema before 2024 and in the one after."""

import io
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mlukit.corpus.audit.page_links import UNKNOWN, page_parts, write_page_links
from mlukit.corpus.dumps.mediawiki_tables import LinkTarget, PageLink, TargetLink


def rows_of(out: io.BytesIO, parts: int) -> list[tuple[int, int, str | None]]:
    file = pq.ParquetFile(out)
    assert file.num_row_groups == parts
    rows = []
    for part in range(parts):
        table = file.read_row_group(part)
        page_ids = table["page_id"].to_numpy()
        assert (page_parts(page_ids, parts) == part).all()
        assert sorted(page_ids) == list(page_ids)
        rows += list(zip(*(table[name].to_pylist() for name in ("page_id", "namespace", "title")), strict=True))
    return sorted(rows, key=str)


@pytest.mark.parametrize("parts", [1, 5, 128])
def test_by_title_and_by_number_are_the_same(tmp_path: Path, parts: int) -> None:
    named = [PageLink(page, page % 3, f"Title {page * 7 % 50}") for page in range(500)]
    titles = sorted({(link.namespace, link.title) for link in named})
    targets = [LinkTarget(1000 + number, *title) for number, title in enumerate(titles)]
    numbers = {(t.namespace, t.title): t.target_id for t in targets}
    numbered = [TargetLink(link.page_id, numbers[link.namespace, link.title]) for link in named]

    old, new = io.BytesIO(), io.BytesIO()
    assert write_page_links(named, None, tmp_path, parts, old) == {"links": 500}
    counts = write_page_links(numbered, reversed(targets), tmp_path, parts, new)
    assert +counts == {"links": 500}
    assert rows_of(old, parts) == rows_of(new, parts) == sorted([tuple(link) for link in named], key=str)
    assert not list(tmp_path.iterdir())


def test_a_number_that_linktarget_does_not_have(tmp_path: Path) -> None:
    out = io.BytesIO()
    links = [TargetLink(1, 10), TargetLink(1, 11)]
    counts = write_page_links(links, [LinkTarget(10, 0, "A")], tmp_path, 1, out)
    assert counts == {"links": 2, "links without linktarget": 1}
    assert rows_of(out, 1) == [(1, 0, "A")]


def test_without_linktarget_rows_have_no_title(tmp_path: Path) -> None:
    out = io.BytesIO()
    counts = write_page_links([TargetLink(1, 10), TargetLink(2, 10)], None, tmp_path, 2, out)
    assert counts == {"links": 2}
    assert rows_of(out, 2) == [(1, UNKNOWN, None), (2, UNKNOWN, None)]


def test_no_rows(tmp_path: Path) -> None:
    out = io.BytesIO()
    assert write_page_links([], [], tmp_path, 3, out) == Counter()
    assert rows_of(out, 3) == []
