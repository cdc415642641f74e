"""The vocabulary and the mention dictionary of a build: every row is found by each of its keys."""

from collections import defaultdict
from pathlib import Path

import pytest

from mlukit import Mentions, Vocabulary
from mlukit.library.mentions import MentionedItem
from mlukit.library.output_folder import OutputError
from mlukit.schemas.records import Entity, qid_number
from tests.small_dumps import rows

BERLIN_TITLES = (("de", "Berlin"), ("en", "Berlin"), ("ja", "ベルリン"))


def test_every_entity_is_found_by_id_by_qid_and_by_each_title(built: Path) -> None:
    vocabulary = Vocabulary.open(built)
    table = rows(built / "vocabulary/vocabulary.parquet")
    assert len(vocabulary) == len(table) > 6
    for row in table:
        entity = vocabulary[row["entity_id"]]
        assert (entity.entity_id, entity.name, entity.count) == (row["entity_id"], row["name"], row["count"])
        if row["qid"]:
            assert vocabulary.by_qid(row["qid"]) == vocabulary.by_qid(qid_number(row["qid"])) == entity
        for title in row["titles"]:
            assert vocabulary.by_title(title["title"], title["language"]) == entity


def test_an_entity_is_a_whole_record(built: Path) -> None:
    found = Vocabulary.open(built).by_title("berlin", "en")
    assert found == Entity(found.entity_id, "Q64", 64, 5, found.counts, BERLIN_TITLES, BERLIN_TITLES)
    assert found.counts == (("de", 2), ("en", 2), ("ja", 1))


def test_titles_are_read_as_in_a_link(built: Path) -> None:
    vocabulary = Vocabulary.open(built)
    spree = vocabulary.by_title("Spree_(river)", "en")
    assert spree is not None and spree.qid == 7
    assert vocabulary.by_title("spree (river)", "en") == spree
    assert [vocabulary.by_title(title, "en") for title in ("Rome", "", "[[", "de:Berlin")] == [None] * 4
    assert vocabulary.by_qid(1) is None


def test_the_special_entities_and_the_end(built: Path) -> None:
    vocabulary = Vocabulary.open(str(built))
    assert vocabulary[2] == Entity(2, "[MASK]", None, 0, (), (), ())
    for wrong in (-1, len(vocabulary)):
        with pytest.raises(IndexError, match=f"no entity {wrong}; accepted: 0 to {len(vocabulary) - 1}"):
            _ = vocabulary[wrong]
    with pytest.raises(ValueError, match="'64' is not a QID"):
        vocabulary.by_qid("64")
    with pytest.raises(OutputError, match="no titles in 'fr'; accepted: de, en, ja"):
        vocabulary.by_title("Berlin", "fr")
    with pytest.raises(OutputError, match="no folder nowhere"):
        Vocabulary.open("nowhere")


@pytest.mark.parametrize("language", ["de", "en", "ja"])
def test_every_anchor_is_found_with_all_its_items(built: Path, language: str) -> None:
    expected = defaultdict(list)
    for row in rows(*sorted((built / "mentions" / language).glob("*.parquet"))):
        expected[row["anchor"]].append(MentionedItem(qid_number(row["qid"]), row["linked"], row["prior"]))
    mentions = Mentions.open(built, language)
    assert expected
    assert {anchor: list(mentions.find(anchor)) for anchor in expected} == expected
    assert mentions.find("no such anchor") == ()


def test_an_output_without_mentions_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="has no finished mentions/en: name the --output"):
        Mentions.open(tmp_path, "en")
