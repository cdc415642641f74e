import io
from collections import Counter
from itertools import chain

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlukit.corpus.entities import count_links
from mlukit.corpus.entities.count_links import (
    ENTITY_COUNTS,
    MENTION_COUNTS,
    Tally,
    count_shard,
    part_of_anchors,
    part_of_qids,
    read_part,
)
from mlukit.schemas.arrow import ARTICLE_ROWS
from mlukit.schemas.manifest import Flow
from mlukit.schemas.records import Kind, LinkedArticle, Mention, Split

KINDS = frozenset({"article", "list"})  # the default of --kinds
BERLIN, GERMANY, SHIP = 64, 183, 821244
Anchors = list[tuple[str, int | None]]


def article(text: str, links: Anchors, kind: Kind = "article", split: Split = "train") -> LinkedArticle:
    """An article whose links are the first places of their anchors in the text."""
    found = [(text.index(anchor), text.index(anchor) + len(anchor), qid) for anchor, qid in links]
    mentions = tuple(
        Mention(start, end, "de", "X", "X", qid, "resolved" if qid else "red") for start, end, qid in sorted(found)
    )
    return LinkedArticle("de", 1, 1, "T", None, kind, split, text, (), (), mentions)


ARTICLES = [
    article("😀𐍈 Berlin liegt in Deutschland.", [("Berlin", BERLIN), ("Deutschland", GERMANY)]),
    article("Die Berlin fuhr nach Bremen.", [("Berlin", SHIP), ("Bremen", None)]),
    article("Städte: Berlin", [("Berlin", BERLIN)], kind="list"),
    article("Berlin, Berlins", [("Berlins", BERLIN)], split="validation"),
    article("Berlin kann heißen", [("Berlin", BERLIN)], kind="disambiguation"),
    article("Nichts.", []),
]


def counted(
    batches: list[pa.RecordBatch], parts: int = 3
) -> tuple[dict[str, Flow], list[list[tuple[int, int]]], list[list[tuple[str, int, int]]]]:
    """The flows, and the rows of each part of both files."""
    entities, mentions = io.BytesIO(), io.BytesIO()
    flows = count_shard(batches, KINDS, parts, entities, mentions)
    rows = [
        [[tuple(row.values()) for row in read_part(stream, part).to_pylist()] for part in range(parts)]
        for stream in (entities, mentions)
    ]
    return flows, rows[0], rows[1]


def test_entities_are_counted_on_both_splits_and_anchors_on_train() -> None:
    _, entities, mentions = counted([ARTICLE_ROWS.to_batch(ARTICLES)])
    assert sorted(chain.from_iterable(entities)) == [(BERLIN, 3), (GERMANY, 1), (SHIP, 1)]
    assert sorted(chain.from_iterable(mentions)) == [
        ("Berlin", BERLIN, 2),
        ("Berlin", SHIP, 1),
        ("Deutschland", GERMANY, 1),
    ]


def test_every_page_and_link_is_accounted_for() -> None:
    flows, _, _ = counted([ARTICLE_ROWS.to_batch(ARTICLES)])
    assert flows == {
        "pages": Flow(entered=6, out=5, skipped=Counter({"kind disambiguation": 1})),
        "links": Flow(entered=6, out=5, skipped=Counter({"red": 1})),
        "mentions": Flow(entered=5, out=4, skipped=Counter({"split validation": 1})),
    }
    assert all(flow.unaccounted == 0 for flow in flows.values())


def test_nothing_to_count() -> None:
    flows, entities, mentions = counted([])
    assert (entities, mentions) == ([[], [], []], [[], [], []])
    assert counted([ARTICLE_ROWS.to_batch([])]) == (flows, entities, mentions)
    assert flows == {"pages": Flow(), "links": Flow(), "mentions": Flow()}


def test_how_articles_are_cut_into_batches_does_not_show_in_the_bytes() -> None:
    whole, single, sliced = [], [], []
    batch = ARTICLE_ROWS.to_batch(ARTICLES)
    ways = [
        ([batch], whole),
        ([ARTICLE_ROWS.to_batch([one]) for one in reversed(ARTICLES)], single),
        ([batch.slice(0, 3), batch.slice(3)], sliced),
    ]
    for batches, written in ways:
        entities, mentions = io.BytesIO(), io.BytesIO()
        count_shard(batches, KINDS, 3, entities, mentions)
        written += [entities.getvalue(), mentions.getvalue()]
    assert whole == single == sliced


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
qids = st.one_of(st.none(), st.integers(1, 5))


@st.composite
def articles(draw: st.DrawFn) -> LinkedArticle:
    text = draw(texts)
    borders = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
    mentions = tuple(
        Mention(start, end, "de", "X", None, qid := draw(qids), "resolved" if qid else "red")
        for start, end in zip(borders[::2], borders[1::2], strict=False)
    )
    kind: Kind = draw(st.sampled_from(["article", "list", "disambiguation", "date", "other"]))
    return LinkedArticle(
        "de", 1, 1, "T", None, kind, draw(st.sampled_from(["train", "validation"])), text, (), (), mentions
    )


@given(st.lists(articles(), max_size=8), st.integers(1, 5))
def test_the_counts_are_those_of_plain_python(drawn: list[LinkedArticle], parts: int) -> None:
    chosen = [page for page in drawn if page.kind in KINDS]
    entities = Counter(link.qid for page in chosen for link in page.links if link.qid)
    mentions = Counter(
        (page.text[link.start : link.end], link.qid)
        for page in chosen
        if page.split == "train"
        for link in page.links
        if link.qid
    )
    _, entity_parts, mention_parts = counted([ARTICLE_ROWS.to_batch(drawn)], parts)
    assert dict(chain.from_iterable(entity_parts)) == entities
    assert {(anchor, qid): n for anchor, qid, n in chain.from_iterable(mention_parts)} == mentions
    where = {anchor: part for part, rows in enumerate(mention_parts) for anchor, _, _ in rows}
    assert all(where[anchor] == part for part, rows in enumerate(mention_parts) for anchor, _, _ in rows)


def test_parts_do_not_move() -> None:
    # literal: counts of an earlier run are added to those of a later one
    assert part_of_qids(np.array([1, 2, 64, 183, 2**40]), 64).tolist() == [57, 50, 31, 25, 0]
    anchors = pa.chunked_array([["Berlin", "ベルリン", "برلين", ""]])
    assert part_of_anchors(anchors, 64).tolist() == [27, 1, 49, 0]


def test_parts_are_of_about_the_same_size() -> None:
    sizes = np.bincount(part_of_qids(np.arange(1, 64_001), 64), minlength=64)
    assert 900 < sizes.min() <= sizes.max() < 1100
    sizes = np.bincount(part_of_anchors(pa.chunked_array([[f"anchor {i}" for i in range(64_000)]]), 64), minlength=64)
    assert 800 < sizes.min() <= sizes.max() < 1200


@pytest.mark.parametrize("part", [-1, 3])
def test_a_part_that_is_not_there_is_refused(part: int) -> None:
    entities, mentions = io.BytesIO(), io.BytesIO()
    count_shard([], KINDS, 3, entities, mentions)
    with pytest.raises(ValueError, match=rf"the file has 3 parts, but no part {part}"):
        read_part(entities, part)


def test_a_tally_adds_up_before_its_rows_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(count_links, "_PENDING_ROWS", 4)
    tally = Tally(ENTITY_COUNTS)
    for start in range(10):
        tally.add(pa.table([[7, 3, start], [1, 1, 1]], schema=ENTITY_COUNTS))
        assert sum(table.num_rows for table in tally._pending) <= 2 * 10 + 3
    expected = [(0, 1), (1, 1), (2, 1), (3, 11), (4, 1), (5, 1), (6, 1), (7, 11), (8, 1), (9, 1)]
    assert [tuple(row.values()) for row in tally.total().to_pylist()] == expected


def test_an_empty_tally() -> None:
    assert Tally(MENTION_COUNTS).total() == MENTION_COUNTS.empty_table()
