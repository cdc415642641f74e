"""Rows go to the files of their split, in every format."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mlukit.engine.split_shards import SplitShards
from mlukit.engine.storage import Storage
from mlukit.schemas import layout
from mlukit.schemas.arrow import EXAMPLE_ROWS, EXAMPLES
from mlukit.schemas.formats import FORMATS, format_names
from mlukit.schemas.records import SPLITS, Example, Split

ENDINGS = [one.ending for one in FORMATS.values()]


def example(page_id: int, split: str) -> Example:
    return Example("en", page_id, 0, split, (0, page_id, 2), (4,), (1,), (2,), (0,), (9,))  # type: ignore[arg-type]


def write(storage: Storage, *batches: list[Example]) -> SplitShards:
    outputs = SplitShards(
        storage, layout.EXAMPLES, EXAMPLES, language="en", number=3, formats=format_names(layout.EXAMPLES)
    )
    with outputs:
        for batch in batches:
            outputs.write(EXAMPLE_ROWS.to_batch(batch))
    return outputs


def page_ids(storage: Storage, split: Split) -> dict[str, list[int]]:
    found = {}
    for name, one in FORMATS.items():
        with storage.open(layout.split_shard(layout.EXAMPLES, "en", split, 3, one.ending)) as stream:
            found[name] = [
                page for batch in one.read(stream, EXAMPLES, ["page_id"]) for page in batch["page_id"].to_pylist()
            ]
    return found


def test_each_split_has_its_rows_in_order(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    outputs = write(
        storage,
        [example(1, "train"), example(2, "validation"), example(3, "train")],
        [],
        [example(4, "validation")],
        [example(5, "train")],
    )
    assert page_ids(storage, "train") == {name: [1, 3, 5] for name in FORMATS}
    assert page_ids(storage, "validation") == {name: [2, 4] for name in FORMATS}
    assert [(shard.path, shard.rows) for shard in outputs.shards] == [
        (f"examples/en/{split}-00003.{ending}", rows)
        for split, rows in (("train", 3), ("validation", 2))
        for ending in ENDINGS
    ]
    for shard in outputs.shards:
        assert (tmp_path / shard.path).stat().st_size == shard.bytes


def test_a_range_without_validation_rows_has_no_file_of_them(tmp_path: Path) -> None:
    outputs = write(Storage(str(tmp_path)), [example(1, "train")])
    assert [(shard.path.rpartition("/")[2], shard.rows) for shard in outputs.shards] == [
        (f"train-00003.{ending}", 1) for ending in ENDINGS
    ]
    assert not list(tmp_path.rglob("validation-*"))


def test_a_range_without_rows_has_files_of_the_schema(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    outputs = write(storage)
    assert page_ids(storage, "train") == {name: [] for name in FORMATS}
    assert [shard.rows for shard in outputs.shards] == [0] * len(ENDINGS)
    assert pq.read_schema(tmp_path / "examples/en/train-00003.parquet") == EXAMPLES


def test_a_row_of_no_split_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="1 rows have no valid split; accepted: train, validation"):
        write(Storage(str(tmp_path)), [example(1, "train"), example(2, "test")])
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert SPLITS == ("train", "validation")
