"""Differences between two parsers, counted over pages."""

import json

import pytest

from mlukit.corpus.audit import parser_tally
from mlukit.corpus.audit.parser_tally import FAILED, MOST_CHARACTERS, TOO_LONG, ParserTally, is_in_sample
from mlukit.corpus.languages.load import any_language
from mlukit.schemas.records import Page

EN = any_language("en")


def page(number: int, text: str) -> Page:
    return Page(number, number, 0, f"Page {number}", None, text)


PAGES = [page(1, "[[dog]]s and [[cat]]s"), page(2, "== A ==\n[[Page 2]] and [[b]]."), page(3, "[[a|b [[c]] d]]")]


def tally(pages: list[Page]) -> ParserTally:
    found = ParserTally()
    for one in pages:
        found.add_page(one, EN)
    return found


def test_a_page_is_counted_by_kind_and_class_with_examples() -> None:
    found = tally(PAGES[:2])
    assert (found.pages, found.left_out) == (2, {})
    assert found.facts == {"link": 4, "heading": 1, "paragraph": 2}
    assert found.differences == {"link trail": 2, "self link": 1}
    assert found.examples["self link"].items() == [
        {"page_id": 2, "title": "Page 2", "only_in": "theirs", "kind": "link", "target": "en:Page 2", "text": "Page 2"}
    ]
    assert sorted((one["only_in"], one["text"]) for one in found.examples["link trail"].items()) == [
        ("ours", "cats"),
        ("ours", "dogs"),
        ("theirs", "cat"),
        ("theirs", "dog"),
    ]


def test_adding_the_tallies_of_parts_gives_the_tally_of_the_whole() -> None:
    whole = tally(PAGES)
    parts = tally(PAGES[2:])
    parts.add(ParserTally.from_json(json.loads(json.dumps(tally(PAGES[:2]).to_json()))))
    assert parts.to_json() == whole.to_json()
    assert whole.differences["unexplained"] > 0


def test_pages_that_are_not_compared_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RecursionError

    found = tally([page(1, "a" * (MOST_CHARACTERS + 1))])
    monkeypatch.setattr(parser_tally, "compare", fail)
    found.add_page(page(2, "a"), EN)
    assert (found.pages, found.left_out) == (0, {TOO_LONG: 1, FAILED: 1})


def test_a_sample_grows_with_its_share_and_has_about_its_size() -> None:
    few, many = ({number for number in range(10_000) if is_in_sample(number, share)} for share in (0.1, 0.3))
    assert few < many
    assert 900 < len(few) < 1100 and 2850 < len(many) < 3150
    assert all(is_in_sample(number, 1.0) for number in range(1000))
    assert not any(is_in_sample(number, 0.0) for number in range(1000))
