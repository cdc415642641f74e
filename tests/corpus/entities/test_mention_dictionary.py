import io
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlukit.corpus.entities.count_links import count_shard
from mlukit.corpus.entities.mention_dictionary import merge_mentions
from mlukit.schemas.arrow import ARTICLE_ROWS, MENTIONS
from mlukit.schemas.records import LinkedArticle, Mention

Pairs = list[tuple[str, int]]
Rows = list[tuple[str, str, int, float]]  # (anchor, item, linked, prior)


def shard(links: Pairs, parts: int) -> io.BytesIO:
    """The counts of one article whose text is its links' anchors."""
    mentions, offset = [], 0
    for anchor, qid in links:
        mentions.append(Mention(offset, offset + len(anchor), "de", "X", "X", qid, "resolved"))
        offset += len(anchor)
    text = "".join(anchor for anchor, _ in links)
    page = LinkedArticle("de", 1, 1, "T", None, "article", "train", text, (), (), tuple(mentions))
    counts = io.BytesIO()
    count_shard([ARTICLE_ROWS.to_batch([page])], frozenset({"article"}), parts, io.BytesIO(), counts)
    return counts


def merged(shards: Iterable[io.BytesIO], part: int = 0) -> Rows:
    written = io.BytesIO()
    rows = merge_mentions(shards, part, written)
    table = pq.read_table(written)
    assert table.schema.equals(MENTIONS)
    assert table.num_rows == rows
    return [tuple(row.values())[:4] for row in table.to_pylist()]


def test_anchors_in_order_and_the_most_linked_item_first() -> None:
    shards = [
        shard([("Berlin", 821244), ("Berlin", 64), ("ベルリン", 64)], 1),
        shard([("Berlin", 64), ("Berlin", 64), ("Berlin", 1000), ("Ärzte", 7)], 1),
    ]
    assert merged(shards) == [
        ("Berlin", "Q64", 3, 0.6),
        ("Berlin", "Q1000", 1, 0.2),  # as often as the next: by the number, not as a string
        ("Berlin", "Q821244", 1, 0.2),
        ("Ärzte", "Q7", 1, 1.0),
        ("ベルリン", "Q64", 1, 1.0),
    ]


def test_no_mentions() -> None:
    assert merged([]) == []
    assert merged([shard([], 1)]) == []


def test_shards_are_opened_one_by_one() -> None:
    opened = []

    def shards() -> Iterator[io.BytesIO]:
        for number in range(3):
            opened.append(number)
            with shard([("a", 1)], 1) as stream:
                yield stream

    assert merged(shards()) == [("a", "Q1", 3, 1.0)]
    assert opened == [0, 1, 2]


def test_a_shard_of_fewer_parts_is_refused() -> None:
    with pytest.raises(ValueError, match="the file has 1 parts, but no part 1"):
        merged([shard([("a", 1)], 1)], part=1)


anchors = st.text(st.sampled_from("ab😀語"), min_size=1, max_size=2)
links = st.lists(st.tuples(anchors, st.integers(1, 4)), max_size=12)


@given(st.lists(links, max_size=4), st.integers(1, 4))
def test_parts_together_are_the_dictionary(shards: list[Pairs], parts: int) -> None:
    counted: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for anchor, qid in chain.from_iterable(shards):
        counted[anchor][qid] += 1
    expected = [
        (anchor, f"Q{qid}", linked, linked / sum(items.values()))
        for anchor, items in sorted(counted.items())
        for qid, linked in sorted(items.items(), key=lambda item: (-item[1], item[0]))
    ]
    files = [shard(one, parts) for one in shards]
    found = [merged(files, part) for part in range(parts)]
    assert sorted(chain.from_iterable(found), key=lambda row: row[0]) == expected
    assert all(rows == sorted(rows, key=lambda row: row[0]) for rows in found)
