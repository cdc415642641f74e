"""Which files of --data are which split of which language."""

import shutil
from pathlib import Path

import pytest

from mlukit.evaluation.data.official_files import OfficialFileError
from mlukit.evaluation.data.tagged_files import find_tagged_files

ONE = "en:Bonn\tB-LOC\n\nen:ran\tO\n"


def put(folder: Path, *names: str, text: str = ONE) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_conll_by_its_official_names(tmp_path: Path) -> None:
    put(tmp_path, "esp.train", "conll2002/ned.testb", "conll2003/eng.testa", "kbp37/test.txt")
    splits = find_tagged_files(tmp_path).splits
    assert {language: sorted(found) for language, found in splits.items()} == {
        "en": ["dev"],
        "es": ["train"],
        "nl": ["test"],
    }
    assert not splits["es"]["train"].read(()).has_borders


def test_a_folder_for_each_language(tmp_path: Path) -> None:
    put(tmp_path, "en/train", "en/dev.txt", "en/test.conll", "en/extra", "de/test", "zh/README.md")
    splits = find_tagged_files(tmp_path).splits
    assert {language: sorted(found) for language, found in splits.items()} == {
        "de": ["test"],
        "en": ["dev", "test", "train"],
    }
    file = splits["en"]["train"].read(())
    assert [one.words for one in file.sentences] == [("Bonn",), ("ran",)]
    assert file.has_borders


def test_parts_of_the_hub(tmp_path: Path) -> None:
    names = [
        "en/validation-00000-of-00002.parquet",
        "en/validation-00001-of-00002.parquet",
        "wikiann/de/test/0000.parquet",
    ]
    put(tmp_path, *names)
    splits = find_tagged_files(tmp_path).splits
    assert [path.name for path in splits["en"]["dev"].paths] == [Path(name).name for name in names[:2]]
    assert [path.name for path in splits["de"]["test"].paths] == ["0000.parquet"]


def test_one_split_in_two_forms_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "en/dev", "en/validation.jsonl")
    with pytest.raises(OfficialFileError, match=r"several files are dev: dev, validation.jsonl"):
        find_tagged_files(tmp_path)


@pytest.mark.parametrize(
    ("names", "language", "problem"),
    [
        ([], "en", r"has no eng\.train, a file of CoNLL-2003 \(https://"),
        (["esp.testb"], "es", r"has no esp\.train, a file of CoNLL-2002"),
        (["de/test"], "en", r"has no en/train, a file of WikiANN"),
        (["esp.testb"], "hi", r"has no hi/train, a file of WikiANN"),
    ],
)
def test_a_missing_file_is_named_with_its_publisher(
    tmp_path: Path, names: list[str], language: str, problem: str
) -> None:
    put(tmp_path, *names)
    with pytest.raises(OfficialFileError, match=problem):
        find_tagged_files(tmp_path).find(language, "train")
    shutil.rmtree(tmp_path)
    with pytest.raises(OfficialFileError, match=r"is not a folder, a file of CoNLL-2003"):
        find_tagged_files(tmp_path).tests("en")
