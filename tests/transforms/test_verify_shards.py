"""Shards read again: what is told of one that is whole, and of each way in which it is not."""

import gzip
import hashlib
import io
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.storage import Storage
from mlukit.engine.workplace import Workplace
from mlukit.schemas.manifest import Shard
from mlukit.schemas.summaries import VerifiedShard
from mlukit.schemas.tfrecord import TFRecordWriter
from mlukit.transforms.verify_shards import FinishedShard, VerifyShards


def parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"n": range(5)}), out)
    return out.getvalue()


def tfrecord() -> bytes:
    out = io.BytesIO()
    with TFRecordWriter(out) as writer:
        for record in (b"one", b"two", b"three"):
            writer.write(record)
    return out.getvalue()


FILES = {"a.parquet": (parquet(), 5), "a.tfrecord.gz": (tfrecord(), 3), "a.jsonl": (b"{}\n[]\n", 2)}


def check(folder: Path, shard: Shard) -> str:
    task = FinishedShard("en", 0, shard.bytes, shard)
    transform = VerifyShards(Workplace("nowhere", "nowhere", 0), str(folder))
    summary = transform.run(task, Storage("nowhere"), Heartbeat(None, task.name)).summary
    assert isinstance(summary, VerifiedShard)
    return summary.problem


def written(folder: Path, name: str) -> Shard:
    content, rows = FILES[name]
    (folder / name).write_bytes(content)
    return Shard(name, rows, len(content), hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("name", FILES)
def test_whole(tmp_path: Path, name: str) -> None:
    assert check(tmp_path, written(tmp_path, name)) == ""


@pytest.mark.parametrize("name", FILES)
def test_changed(tmp_path: Path, name: str) -> None:
    shard = written(tmp_path, name)
    content = bytearray((tmp_path / name).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / name).write_bytes(content)
    assert check(tmp_path, shard) == f"SHA-256 {hashlib.sha256(content).hexdigest()}, the manifest says {shard.sha256}"
    (tmp_path / name).write_bytes(content[:-1])
    assert check(tmp_path, shard) == f"{shard.bytes - 1:,} bytes, the manifest says {shard.bytes:,}"
    (tmp_path / name).unlink()
    assert check(tmp_path, shard).startswith("cannot be read: ")


@pytest.mark.parametrize("name", FILES)
def test_a_manifest_that_lies_about_rows(tmp_path: Path, name: str) -> None:
    shard = written(tmp_path, name)
    assert check(tmp_path, replace(shard, rows=7)) == f"{shard.rows} rows, the manifest says 7"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.parquet", b"no Parquet"),
        ("a.tfrecord.gz", b"no gzip"),
        ("a.tfrecord.gz", gzip.compress(b"no TFRecord at all", mtime=0)),
    ],
)
def test_a_file_that_never_was_right(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    shard = Shard(name, 1, len(content), hashlib.sha256(content).hexdigest())
    assert check(tmp_path, shard).startswith("cannot be read: ")
