"""Shards of records: bounded row groups, and the same bytes for the same records."""

from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlukit.engine.parquet_shards import read_records, write_batches, write_failures, write_records
from mlukit.engine.storage import Storage
from mlukit.schemas.arrow import FAILURE_ROWS
from mlukit.schemas.parquet import ROW_GROUP_BYTES, read_parquet
from mlukit.schemas.records import Failure


def failure(number: int) -> Failure:
    return Failure("link", "cut_page", "en", number, None, f"page {number}")


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path))


def write(storage: Storage, path: str, records: list[Failure], rows: int = 1024, size: int = 0) -> None:
    with storage.write(path) as stream:
        with write_records(stream, FAILURE_ROWS, rows) as writer:
            for record in records:
                writer.write(record, size)
        assert stream.rows == len(records)


def groups(storage: Storage, path: str) -> list[int]:
    metadata = pq.read_metadata(storage.path(path))
    assert {metadata.row_group(g).column(0).compression for g in range(metadata.num_row_groups)} <= {"ZSTD"}
    return [metadata.row_group(g).num_rows for g in range(metadata.num_row_groups)]


def test_row_groups_are_bounded_in_rows_and_in_bytes(storage: Storage) -> None:
    records = [failure(n) for n in range(10)]
    write(storage, "rows", records, rows=4)
    assert groups(storage, "rows") == [4, 4, 2]
    write(storage, "bytes", records, size=ROW_GROUP_BYTES // 3 + 1)
    assert groups(storage, "bytes") == [3, 3, 3, 1]
    write(storage, "none", [])
    assert groups(storage, "none") == []


def test_records_come_back_and_bytes_are_the_same(storage: Storage) -> None:
    records = [failure(n) for n in range(3000)]
    for path in ("one", "two"):
        write(storage, path, records)
    with storage.open("one") as one, storage.open("two") as two:
        assert one.read() == two.read()
        one.seek(0)
        assert list(read_records(one, FAILURE_ROWS)) == records
        one.seek(0)
        columns = [(batch.schema.names, batch.num_rows) for batch in read_parquet(one, columns=["detail"])]
    assert columns == [(["detail"], 1024), (["detail"], 1024), (["detail"], 952)]


def test_a_shard_that_fails_is_not_there(storage: Storage) -> None:
    with pytest.raises(ZeroDivisionError), storage.write("a") as stream, write_records(stream, FAILURE_ROWS) as writer:
        writer.write(failure(1))
        _ = 1 / 0
    assert storage.sizes() == {}


def test_failures_have_a_shard_only_where_there_are_any(storage: Storage) -> None:
    (shard,) = write_failures(storage, "failures/en/link-00000.parquet", [failure(1), failure(2)])
    assert (shard.path, shard.rows) == ("failures/en/link-00000.parquet", 2)
    with storage.open(shard.path) as stream:
        assert list(read_records(cast(BinaryIO, stream), FAILURE_ROWS)) == [failure(1), failure(2)]
    assert write_failures(storage, shard.path, []) == []
    assert storage.sizes() == {}


def test_batches_are_cut_anew_and_written_like_records(storage: Storage) -> None:
    records = [failure(n) for n in range(10)]
    write(storage, "records", records, rows=4)
    with storage.write("batches") as stream:
        with write_batches(stream, FAILURE_ROWS.schema, 4) as writer:
            for start, end in ((0, 0), (0, 1), (1, 3), (3, 10)):
                writer.write(pa.Table.from_batches([FAILURE_ROWS.to_batch(records[start:end])]))
        assert stream.rows == 10
    assert groups(storage, "batches") == [4, 4, 2]
    assert Path(storage.path("batches")).read_bytes() == Path(storage.path("records")).read_bytes()
    with storage.write("none") as stream, write_batches(stream, FAILURE_ROWS.schema, 4):
        pass
    assert groups(storage, "none") == []
