"""Tallies of remains of markup: what is counted, and that shards add up in any order."""

from mlukit.corpus.audit.literal_markup import LiteralMarkup
from mlukit.corpus.audit.residue import residue_classes
from mlukit.corpus.audit.residue_tally import WORST_PAGES, ResidueTally
from mlukit.corpus.languages.load import any_language


def tally_of(*pages: tuple[int, str]) -> ResidueTally:
    tally = ResidueTally()
    for page_id, text in pages:
        starts = [0, *(i + 1 for i, character in enumerate(text) if character == "\n")]
        tally.add_page(page_id, f"Page {page_id}", text, starts, residue_classes("en"))
    return tally


def test_tally() -> None:
    tally = tally_of((1, "{{a}}\nclean\nb ,\n{{ , ."), (2, "nothing"))
    assert (tally.pages, tally.paragraphs, tally.all.paragraphs) == (2, 5, 3)
    assert tally.all.places == {"{{ }}": 3, "space before punctuation": 2}
    assert tally.all.paragraphs_of == {"{{ }}": 2, "space before punctuation": 2}
    assert tally.per_thousand() == 600
    assert tally.per_thousand("{{ }}") == 400
    assert tally.worst == [(5, -1, "Page 1", "{{ }} 3, space before punctuation 2")]
    assert {"page_id": 1, "title": "Page 1", "start": 3, "text": "{{a⟦}}⟧⏎clean⏎b ,⏎{{ , ."} in (
        tally.sides["untold"].examples["{{ }}"].items()
    )


def test_an_empty_tally_has_rates() -> None:
    assert ResidueTally().per_thousand() == 0


def test_tallies_of_shards_add_up_in_any_order() -> None:
    pages = [(number, "x [[" * (number % 7) + "\ny ,") for number in range(60)]
    whole = tally_of(*pages)
    for first in (range(0, 60, 2), range(40)):
        inside = [pages[i] for i in first]
        outside = [page for page in pages if page not in inside]
        for one, two in ((inside, outside), (outside, inside)):
            added = ResidueTally.from_json(tally_of(*one).to_json())
            added.add(tally_of(*two))
            assert added.to_json() == whole.to_json()
    assert len(whole.worst) == WORST_PAGES
    assert whole.worst[0][:2] == (7, -6)


def test_what_the_author_wrote_is_no_fault() -> None:
    classes, tally = residue_classes("en"), ResidueTally()
    wikitext = "a , b\n\nc <ref>d</ref>, e\n\nf ({{x}}, {{y}}) g\n\n1 < 2"
    text = "a , b\nc , e\nf ( , ) g\n1 < 2"
    tally.add_page(7, "P", text, [0, 6, 12, 22], classes, LiteralMarkup(wikitext, any_language("en"), classes))
    sides = {side: dict(found.places) for side, found in tally.sides.items()}
    assert sides == {
        "left": {"empty brackets": 1},
        "around a note": {"space before punctuation": 1},
        "written": {"< >": 1, "space before punctuation": 1},
    }
    assert tally.worst == [(1, -7, "P", "empty brackets 1")]
    assert (tally.per_thousand(), tally.per_thousand(side="left")) == (1000, 250)
    assert tally.per_thousand("space before punctuation", "written") == 250
    assert ResidueTally.from_json(tally.to_json()).to_json() == tally.to_json()
