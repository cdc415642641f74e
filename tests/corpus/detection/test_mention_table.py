"""The mention dictionary as a file."""

from pathlib import Path

import pytest

from mlukit.corpus.detection.array_file import ArrayFileError
from mlukit.corpus.detection.mention_table import MentionTable
from tests.written_mention_table import Anchor, write_dictionary, write_match_table


@pytest.fixture
def table(tmp_path: Path) -> MentionTable:
    anchors = [
        Anchor("Berlin", 0.25, {64: 8, 821244: 2}),
        Anchor("Spree", 0.125, {1585: 2}),
        Anchor("die Spree", 1.0, {1585: 1, 7: 1}),
    ]
    titles = {64: "Berlin", 1585: "Spree (Fluss)", 7: "Oder (Fluss)"}
    path = write_dictionary(
        tmp_path / "dictionary", "de", anchors, titles, {1585: "Spree", 64: "Berlin", 821244: "Ort"}
    )
    return MentionTable.open(path)


def test_content(table: MentionTable) -> None:
    assert (table.language, len(table)) == ("de", 3)
    assert table.link_probability.tolist() == [0.25, 0.125, 1.0]
    qids, priors = table.candidates(0)
    assert (qids.tolist(), priors.tolist(), table.linked(0).tolist()) == (
        [64, 821244],
        pytest.approx([0.8, 0.2]),
        [8, 2],
    )
    assert table.candidates(2)[0].tolist() == [7, 1585]
    assert [table.title_of(qid) for qid in (64, 1585, 821244, 1, -1, 1 << 40)] == [
        "Berlin",
        "Spree (Fluss)",
        *[None] * 4,
    ]
    assert [table.label_of(qid) for qid in (64, 1585, 821244, 7, 1)] == ["Berlin", "Spree", "Ort", "Oder", None]


def test_search(table: MentionTable) -> None:
    found = table.find("Berlin liegt an der Spree.")
    assert (found.start.tolist(), found.end.tolist()) == ([0, 20], [6, 25])
    assert [table.anchor(row) for row in found.anchor.tolist()] == ["Berlin", "Spree"]
    assert table.find_each(["", "die Spree"]).text.tolist() == [1, 1]


def test_a_dictionary_without_anchors(tmp_path: Path) -> None:
    table = MentionTable.open(write_dictionary(tmp_path / "dictionary", "ja", []))
    assert (len(table), len(table.find("東京")), table.title_of(64), table.label_of(64)) == (0, 0, None, None)


def test_other_files_are_refused(tmp_path: Path) -> None:
    write_match_table(tmp_path / "table", "de", ["Berlin"])
    with pytest.raises(ArrayFileError, match="is a 'match table' file; accepted: a 'mention dictionary' file"):
        MentionTable.open(tmp_path / "table")
