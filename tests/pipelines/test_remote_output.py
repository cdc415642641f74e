"""Dumps and output on a filesystem that is no local disk."""

from collections.abc import Iterator, MutableMapping
from pathlib import Path

import pytest

from tests.memory_files import MemoryFiles, SharedObjects
from tests.small_dumps import IN_MEMORY, Ran, checksums, run


@pytest.fixture
def store(dumps: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[MutableMapping[str, bytes]]:
    """The objects, the dumps of the small wikis among them under memory://dumps/."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))  # where copies of indexes are kept
    files = SharedObjects(tmp_path / "objects")
    files.update({f"memory://dumps/{path.name}": path.read_bytes() for path in dumps.iterdir()})
    monkeypatch.setattr(MemoryFiles, "files", files)
    yield files


def build(*flags: object) -> Ran:
    return run(
        *("build", "--dumps", "memory://dumps", "--output", "memory://out/of/2026", IN_MEMORY),
        *("--sentencepiece-model", "memory://dumps/tokenizer.model", "--min-languages", 1, "--validation-share", 0.1),
        *flags,
    )


def written(store: MutableMapping[str, bytes]) -> dict[str, bytes]:
    prefix = "memory://out/of/2026/"
    return {path.removeprefix(prefix): content for path, content in store.items() if path.startswith(prefix)}


def test_the_same_bytes_as_on_a_local_disk(store: MutableMapping[str, bytes], counted: Path) -> None:
    ran = build("--link-probability")
    assert ran.status == 0, ran.err
    files = {path: content for path, content in written(store).items() if path != "run.json"}
    assert sorted(files) == sorted(checksums(counted))
    assert {path for path, content in files.items() if (counted / path).read_bytes() != content} == set()
    again = build("--link-probability")
    assert (again.status, again.err.count("already finished, nothing to do")) == (0, 4)


def test_what_a_broken_run_left_is_removed(store: MutableMapping[str, bytes], built: Path) -> None:
    left = ("examples/en/train-00007.parquet", "_work/aside/0123", "_work/parse/en/articles-00009.parquet")
    store.update({f"memory://out/of/2026/{path}": b"x" for path in left})
    store["memory://out/of/2026/run.json"] = b'{"runs": []}'
    assert build().status == 0
    assert not set(left) & set(written(store))


def test_inspect(store: MutableMapping[str, bytes]) -> None:
    assert build().status == 0
    for folder in ("", "/articles/en", "/examples/ja", "/vocabulary", "/failures/en"):
        ran = run("inspect", f"memory://out/of/2026{folder}")
        assert (ran.status, ran.err) == (0, ""), ran
        assert ran.out


def test_an_output_with_something_else_in_it(store: MutableMapping[str, bytes]) -> None:
    store["memory://out/of/2026/thesis.tex"] = b""
    ran = build()
    assert ran.status == 2
    assert "--output memory://out/of/2026 has files that mlukit did not write (thesis.tex)" in ran.err


def test_dumps_in_folders_and_by_hand(store: MutableMapping[str, bytes], built: Path) -> None:
    for path in [path for path in store if "dewiki" in path]:
        name = path.rpartition("/")[2]
        store[f"memory://dumps/dewiki/20260901/{name}"] = store.pop(path)
    store["memory://else/[en].xml.bz2"] = store.pop("memory://dumps/enwiki-20260901-pages-articles.xml.bz2")
    ran = build("--dump", "en=memory://else/[en].xml.bz2")
    assert ran.status == 0, ran.err
    local = (built / "articles/en/train-00000.parquet").read_bytes()
    assert written(store)["articles/en/train-00000.parquet"] == local
    missing = build("--dump", "en=memory://else/none.xml.bz2")
    assert (missing.status, missing.err) == (
        2,
        "mlukit build: --dump en=memory://else/none.xml.bz2: there is no such file\n",
    )
