import array
import hashlib
from pathlib import Path

import pytest

from mlukit.engine.storage import Storage


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


def test_names_are_no_patterns(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/a.json").touch()
    storage = Storage(str(tmp_path / "[o]*?"))
    storage.write_json("work/a.json", 1)
    assert storage.size("work/a.json") == 2
    assert storage.sizes() == {"work/a.json": 2}
    storage.delete("work/*")
    storage.delete("work/a.json")
    assert storage.sizes() == {}
    assert (tmp_path / "other/a.json").exists()


def test_json_that_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    (tmp_path / "half.json").write_text('{"a": ')
    with pytest.raises(OSError, match=rf"{tmp_path}/none.json does not exist"):
        storage.read_json("none.json")
    with pytest.raises(OSError, match=rf"{tmp_path}/half.json is damaged: Expecting value"):
        storage.read_json("half.json")


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    for content in ("one", "two"):
        with storage.write_folder("index/en") as folder:
            (folder / "deep").mkdir()
            (folder / "deep" / content).write_text(content)
            assert sorted(storage.sizes("index")) == ([] if content == "one" else ["index/en/deep/one"])
        assert storage.sizes("index") == {f"index/en/deep/{content}": 3}
    with pytest.raises(RuntimeError), storage.write_folder("index/en") as folder:
        raise RuntimeError
    assert storage.sizes() == {"index/en/deep/two": 3}


def test_a_file_counts_its_bytes_whatever_is_written(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    with storage.write("a") as stream:
        assert stream.write(memoryview(array.array("q", [1, 2]))) == 16
        assert stream.tell() == 16
        stream.close()  # pyarrow closes what it writes to; the file is still open
        stream.write(b"x")
    assert storage.size("a") == 17
