"""The sample of row groups: which rows are read, and which rows are kept."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlukit.engine.errors import RunError
from mlukit.engine.storage import Storage
from mlukit.report.row_sample import FolderSample, RandomRows
from mlukit.schemas.arrow import SCHEMA_VERSION

FOLDER = "articles/en"


def write(root: Path, rows: Sequence[int], group: int) -> Storage:
    """A folder of shards with some numbers of rows, in row groups of one size."""
    storage, first, shards = Storage(str(root)), 0, []
    (root / FOLDER).mkdir(parents=True)
    for number, count in enumerate(rows):
        path = f"{FOLDER}/train-{number:05}.parquet"
        pq.write_table(pa.table({"n": list(range(first, first + count))}), root / path, row_group_size=group)
        shards.append({"path": path, "rows": count, "bytes": (root / path).stat().st_size, "sha256": ""})
        first += count
    storage.write_json(f"{FOLDER}/_manifest.json", {"schema_version": SCHEMA_VERSION, "shards": shards})
    return storage


def test_a_small_folder_is_read_whole_and_in_order(tmp_path: Path) -> None:
    sample = FolderSample(write(tmp_path, [30, 0, 12], group=10), FOLDER, seed=0, most_groups=1)
    assert [n for table in sample for n in table["n"].to_pylist()] == list(range(42))
    assert (sample.read, sample.rows) == (42, 42)


def test_a_large_folder_is_sampled_by_the_seed(tmp_path: Path) -> None:
    storage = write(tmp_path, [5000, 3, 9000], group=1000)
    read = {}
    for seed in range(4):
        sample = FolderSample(storage, FOLDER, seed, most_groups=3)
        read[seed] = [table["n"].to_pylist() for table in sample]
        assert 0 < len(read[seed]) <= 3 and sample.read == sum(map(len, read[seed])) and sample.rows == 14_003
        assert read[seed] == [table["n"].to_pylist() for table in FolderSample(storage, FOLDER, seed, most_groups=3)]
        assert all(
            len(group) in (1000, 3) and group == list(range(group[0], group[0] + len(group))) for group in read[seed]
        )
    assert len({str(groups) for groups in read.values()}) == 4
    everything = FolderSample(storage, FOLDER, 0, most_groups=None)
    assert sum(table.num_rows for table in everything) == everything.read == 14_003


def test_a_damaged_shard_is_named(tmp_path: Path) -> None:
    storage = write(tmp_path, [5], group=5)
    (tmp_path / FOLDER / "train-00000.parquet").write_bytes(b"PAR1")
    with pytest.raises(
        RunError, match=f"{FOLDER}/train-00000.parquet cannot be read: .*: see mlukit verify {tmp_path}"
    ):
        list(FolderSample(storage, FOLDER, seed=0))


def test_random_rows_depend_only_on_the_seed_and_are_spread() -> None:
    groups = [pa.table({"n": list(range(first, first + 50))}) for first in range(0, 1000, 50)]

    def kept(number: int, seed: str) -> list[int]:
        rows = RandomRows(number, seed)
        for group in groups:
            rows.offer(group)
        return [row["n"] for row in rows.rows]

    assert kept(5, "a") == kept(5, "a") == kept(9, "a")[:5] != kept(5, "b")
    assert kept(0, "a") == []
    assert sorted(kept(2000, "a")) == list(range(1000))
    ones = [kept(1, str(seed))[0] for seed in range(300)]
    assert 400 < sum(ones) / len(ones) < 600
