"""Tags of IOB1, IOB2 and IO, and what is made of them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlukit.evaluation.data.official_files import OfficialFileError, official_set
from mlukit.evaluation.data.tagged_sentences import (
    UNTAGGED,
    Entity,
    Row,
    TagError,
    TaggedFile,
    entities_of,
    tagged_file,
    tags_of,
)

CONLL = official_set("conll2002")


@pytest.mark.parametrize(
    ("tags", "entities"),
    [
        ("O O", []),
        ("B-PER I-PER O", [(0, 2, "PER")]),
        ("B-PER B-PER", [(0, 1, "PER"), (1, 2, "PER")]),
        ("I-PER I-PER I-LOC", [(0, 2, "PER"), (2, 3, "LOC")]),
        ("I-PER B-PER I-PER O I-PER", [(0, 1, "PER"), (1, 3, "PER"), (4, 5, "PER")]),
        ("B-LOC I-PER", [(0, 1, "LOC"), (1, 2, "PER")]),
    ],
)
def test_one_rule_reads_the_three_schemes(tags: str, entities: list[tuple[int, int, str]]) -> None:
    assert entities_of(tags.split()) == tuple(Entity(*one) for one in entities)


def test_words_without_a_tag_are_an_entity_that_nothing_predicts() -> None:
    assert entities_of(["B-PER", None, None, "O"]) == (Entity(0, 1, "PER"), Entity(1, 3, UNTAGGED))


@pytest.mark.parametrize("tag", ["S-PER", "B", "PER", "b-PER", "B-", ""])
def test_other_tags_are_refused(tag: str) -> None:
    with pytest.raises(TagError, match="accepted are O, B-TYPE and I-TYPE"):
        entities_of(["O", tag])


@st.composite
def entities(draw: st.DrawFn) -> tuple[list[Entity], int]:
    """Entities without overlap, and the words of their sentence."""
    found, start = [], 0
    parts = st.tuples(st.integers(0, 2), st.integers(1, 3), st.sampled_from("AB"))
    for gap, length, label in draw(st.lists(parts, max_size=6)):
        found.append(Entity(start + gap, start + gap + length, label))
        start = found[-1].end
    return found, start + draw(st.integers(0, 2))


@given(entities())
def test_tags_and_entities_are_inverse(made: tuple[list[Entity], int]) -> None:
    found, words = made
    assert list(entities_of(tags_of(found, words))) == found


def read(*tags: str) -> TaggedFile:
    rows = [Row(f"line {number}", one.split(), one.split(), number == 0) for number, one in enumerate(tags)]
    return tagged_file(CONLL, Path("esp.train"), rows)


@pytest.mark.parametrize(
    ("tags", "scheme", "changed"),
    [
        (["B-PER I-PER O B-LOC"], "IOB2", 0),
        (["I-PER I-PER O I-LOC", "I-PER"], "IO", 3),
        (["I-PER B-PER I-LOC"], "IOB1", 2),
        (["B-PER O I-LOC"], "mixed", 1),
    ],
)
def test_the_scheme_is_told_and_changes_are_counted(tags: list[str], scheme: str, changed: int) -> None:
    file = read(*tags)
    assert (file.scheme, file.changed) == (scheme, changed)
    shown = f"esp.train: its tags are {scheme}; {changed} of them are read as B, as IOB2 has it"
    assert file.conversion() == (shown if changed else "")


def test_documents() -> None:
    rows = [Row(str(number), [f"w{number}"], ["O"], number in (0, 2)) for number in range(3)]
    file = tagged_file(CONLL, Path("f"), rows)
    assert [one.document.sentences for one in file.sentences] == [[("w0",), ("w1",)]] * 2 + [[("w2",)]]
    assert [one.number for one in file.sentences] == [0, 1, 0]
    assert file.has_borders
    assert not read("O", "O").has_borders


def test_an_empty_file_and_a_wrong_tag_name_the_set() -> None:
    with pytest.raises(OfficialFileError, match=r"it has no sentence\. It should be a file of CoNLL-2002"):
        read()
    with pytest.raises(OfficialFileError, match=r"the sentence at line 0 has the tag 'E-PER'; accepted are O"):
        read("E-PER")
    with pytest.raises(OfficialFileError, match="no sentence has a tag at every word; the first is at line 0"):
        tagged_file(CONLL, Path("esp.train"), [Row("line 0", ["one", "two"], ["O", None], True)])
