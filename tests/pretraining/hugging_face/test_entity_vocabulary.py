"""entity_vocab.json as written, and our entities found in another one."""

import json
from pathlib import Path

import pytest

from mlukit.pretraining.hugging_face.entity_vocabulary import match_entities, write_entity_vocabulary


@pytest.fixture
def vocabulary(output: Path) -> Path:
    return output / "vocabulary/vocabulary.parquet"


def test_names(vocabulary: Path, tmp_path: Path) -> None:
    assert write_entity_vocabulary(vocabulary, tmp_path / "entity_vocab.json") == 16
    assert list(json.loads((tmp_path / "entity_vocab.json").read_bytes()).items()) == [
        ("[PAD]", 0),
        ("[UNK]", 1),
        ("[MASK]", 2),
        ("[MASK2]", 3),
        ("Q64", 4),
        ("de:Berlin", 4),
        ("en:Berlin", 4),
        ("ja:ベルリン", 4),
        ("Q183", 5),
        ("de:Deutschland", 5),
        ("en:Germany", 5),
        ("Q1726", 6),
        ("de:München", 6),
        ("en:Munich", 6),
        ("Q42", 7),
        ('en:Douglas "D" Adams', 7),
    ]


def test_a_qid_goes_before_titles(vocabulary: Path) -> None:
    match = match_entities(vocabulary, {"Q64": 9, "de:Berlin": 3, "en:Berlin": 3})
    assert match.rows.tolist() == [-1, -1, -1, -1, 9, -1, -1, -1]
    assert (match.found_by, match.titles_disagree, match.found) == ({"QID": 1}, 0, 1)


@pytest.mark.parametrize(
    ("names", "row", "disagree"),
    [
        ({"ja:ベルリン": 7}, 7, 0),
        ({"de:Berlin": 3, "en:Berlin": 8, "ja:ベルリン": 8}, 8, 1),  # the most
        ({"de:Berlin": 8, "en:Berlin": 3}, 3, 1),  # of several the first
        ({"fr:Berlin": 8, "Berlin": 8}, -1, 0),
    ],
)
def test_titles_vote(names: dict[str, int], row: int, disagree: int, vocabulary: Path) -> None:
    match = match_entities(vocabulary, names)
    assert (match.rows[4], match.titles_disagree) == (row, disagree)


def test_special_entities_go_by_name(vocabulary: Path) -> None:
    other_rows = {"[MASK2]": 0, "[MASK]": 1, "[UNK]": 2, "[PAD]": 3}
    assert match_entities(vocabulary, other_rows).rows.tolist()[:4] == [3, 2, 1, 0]
    del other_rows["[MASK2]"]
    assert match_entities(vocabulary, other_rows).rows.tolist()[:4] == [3, 2, 1, 1]
