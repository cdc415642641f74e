"""Match tables: what is written is found, and nothing else."""

import io
from pathlib import Path
from unittest.mock import patch

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mlukit.corpus.detection import match_table
from mlukit.corpus.detection.anchor_entries import merge_entries
from mlukit.corpus.detection.array_file import ArrayFileWriter
from mlukit.corpus.detection.match_table import NOTHING, MatchTable, heap_piece
from tests.written_mention_table import write_match_table

HASHES = (
    st.integers(1, (1 << 64) - 1) | st.integers(1 << 32, (1 << 32) + 40) | st.integers((1 << 64) - 9, (1 << 64) - 1)
)


@given(
    entries=st.dictionaries(HASHES, st.integers(0, 99), max_size=60), others=st.sets(HASHES), pieces=st.integers(1, 4)
)
def test_round_trip_of_any_hashes(
    tmp_path_factory: object, entries: dict[int, int], others: set[int], pieces: int
) -> None:
    keys = np.array(sorted(entries), np.uint64)
    values = np.array([entries[key] for key in sorted(entries)], np.uint32)
    split = list(zip(np.array_split(keys, pieces), np.array_split(values, pieces), strict=True))
    path = Path(f"{tmp_path_factory.mktemp('tables')}/table")  # type: ignore[attr-defined]
    with path.open("wb") as stream:
        writer = ArrayFileWriter(stream)
        facts = match_table.write_match_table(writer, lambda: split, len(keys), lambda: [])
        writer.finish(match_table.KIND, match_table.VERSION, facts)
    table = MatchTable.open(path)
    wanted = [*entries, *others, 0]
    found = table.values_of(np.array(wanted, np.uint64)).tolist()
    assert found == [entries.get(one, NOTHING) for one in wanted]
    assert len(table) == 0


def test_rows_are_compared_as_texts(tmp_path: Path) -> None:
    write_match_table(tmp_path / "table", "en", ["New York", "York", "Ärzte", "a" * 5000])
    table = MatchTable.open(tmp_path / "table")
    assert table.rows_of(["Ärzte", "New", "York", "", "New York", "a" * 5000, "b"]).tolist() == [2, -1, 1, -1, 0, 3, -1]
    assert [table.anchor(row) for row in range(len(table))] == ["New York", "York", "Ärzte", "a" * 5000]
    with patch.object(match_table, "hash_texts", lambda texts: table.keys[table.values == 2 * 1]):
        assert table.rows_of(["Yorx"]).tolist() == [-1]  # another text with the hash of "York"


def test_entries_with_one_hash_become_one() -> None:
    one = np.array([9, 5, 0], np.uint64), np.array([2 * 7, 2 * match_table.NO_ROW + 1, 8], np.uint32)
    other = np.array([9, 5, 7], np.uint64), np.array([2 * 4, 2 * 3, 2 * 1], np.uint32)
    hashes, values = merge_entries([one, other])
    assert (hashes.tolist(), values.tolist()) == ([5, 7, 9], [2 * 3 + 1, 2 * 1, 2 * 4])
    assert merge_entries([])[0].tolist() == []


def test_heaps() -> None:
    lengths, heap = heap_piece(["a", "", "ä"])
    assert (lengths.tolist(), heap.tobytes()) == ([1, 0, 2], "aä".encode())
    assert io.BytesIO(heap_piece([])[1]).read() == b""
