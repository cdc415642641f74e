"""Files with a line for each word."""

from pathlib import Path

import pytest

from mlukit.evaluation.data.official_files import OfficialFileError, official_set
from mlukit.evaluation.data.tagged_sentences import Row
from mlukit.evaluation.data.word_columns import read_columns

CONLL = official_set("conll2002")


def read(folder: Path, text: str, *, prefix: str = "", alone: bool = False) -> list[Row]:
    file = folder / "ned.train"
    file.write_text(text, encoding="utf-8", newline="")
    return list(read_columns(CONLL, file, prefix=prefix, alone=alone))


def test_first_and_last_column_and_borders(tmp_path: Path) -> None:
    text = "-DOCSTART- -DOCSTART- O\r\nEl DA O\r\nAbogado\tNC  B-PER\r\n\r\n\r\nGarcía NP I-PER\n-DOCSTART- x\nsin\n"
    assert read(tmp_path, text) == [
        Row("line 2", ["El", "Abogado"], ["O", "B-PER"], True),
        Row("line 6", ["García"], ["I-PER"], False),
        Row("line 8", ["sin"], [None], True),
    ]


def test_other_blanks_are_part_of_a_word(tmp_path: Path) -> None:
    assert read(tmp_path, "5\u00a0000 O\na\u2028b O\n")[0].words == ["5\u00a0000", "a\u2028b"]


def test_a_byte_order_mark_is_no_word(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeffEl O\n")[0].words == ["El"]


def test_sentences_alone_are_documents_unless_the_file_has_borders(tmp_path: Path) -> None:
    text = "a O\n\nb O\n"
    assert [row.begins_document for row in read(tmp_path, text)] == [True, False]
    assert [row.begins_document for row in read(tmp_path, text, alone=True)] == [True, True]
    assert [row.begins_document for row in read(tmp_path, "-DOCSTART-\n\n" + text, alone=True)] == [True, False]


def test_a_language_before_every_word_is_taken_away(tmp_path: Path) -> None:
    assert read(tmp_path, "de:Bonn\tB-LOC\nde::\tO\n", prefix="de:")[0].words == ["Bonn", ":"]
    assert read(tmp_path, "de:Bonn\tB-LOC\nam\tO\n", prefix="de:")[0].words == ["de:Bonn", "am"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("Año O\n".encode("iso-8859-1"), r"byte 1 is not utf-8.*iconv -f ISO-8859-1 -t UTF-8"),
        ("El O\n".encode("utf-16-le"), "it has zero bytes, as UTF-16 has"),
        ("El O\n".encode("utf-16"), "byte 0 is not utf-8"),
    ],
)
def test_other_encodings_are_refused_in_one_line(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / "esp.train").write_bytes(content)
    with pytest.raises(OfficialFileError, match=problem) as error:
        list(read_columns(CONLL, tmp_path / "esp.train"))
    assert "\n" not in str(error.value)
