"""Names in texts, and the items that they mean."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mlukit
from mlukit.linker.annotation import Annotation, Candidate
from mlukit.linker.linker import Linker
from tests.linker.written_output import ANCHORS, write_output


def test_the_names_of_a_text(linker: Linker) -> None:
    assert linker("Paris liegt nicht an der Spree.") == [
        Annotation(0, 5, "Paris", "Q90", "Paris", "Paris", 1.0, pytest.approx(0.3)),
        Annotation(25, 30, "Spree", "Q1585", "Spree", "Spree", 1.0, pytest.approx(0.8)),
    ]


def test_the_names_around_decide(linker: Linker) -> None:
    alone, by_river = linker.pipe(["Berlin ist klein.", "Die Spree fließt durch Berlin."])
    assert [(one.qid, one.title, one.label) for one in alone] == [("Q821244", "Berlin (New Hampshire)", "Berlin")]
    assert alone[0].score == pytest.approx(0.6)
    assert [one.qid for one in by_river] == ["Q1585", "Q64"]
    assert by_river[1].score > 0.9


def test_all_candidates(linker: Linker) -> None:
    (found,) = linker("Berlin", candidates=True)
    assert found.candidates == (
        Candidate("Q821244", "Berlin (New Hampshire)", "Berlin", pytest.approx(0.6), pytest.approx(0.6)),
        Candidate("Q64", "Berlin", "Berlin", pytest.approx(0.4), pytest.approx(0.4)),
    )


def test_the_longest_name_and_the_threshold(output: Path) -> None:
    text = "die New York Times, die neue"
    assert [one.text for one in Linker.open(output, "de")(text)] == ["New York"]
    assert [one.text for one in Linker.open(output, "de", threshold=0.45)(text)] == []
    assert [one.text for one in Linker.open(output, "de", threshold=0)(text)] == ["die", "New York", "die"]


def test_offsets_are_those_of_the_given_text(linker: Linker) -> None:
    text = "\U0001f600 Ka\u0308se <b> aus New_York\u00ad"
    assert [(one.start, one.end, one.text) for one in linker(text)] == [
        (2, 11, "Ka\u0308se <b>"),
        (16, 24, "New_York"),
    ]


NAMES = [anchor.anchor for anchor in ANCHORS]
PIECES = st.sampled_from([*NAMES, " ", "_", ".", "\n", "\u00ad", "\u0301", "\ud800", "\U0001f600", "é", "ß"])


@given(st.lists(PIECES | st.text(max_size=5)).map("".join))
def test_any_text(any_linker: Linker, text: str) -> None:
    end = 0
    for found in any_linker(text, candidates=True):
        assert end <= found.start < found.end <= len(text)
        assert text[found.start : found.end] == found.text
        assert [found.qid, found.score] == [found.candidates[0].qid, found.candidates[0].score]
        assert sum(one.score for one in found.candidates) == pytest.approx(1)
        end = found.end


@pytest.fixture(scope="module")
def any_linker(output: Path) -> Linker:
    return Linker.open(output, "de")


def test_a_long_line_is_linear(linker: Linker) -> None:
    text = "Berlin New Spree New York, " * 20_000
    began = time.process_time()
    assert len(linker(text)) == 80_000
    assert time.process_time() - began < 60


def test_the_class_is_at_the_top(output: Path) -> None:
    assert mlukit.Linker is Linker
    assert mlukit.Linker.open(str(output), "de").language == "de"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("nothing", "OUT has no mention dictionary of the language 'dee'; did you mean 'de'?"),
        ("_dictionary.arrays", "OUT has no link probabilities ("),
        ("_related.arrays", "_related.arrays does not exist. Write it again: mlukit mentions "),
        ("mentions", "OUT has no mention dictionary: name the output folder of mlukit build"),
    ],
)
def test_what_is_refused(tmp_path: Path, change: str, told: str) -> None:
    written = write_output(tmp_path / "OUT")
    if change == "mentions":
        (written / "mentions").rename(written / "other")
    for file in written.rglob(change):
        file.unlink()
    with pytest.raises(ValueError, match=r"mlukit|mean") as error:
        Linker.open(written, "dee" if change == "nothing" else "de")
    assert told in str(error.value)


def test_a_damaged_dictionary(tmp_path: Path) -> None:
    file = write_output(tmp_path / "OUT") / "mentions/de/_dictionary.arrays"
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(
        ValueError, match=r"the end of the file is missing. Write it again: mlukit mentions .*OUT --overwrite"
    ):
        Linker.open(tmp_path / "OUT", "de")
