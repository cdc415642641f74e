"""mLAMA's files as questions."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mlukit.evaluation.data.facts.mlama import read_mlama
from mlukit.evaluation.data.facts.questions import Item
from mlukit.evaluation.data.official_files import OfficialFileError
from tests.evaluation.small_mlama import write_lines, write_mlama


@pytest.fixture
def mlama(tmp_path: Path) -> Path:
    return write_mlama(tmp_path / "data")


def test_questions_have_typed_candidates_with_the_qids_of_the_rows(mlama: Path) -> None:
    found = read_mlama(mlama, "trex")
    assert list(found.questions) == ["de", "en"]
    german = {one.id: one for one in found.questions["de"]}
    assert list(german) == ["P36 0", "P36 1", "P36 9", "P17 7", "P17 8"]
    capital = german["P36 0"]
    assert capital.subject == Item("Deutschland", "Q183") and capital.objects == (Item("Berlin", "Q64"),)
    assert capital.relation.template == "[Y] ist die Hauptstadt von [X] ."
    assert list(capital.relation.items) == [Item("Berlin", "Q64"), Item("Paris", "Q90"), Item("Rom"), Item("New York")]
    inside = german["P36 9"]
    assert inside.subject == Item("Paris Rom")  # "/m/0x" is no QID
    assert inside.objects == (Item("Paris"),) and inside.right_items == (Item("Paris", "Q90"),)
    assert [one.id for one in german.values() if one.object_in_subject] == ["P36 9"]
    assert found.left_out == {
        "the relation has no template with [X] and [Y]": ["de P9", "en P9"],
        "the relation has no file of triples": ["de P1", "en P1"],
    }
    assert found.faults == {}


def test_an_object_that_is_no_candidate_is_a_fault(mlama: Path) -> None:
    found = read_mlama(mlama, "googlere", ["en"])
    assert [one.id for one in found.questions["en"]] == ["place_of_birth 0"] and found.faults == {}
    file = mlama / "mlama1.1/en/place_of_birth.jsonl"
    write_lines(file, [{"lineid": 3, "sub_label": "Germany", "obj_label": "Bonn", "obj_uri": "Q586"}])
    found = read_mlama(mlama, "googlere", ["en"])
    assert found.faults == {"without a right object among the candidates": ["en place_of_birth 3 ('Bonn')"]}
    assert found.left_out == {"the relation has no file of triples": ["en date_of_birth"]}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "mlama1.1/de/templates.jsonl").unlink(), "has no mlama1.1/de/templates.jsonl"),
        (
            lambda folder: (folder / "TREx_multilingual_objects/de.json").unlink(),
            "has no TREx_multilingual_objects/de.json",
        ),
        (
            lambda folder: (folder / "TREx_multilingual_objects/de.json").write_text('{"P36": ["Berlin"]}'),
            "TREx_multilingual_objects/de.json: it cannot be read",
        ),
        (
            lambda folder: (folder / "mlama1.1/de/P36.jsonl").write_text("{}\n"),
            "P36.jsonl: line 1: 'sub_label' is None, and should be a text",
        ),
        (lambda folder: (folder / "mlama1.1/de/P36.jsonl").write_text("P36\n"), "P36.jsonl: line 1 is not JSON"),
        (lambda folder: (folder / "mlama1.1/de/P36.jsonl").write_bytes(b"\xff"), "P36.jsonl: byte 0 is not utf-8"),
        (
            lambda folder: (folder / "mlama1.1/de/P36.jsonl").write_text(
                2 * (json.dumps({"lineid": 5, "sub_label": "X", "obj_label": "Paris"}) + "\n")
            ),
            "P36.jsonl: lines 1 and 2 have the same lineid, 5",
        ),
    ],
)
def test_missing_and_wrong_files(mlama: Path, spoil: Callable[[Path], object], message: str) -> None:
    spoil(mlama)
    with pytest.raises(OfficialFileError) as caught:
        read_mlama(mlama, "trex", ["de"])
    assert message in str(caught.value)
    assert "mLAMA 1.1" in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_without_mlama(tmp_path: Path) -> None:
    with pytest.raises(OfficialFileError, match=r"has no mlama1.1/en/templates.jsonl, a file of mLAMA 1.1"):
        read_mlama(tmp_path, "trex")
