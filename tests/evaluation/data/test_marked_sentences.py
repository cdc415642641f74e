"""KBP37 and RELX as their authors publish them, and files that are not in the form."""

import gzip
from pathlib import Path

import pytest

from mlukit.evaluation.data.marked_sentences import MarkedSentence, marked_sentence, read_marked_sentences
from mlukit.evaluation.data.official_files import OfficialFileError, official_set, official_sets
from mlukit.evaluation.tasks.table import TASKS, load_task

KBP37 = official_set("kbp37")
REAL = Path(__file__).resolve().parents[4] / "shared/data/evaluation"


def read(folder: Path, text: str) -> list[tuple[int, MarkedSentence]]:
    file = folder / "train.txt"
    file.write_text(text, encoding="utf-8")
    return list(read_marked_sentences(KBP37, file))


def test_a_block(tmp_path: Path) -> None:
    text = '7\t" The <e1> Air Guard </e1> ( <e2> MS ANG </e2> ) is here . "\r\norg:alternate_names(e2,e1)\r\n\r\n\r\n'
    assert read(tmp_path, text) == [
        (
            1,
            MarkedSentence("7", "The Air Guard ( MS ANG ) is here.", (4, 13), (16, 22), "org:alternate_names(e2,e1)"),
        )
    ]


@pytest.mark.parametrize(
    ("marked", "text", "first", "second"),
    [
        ("(<e1> A </e1>) x <e2> B </e2>.", "(A) x B.", (1, 2), (6, 7)),
        ("<e2>B</e2>'s <e1>A</e1>", "B's A", (4, 5), (0, 1)),
        ("x <e1> </e1> y <e2> B </e2>", "x  y B", (2, 2), (5, 6)),  # 146 rows of KBP37
        ("中<e1>北京</e1>的<e2>市</e2>", "中北京的市", (1, 3), (4, 5)),
    ],
)
def test_marks_are_taken_out(marked: str, text: str, first: tuple[int, int], second: tuple[int, int]) -> None:
    assert marked_sentence("1", marked, "r") == MarkedSentence("1", text, first, second, "r")


@pytest.mark.parametrize("marked", ["<e1> A </e1>", "<e1>A</e1> <e1>B</e1> <e2>C</e2>", "</e1> A <e1> <e2> B </e2>"])
def test_marks_that_are_not_there_once(marked: str) -> None:
    assert marked_sentence("1", marked, "r") is None


def test_a_row_without_a_relation_stays(tmp_path: Path) -> None:
    row = '{}\t"<e1> A </e1> x <e2> B </e2>"\n'
    found = read(tmp_path, row.format(1) + row.format(2) + "r(e1,e2)\n\n\n" + row.format(3))
    assert [(number, one.id, one.label) for number, one in found] == [(1, "1", ""), (2, "2", "r(e1,e2)"), (6, "3", "")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\n\n", "it has no sentence"),
        ("one two three\n", "line 1 is 'one two three', which has no number with a tab"),
        ('1\t"<e1> A </e1> x"\nr\n', "line 1 does not have <e1> … </e1> … <e2> … </e2> once each"),
        ('1\t"<e1> A </e1> <e2> B </e2>"\nr\n\n\n1\t"<e1> A </e1> <e2> B </e2>"\nr\n', "lines 1 and 5 have the same"),
    ],
)
def test_another_form_is_refused(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(OfficialFileError) as caught:
        read(tmp_path, text)
    for part in (said, "KBP37", "https://github.com/zhangdongxu/kbp37", "blocks of"):
        assert part in str(caught.value)


def test_other_encodings_and_damaged_archives_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "train.txt"
    file.write_bytes("1\té\n".encode("iso-8859-1"))
    with pytest.raises(OfficialFileError, match="byte 2 is not utf-8"):
        KBP37.read_text(file)
    packed = tmp_path / "dev.txt.gz"
    packed.write_bytes(gzip.compress(b"x" * 999)[:20])
    with pytest.raises(OfficialFileError, match="cannot be read"):
        KBP37.read_text(packed)


def test_files_are_found_packed_and_in_a_folder_of_the_set(tmp_path: Path) -> None:
    (tmp_path / "kbp37").mkdir()
    (tmp_path / "kbp37/dev.txt.gz").write_bytes(gzip.compress("ä".encode()))
    assert KBP37.read_text(KBP37.find(tmp_path, "dev.txt")) == "ä"
    with pytest.raises(OfficialFileError, match=r"--data .* has no train.txt, a file of KBP37 \(https://"):
        KBP37.find(tmp_path, "train.txt")
    with pytest.raises(OfficialFileError, match="is not a folder"):
        KBP37.find(tmp_path / "none", "train.txt")


def test_every_set_of_a_task_is_in_the_table() -> None:
    assert {name for task in TASKS for name in load_task(task).official} <= set(official_sets())


@pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} is not there")
def test_the_real_files() -> None:
    numbers = {"train.txt": 15_917, "dev.txt": 1_724, "test.txt": 3_405}
    for name in ("kbp37", "relx"):
        official = official_set(name)
        for file in official.files:
            found = list(read_marked_sentences(official, official.find(REAL, file)))
            assert len(found) == numbers.get(file, 502)
            assert all(one.label for _, one in found)
