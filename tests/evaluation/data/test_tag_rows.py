"""Parquet and JSON lines in the Hub's form of token classification."""

import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from mlukit.evaluation.data.official_files import OfficialFileError, official_set
from mlukit.evaluation.data.tag_rows import read_tag_rows
from mlukit.evaluation.data.tagged_sentences import Row

SET = official_set("wikiann")
NAMES = ["O", "B-PER", "I-PER"]
TABLE = {"tokens": [["Ada", "Byron"], ["Hm"], []], "ner_tags": [[1, 2], [0], []], "langs": [["en"] * 2, ["en"], []]}
ROWS = [
    Row("row 1", ["Ada", "Byron"], ["B-PER", "I-PER"], True),
    Row("row 2", ["Hm"], ["O"], True),
]


def write_parquet(file: Path, table: dict[str, Any], names: list[str] | None = None) -> Path:
    features = {"ner_tags": {"feature": {"names": names, "_type": "ClassLabel"}, "_type": "Sequence"}}
    described = {"huggingface": json.dumps({"info": {"features": features}})} if names else {}
    pyarrow.parquet.write_table(pyarrow.table(table).replace_schema_metadata(described), file)
    return file


def write_lines(file: Path, *rows: Any) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_parquet_has_the_names_of_its_tags(tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "train.parquet", TABLE, NAMES)
    assert list(read_tag_rows(SET, [file])) == ROWS


def test_parts_are_numbered_through(tmp_path: Path) -> None:
    files = [write_parquet(tmp_path / f"test-{part}.parquet", TABLE) for part in range(2)]
    assert [row.id for row in read_tag_rows(SET, files, NAMES)] == ["row 1", "row 2", "row 4", "row 5"]


def test_json_lines_with_numbers_and_with_texts(tmp_path: Path) -> None:
    numbers = write_lines(
        tmp_path / "a.jsonl", *({"tokens": r.words, "ner_tags": list(map(NAMES.index, r.tags))} for r in ROWS)
    )
    texts = write_lines(tmp_path / "b.jsonl", *({"tokens": row.words, "ner_tags": row.tags} for row in ROWS))
    assert list(read_tag_rows(SET, [numbers], NAMES)) == list(read_tag_rows(SET, [texts])) == ROWS


def test_rows_without_tags_stay(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "a.jsonl", {"tokens": ["Ada", "ran"]}, {"tokens": ["x"], "ner_tags": [None]})
    assert [row.tags for row in read_tag_rows(SET, [file])] == [[None, None], [None]]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"tokens": ["Ada"], "ner_tags": [1]}, "row 1 has the tag 1; give the names of the tags with --tag-names"),
        ({"tokens": ["Ada"], "ner_tags": []}, "row 1 has 1 tokens, but not as many ner_tags"),
        ({"words": ["Ada"]}, "row 1 has no tokens, a list of words"),
        ([], "row 1 has no tokens"),
    ],
)
def test_wrong_rows_are_one_error(tmp_path: Path, row: Any, problem: str) -> None:
    with pytest.raises(OfficialFileError, match=problem):
        list(read_tag_rows(SET, [write_lines(tmp_path / "train.jsonl", row)]))


def test_wrong_files_are_one_error(tmp_path: Path) -> None:
    (tmp_path / "train.parquet").write_bytes(b"PAR1")
    with pytest.raises(OfficialFileError, match="it cannot be read as Parquet"):
        list(read_tag_rows(SET, [tmp_path / "train.parquet"]))
    (tmp_path / "train.jsonl").write_text("{")
    with pytest.raises(OfficialFileError, match="line 1 is not JSON"):
        list(read_tag_rows(SET, [tmp_path / "train.jsonl"]))
    with pytest.raises(OfficialFileError, match="it has no column ner_tags"):
        list(read_tag_rows(SET, [write_parquet(tmp_path / "test.parquet", {"tokens": [["a"]]})]))
    with pytest.raises(OfficialFileError, match="row 1 has the tag 7; the names of tags are O, B-PER, I-PER"):
        list(read_tag_rows(SET, [write_lines(tmp_path / "a.jsonl", {"tokens": ["a"], "ner_tags": [7]})], NAMES))
