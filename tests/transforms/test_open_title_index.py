"""Copies of the indexes of an output on an object store."""

import os
from pathlib import Path

import pytest

from mlukit.engine.storage import Storage
from mlukit.transforms.open_title_index import local_folders, own_copy
from tests.memory_files import MemoryFiles

FILES = {"index/en/titles": b"abc", "index/en/header.json": b"{}", "index/en/carried/header.json": b"[]"}


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Storage:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(MemoryFiles, "files", {f"memory://out/{path}": content for path, content in FILES.items()})
    monkeypatch.setattr(MemoryFiles, "times", {})
    return Storage("memory://out")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of objects that are read, in order."""
    paths: list[str] = []
    content = MemoryFiles._content

    def note(self: MemoryFiles, path: str) -> bytes:
        paths.append(path.removeprefix("memory://out/index/"))
        return content(self, path)

    monkeypatch.setattr(MemoryFiles, "_content", note)
    return paths


def copied(storage: Storage) -> dict[str, bytes]:
    folder = local_folders(storage, ["en"])["en"]
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {f"index/en/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in files}


def test_a_copy_is_made_once(storage: Storage, opened: list[str]) -> None:
    assert copied(storage) == FILES
    assert copied(storage) == FILES
    assert sorted(opened) == ["en/carried/header.json", "en/header.json", "en/titles"]


def test_a_layer_that_comes_later_is_all_that_is_fetched(storage: Storage, opened: list[str]) -> None:
    copied(storage)
    opened.clear()
    MemoryFiles.files["memory://out/index/en/asked/header.json"] = b"1"
    assert copied(storage) == {**FILES, "index/en/asked/header.json": b"1"}
    assert opened == ["en/asked/header.json"]


def test_a_file_made_anew_is_fetched_anew_though_it_has_the_same_size(storage: Storage) -> None:
    copied(storage)
    path = "memory://out/index/en/titles"
    MemoryFiles.files[path], MemoryFiles.times[path] = b"xyz", 7.0
    assert copied(storage)["index/en/titles"] == b"xyz"


def test_a_file_that_did_not_come_whole_is_an_error(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoryFiles, "_content", lambda self, path: b"a")
    with pytest.raises(OSError, match=r"memory://out/index/en/.* has \d bytes, but 1 bytes were received"):
        copied(storage)
    monkeypatch.undo()


def test_half_a_file_of_a_process_that_was_killed_is_not_read(storage: Storage, tmp_path: Path) -> None:
    copied(storage)
    (cache,) = tmp_path.iterdir()
    for path in (cache / "files").iterdir():
        path.rename(path.with_name(f"{path.name}.part"))
        path.with_name(f"{path.name}.part").write_bytes(b"half of it, or more than that")
    for folder in [path for path in cache.iterdir() if path.is_dir() and path.name != "files"]:
        folder.rename(folder.with_name("gone"))
    assert copied(storage) == FILES


def test_what_was_not_used_for_long_goes(storage: Storage, tmp_path: Path) -> None:
    for hour in range(3):  # each time the old folder goes, with the files that no other has
        MemoryFiles.times["memory://out/index/en/titles"] = hour
        assert copied(storage) == FILES
        (cache,) = tmp_path.iterdir()
        for path in (*cache.iterdir(), *(cache / "files").iterdir()):
            os.utime(path, (0, 0))
    assert len([path for path in cache.iterdir() if path.is_dir()]) == 2  # files, and the last folder
    assert len(list((cache / "files").iterdir())) == 3


def test_another_users_folder_is_not_used(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    other = os.getuid() + 1
    monkeypatch.setattr("os.getuid", lambda: other)
    with pytest.raises(
        OSError, match=rf"mlukit-index-{other} belongs to another user: delete the folder, or set TMPDIR"
    ):
        copied(storage)


def test_a_copy_of_ones_own(storage: Storage) -> None:
    with own_copy(local_folders(storage, ["en"])["en"]) as folder:
        (folder / "titles").unlink()
        (folder / "more").touch()
    assert copied(storage) == FILES
    assert not folder.exists()
