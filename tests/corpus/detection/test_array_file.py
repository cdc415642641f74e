"""Files of arrays: a round trip, and what is said of other files."""

import io
from pathlib import Path

import numpy as np
import pytest

from mlukit.corpus.detection.array_file import ArrayFile, ArrayFileError, ArrayFileWriter, read_rows


def write(path: Path, kind: str = "test", version: int = 3, dtype: str = "<u4") -> bytes:
    stream = io.BytesIO()
    writer = ArrayFileWriter(stream)
    assert writer.write("numbers", dtype, [np.arange(3), np.arange(0), np.arange(3, 5)]) == 5
    assert writer.write("none", "<f4", []) == 0
    assert writer.write("more", "<u8", [np.array([2**63], np.uint64)]) == 1
    writer.finish(kind, version, {"rows": 7})
    path.write_bytes(stream.getvalue())
    return stream.getvalue()


def test_round_trip(tmp_path: Path) -> None:
    write(tmp_path / "file")
    file = ArrayFile.open(tmp_path / "file", "test", 3, ["numbers", "none", "more"])
    assert file.facts == {"rows": 7}
    assert {name: array.tolist() for name, array in file.arrays.items()} == {
        "numbers": [0, 1, 2, 3, 4],
        "none": [],
        "more": [2**63],
    }
    assert not file.arrays["numbers"].flags.writeable
    with (tmp_path / "file").open("rb") as stream:
        assert read_rows(stream) == 7


@pytest.mark.parametrize(
    ("kind", "version", "names", "message"),
    [
        ("other", 3, [], "is a 'test' file; accepted: a 'other' file"),
        ("test", 4, [], "is from another version of mlukit: its version is 3, and this mlukit reads 4"),
        ("test", 3, ["lost"], "is damaged: KeyError 'lost'"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, kind: str, version: int, names: list[str], message: str) -> None:
    write(tmp_path / "file")
    with pytest.raises(ArrayFileError, match=message):
        ArrayFile.open(tmp_path / "file", kind, version, names)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path, whole = tmp_path / "file", write(tmp_path / "file")
    for content in (b"", whole[:-1], whole[:50], b"x" * 100, whole[:-30] + whole[-29:]):
        path.write_bytes(content)
        with pytest.raises(ArrayFileError, match="is damaged"):
            ArrayFile.open(path, "test", 3, ["numbers", "none", "more"])
        with pytest.raises(ArrayFileError, match="is damaged"):
            read_rows(io.BytesIO(content))
    with pytest.raises(ArrayFileError, match="does not exist"):
        ArrayFile.open(tmp_path / "none", "test", 3, [])
    write(path, dtype="<i8")
    with pytest.raises(ArrayFileError, match=r"is damaged: ValueError dtype '<i8'; accepted: \|u1, <u4, <u8, <f4"):
        ArrayFile.open(path, "test", 3, ["numbers"])
