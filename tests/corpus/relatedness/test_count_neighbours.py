"""Which entities are related: pairs that stand near each other in articles, counted by hand."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlukit.corpus.detection.array_file import ArrayFileError, ArrayFileWriter
from mlukit.corpus.relatedness import count_neighbours as counting
from mlukit.corpus.relatedness.count_neighbours import NEAR, NEIGHBOURS, PAIRS, part_of
from mlukit.corpus.relatedness.related_entities import RelatedEntities, key_of

LINK = pa.struct([("start", pa.int32()), ("qid", pa.string())])


def page(qid: int | None, links: list[int | None], kind: str = "article", split: str = "train") -> dict[str, object]:
    spans = [{"start": i, "qid": f"Q{one}" if one else None} for i, one in enumerate(links)]
    return {"kind": kind, "split": split, "qid": f"Q{qid}" if qid else None, "links": spans}


def batch(*pages: dict[str, object]) -> pa.RecordBatch:
    schema = pa.schema([("kind", pa.string()), ("split", pa.string()), ("qid", pa.string()), ("links", pa.list_(LINK))])
    return pa.RecordBatch.from_pylist(list(pages), schema)


def counted(*batches: pa.RecordBatch, parts: int = 1) -> bytes:
    stream = io.BytesIO()
    counting.count_neighbours(batches, {"article"}, parts, stream)
    return stream.getvalue()


def rows(content: bytes) -> set[tuple[int, int, int]]:
    return {tuple(row.values()) for row in pq.read_table(io.BytesIO(content)).to_pylist()}  # type: ignore[misc]


def both(*pairs: tuple[int, int, int]) -> set[tuple[int, int, int]]:
    return {*pairs, *((b, a, n) for a, b, n in pairs)}


def test_pairs() -> None:
    found = counted(batch(page(1, [2, None, 3, 2, 1]), page(None, [2, 3]), page(None, [5])))
    assert rows(found) == both((1, 2, 1), (1, 3, 2), (2, 3, 2), (1, 2, 2)) - both((1, 2, 1))


def test_pages_that_count() -> None:
    pages = batch(page(1, [2]), page(3, [4], kind="date"), page(5, [6], split="validation"))
    stream = io.BytesIO()
    number, flows = counting.count_neighbours([pages], {"article"}, 1, stream)
    assert rows(stream.getvalue()) == both((1, 2, 1)) and number == 2
    (flow,) = flows.values()
    assert (flow.entered, flow.out, flow.skipped) == (3, 1, {"kind date": 1, "split validation": 1})


def test_only_near_links_are_pairs() -> None:
    links = list(range(10, 20))
    found = rows(counted(batch(page(None, links))))  # type: ignore[arg-type]
    assert (10, 10 + NEAR, 1) in found and not any(abs(a - b) > NEAR for a, b, _ in found)


def test_parts_are_in_the_order_of_keys() -> None:
    qids = np.arange(1, 10_000)
    parts = part_of(qids, 7)
    assert set(parts.tolist()) == set(range(7))
    assert (np.diff(parts[np.argsort(key_of(qids))]) >= 0).all()
    assert len(np.unique(key_of(np.arange(1 << 16)))) == 1 << 16


def related(path: Path, shards: list[bytes], parts: int) -> RelatedEntities:
    merged = []
    for part in range(parts):
        stream = io.BytesIO()
        counting.merge_neighbours(map(io.BytesIO, shards), part, stream)
        merged.append(stream.getvalue())
    with path.open("wb") as stream_of_file:
        counting.write_related(ArrayFileWriter(stream_of_file), lambda: map(io.BytesIO, merged))
    return RelatedEntities.open(path)


def strength(found: RelatedEntities, first: int, second: int) -> float:
    return float(found.strengths(np.array([first], np.uint32), np.array([second], np.uint32))[0])


def test_related_entities(tmp_path: Path) -> None:
    pages = [batch(page(1, [2, 3]), page(1, [2])), batch(page(4, [2]), page(7, [8]), page(7, [9]))]
    one = related(tmp_path / "one", [counted(*pages)], 1)
    assert strength(one, 1, 2) == strength(one, 2, 1) > strength(one, 2, 4) > 0
    assert strength(one, 1, 8) == strength(one, 5, 6) == 0
    assert strength(one, 5, 5) == 1
    shards = [counted(some, parts=3) for some in pages]
    related(tmp_path / "three", shards, 3)
    assert (tmp_path / "three").read_bytes() == (tmp_path / "one").read_bytes()


def test_most_neighbours(tmp_path: Path) -> None:
    pages = [page(1, [100 + i]) for i in range(NEIGHBOURS + 20)] + [page(1, [100])]
    found = related(tmp_path / "file", [counted(batch(*pages))], 1)
    row = int(np.searchsorted(found.keys, key_of(np.array([1]))[0]))
    assert found.offsets[row + 1] - found.offsets[row] == NEIGHBOURS


def test_no_pairs(tmp_path: Path) -> None:
    found = related(tmp_path / "file", [counted(batch())], 1)
    assert strength(found, 1, 2) == 0
    assert pq.read_schema(io.BytesIO(counted(batch()))).equals(PAIRS)


def test_a_damaged_file(tmp_path: Path) -> None:
    related(tmp_path / "file", [counted(batch())], 1)
    (tmp_path / "file").write_bytes((tmp_path / "file").read_bytes()[:-1])
    with pytest.raises(ArrayFileError, match="is damaged"):
        RelatedEntities.open(tmp_path / "file")
