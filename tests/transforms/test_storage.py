import hashlib
from pathlib import Path

import pytest

from transforms.storage import Storage


def test_a_file_appears_whole_with_its_size_and_checksum(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path / "out"))
    with storage.write("articles/en/a.bin") as stream:
        stream.write(b"abc")
        assert not storage.exists("articles/en/a.bin")
        stream.write(memoryview(b"def"))
        stream.rows = 2
    shard = storage.shard("articles/en/a.bin", stream)
    assert (shard.rows, shard.bytes, shard.sha256) == (2, 6, hashlib.sha256(b"abcdef").hexdigest())
    assert storage.open("articles/en/a.bin").read() == b"abcdef"
    assert storage.sizes("articles") == {"articles/en/a.bin": 6}


def test_a_file_that_failed_leaves_nothing(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    with pytest.raises(RuntimeError), storage.write("a.bin") as stream:
        stream.write(b"abc")
        raise RuntimeError
    assert storage.sizes() == {}


def test_writing_again_replaces(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    for value in ({"a": 1}, {"a": 2}):
        storage.write_json("x.json", value)
    assert storage.read_json("x.json") == {"a": 2}
    assert storage.size("x.json") == len(b'{\n "a": 2\n}\n')
    assert storage.size("y.json") is None


def test_gzip_is_not_undone_by_its_name(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    with storage.write("a.gz") as stream:
        stream.write(b"\x1f\x8b no gzip")
    with storage.open("a.gz") as back:
        assert back.read() == b"\x1f\x8b no gzip"


def test_folders_go_with_all_that_is_in_them(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    storage.write_json("work/a/b.json", 1)
    storage.delete("work")
    storage.delete("work")
    assert storage.sizes() == {}
