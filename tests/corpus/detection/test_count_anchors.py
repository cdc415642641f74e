"""Figures of anchors: counted by hand on small pages, and added up over shards and parts."""

import io
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlukit.corpus.detection.array_file import ArrayFileError
from mlukit.corpus.detection.build_match_table import build_match_table, hash_anchors
from mlukit.corpus.detection.count_anchors import count_anchors
from mlukit.corpus.detection.find_anchors import AnchorFinder
from mlukit.corpus.detection.match_table import MatchTable
from mlukit.corpus.detection.merge_figures import merge_figures
from mlukit.corpus.detection.word_borders import WordBorders
from mlukit.corpus.entities.count_links import count_shard
from mlukit.corpus.entities.mention_dictionary import merge_mentions
from mlukit.schemas.arrow import ARTICLE_ROWS, MENTIONS
from mlukit.schemas.manifest import Flow
from mlukit.schemas.records import LinkedArticle, Mention, Split

Figures = dict[str, tuple[int, int, int, int, float | None]]
KINDS = frozenset({"article"})


def page(
    text: str, links: Sequence[tuple[str, int | None]], split: Split = "train", kind: str = "article"
) -> LinkedArticle:
    """A page whose links are the anchors, in the order of the text."""
    mentions, start = [], 0
    for anchor, qid in links:
        start = text.index(anchor, start)
        status = "resolved" if qid else "red"
        mentions.append(Mention(start, start + len(anchor), "de", "X", "X", qid, status))  # type: ignore[arg-type]
        start += len(anchor)
    return LinkedArticle("de", 1, 1, "T", None, kind, split, text, (), (), tuple(mentions))  # type: ignore[arg-type]


def figures(
    folder: Path, language: str, shards: list[list[LinkedArticle]], parts: int = 1
) -> tuple[Figures, dict[str, Flow], list[pa.Table]]:
    """The figures of each anchor, as the steps of the stage make them."""
    batches = [[ARTICLE_ROWS.to_batch(pages)] for pages in shards]
    counts = [io.BytesIO() for _ in shards]
    for batch, stream in zip(batches, counts, strict=True):
        count_shard(batch, KINDS, parts, io.BytesIO(), stream)
    files: dict[str, io.BytesIO] = {}
    anchors = []
    for part in range(parts):
        files[f"mentions{part}"], files[f"entries{part}"] = io.BytesIO(), io.BytesIO()
        merge_mentions(counts, part, files[f"mentions{part}"])
        hashed = hash_anchors(files[f"mentions{part}"], WordBorders(language), parts, files[f"entries{part}"])
        anchors.append(hashed[0])
    names = [[f"{kind}{part}" for part in range(parts)] for kind in ("mentions", "entries")]
    with (folder / "table").open("wb") as table:
        build_match_table(lambda name: nullcontext(files[name]), *names, anchors, table)
    finder = AnchorFinder(MatchTable.open(folder / "table"), language)
    counted = [io.BytesIO() for _ in shards]
    flows: dict[str, Flow] = {}
    for batch, stream in zip(batches, counted, strict=True):
        for name, flow in count_anchors(batch, KINDS, finder, anchors, stream).items():
            flows.setdefault(name, Flow()).add(flow)
    merged = [io.BytesIO() for _ in range(parts)]
    for part, stream in enumerate(merged):
        merge_figures(files[f"mentions{part}"], counted, part, sum(anchors[:part]), stream)
    tables = [pq.read_table(stream) for stream in merged]
    assert all(table.schema.equals(MENTIONS) for table in tables)
    names = ["anchor", "pages", "linked_pages", "occurrences", "nested", "link_probability"]
    rows = [tuple(row.values()) for table in tables for row in table.select(names).to_pylist()]
    return {row[0]: row[1:] for row in rows}, flows, tables


SHARDS = [
    [
        page("Die Spree fließt durch Berlin. Berlin ist groß.", [("Spree", 1585), ("Berlin", 64)]),
        page("Berlin, Ost-Berlin, Berlin und Spreewald", [("Ost-Berlin", 56037)]),
        page("Die Spree, die Spree, ein rotes Haus", [("Spree", 1585), ("die Spree", 1585), ("rotes Haus", None)]),
    ],
    [
        page("Berlin", [("Berlin", 821244)]),
        page("Berlin und die Spree", [("Berlin", 64)], split="validation"),
        page("Berlin und die Spree", [("Berlin", 64)], kind="list"),
        page("nichts", []),
    ],
]


@pytest.mark.parametrize("parts", [1, 3])
def test_counted_by_hand(tmp_path: Path, parts: int) -> None:
    found, flows, tables = figures(tmp_path, "de", SHARDS, parts)
    assert found == {
        "Berlin": (3, 2, 6, 1, 2 / 3),  # "Ost-Berlin" has a border before "Berlin"
        "Ost-Berlin": (1, 1, 1, 0, 1.0),
        "Spree": (2, 2, 3, 1, 1.0),
        "die Spree": (1, 1, 1, 0, 1.0),
    }
    assert flows["pages"] == Flow(7, 5, skipped={"kind list": 1, "split validation": 1})  # type: ignore[arg-type]
    assert flows["links"] == Flow(7, 6, skipped={"red": 1})  # type: ignore[arg-type]
    assert flows["places"] == Flow(11, 11)
    rows = sorted(tuple(row.values())[:4] for table in tables for row in table.to_pylist())
    assert rows == [
        ("Berlin", "Q64", 1, 0.5),
        ("Berlin", "Q821244", 1, 0.5),
        ("Ost-Berlin", "Q56037", 1, 1.0),
        ("Spree", "Q1585", 2, 1.0),
        ("die Spree", "Q1585", 1, 1.0),
    ]


def test_a_link_counts_also_if_its_end_is_no_border(tmp_path: Path) -> None:
    pages = [page("베를린은 수도", [("베를린", 64)]), page("베를린 수도", []), page("수도 베를린의", [])]
    found, _, _ = figures(tmp_path, "ko", [pages])
    assert found == {"베를린": (2, 1, 2, 0, 0.5)}


def test_a_link_that_is_too_long_to_be_searched_for(tmp_path: Path) -> None:
    long = " ".join("a" * 70)
    found, _, _ = figures(tmp_path, "de", [[page(f"{long}. {long}", [(long, 5)]), page(long, [])]])
    assert found == {long: (1, 1, 1, 0, 1.0)}  # only the link is known


def test_no_pages(tmp_path: Path) -> None:
    assert figures(tmp_path, "de", [[page("", [])], [page("", [], "validation")]])[0] == {}


def test_the_table_is_the_same_from_any_number_of_parts(tmp_path: Path) -> None:
    keys = []
    for parts in (1, 2, 5):
        (tmp_path / str(parts)).mkdir()
        figures(tmp_path / str(parts), "de", SHARDS, parts)
        table = MatchTable.open(tmp_path / str(parts) / "table")
        keys.append(table.keys.tolist())
    assert keys[0] == keys[1] == keys[2]


def test_an_unfinished_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "table").write_bytes(b"begun")
    with pytest.raises(ArrayFileError, match="is damaged"):
        MatchTable.open(tmp_path / "table")
