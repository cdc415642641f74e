"""Every class of difference between what was extracted, what is written, and what MediaWiki recorded."""

from typing import Any

import pyarrow as pa
import pytest

from mlukit.corpus.audit.link_audit import (
    MISSED,
    RECORDED,
    SEEN_PAGES,
    SET_ASIDE,
    WRONG,
    LinkTally,
    SeenPage,
    TablePart,
    compare_pages,
)
from mlukit.corpus.audit.page_links import PAGE_LINKS, UNKNOWN
from mlukit.corpus.audit.written_links import Place


def page(targets: dict[str, str] | None = None, written: dict[str, Place] | None = None, **other: Any) -> SeenPage:
    values = {"page_id": 1, "title": "Bonn", "article": True, "abroad": 0} | other
    return SeenPage(targets=targets or {}, written=written, **values)


def table(*links: tuple[int, int, str | None]) -> TablePart:
    columns = zip(*links, strict=True) if links else [[], [], []]
    return TablePart(
        pa.table([pa.array(c, f.type) for c, f in zip(columns, PAGE_LINKS, strict=True)], schema=PAGE_LINKS)
    )


def compare(seen: SeenPage, rows: TablePart | None) -> LinkTally:
    tally = LinkTally()
    compare_pages([seen], rows, tally)
    tally.counts = +tally.counts
    return tally


def test_a_page_that_the_dump_has_several_times() -> None:
    """As an article, and as the redirect that it was before or became."""
    tally = LinkTally()
    redirects = [page(article=False, page_id=page_id) for page_id in (1, 2, 2)]
    compare_pages(
        [redirects[0], page({"Rhine": "Rhine"}), *redirects[1:]], table((1, 0, "Rhine"), (2, 0, "Bonn")), tally
    )
    assert +tally.counts == {"pages": 1, RECORDED: 1, "right": 1, "right in text": 1, "of redirects": 1}


def test_right_and_missed() -> None:
    seen = page({"Rhine": "Rhine"}, {"Rhine": "text", "Cologne": "text"})
    tally = compare(seen, table((1, 0, "Rhine"), (1, 0, "Cologne")))
    assert tally.counts == {"pages": 1, RECORDED: 1, "right": 1, "right in text": 1, "missed": 1}
    assert tally.precision == 1
    assert tally.recall == 0.5
    assert tally.examples["missed"].items() == [{"page_id": 1, "title": "Bonn", "target": "Cologne", "other": ""}]


@pytest.mark.parametrize(
    ("target", "leads_to", "written", "rows", "name", "other"),
    [
        ("Bonn", "Bonn", "Bonn", (), "self link", ""),
        ("BONN", "Bonn", "BONN", (), "self link", ""),
        ("RHINE", "", "Cologne", ((1, 0, "Rhine"),), "not written", ""),
        ("臺北", "台北", "臺北", ((1, 0, "台北"),), "variant", "台北"),
        ("River rhine", "", "River rhine", ((1, 0, "River Rhine"),), "other spelling", "River Rhine"),
        ("Portal:Rhine", "", "Portal:Rhine", ((1, 100, "Rhine"),), "other namespace", "Rhine"),
        ("Rhine", "", "Rhine", ((1, 0, "Cologne"),), "unknown", ""),
        ("Rhine", "", "Cologne", ((1, 0, "Cologne"),), "not written", ""),
    ],
)
def test_extracted_alone(
    target: str, leads_to: str, written: str, rows: tuple[Any, ...], name: str, other: str
) -> None:
    seen = page({target: leads_to}, {written: "text"})
    tally = compare(seen, table(*rows, (1, 10, "Box")))
    assert tally.counts[name] == 1
    assert tally.examples[name].items()[0]["other"] == other
    assert tally.precision == (0 if name in WRONG else None)


def test_a_template_that_does_not_show_its_argument() -> None:
    tally = compare(page({"Rhine": ""}, {"Rhine": "template"}), table((1, 0, "Cologne")))
    assert tally.counts["argument"] == 1
    assert tally.precision == 0


@pytest.mark.parametrize(
    ("places", "name"),
    [
        ({"Rhine": "text"}, "missed"),
        ({"Rhine": "template"}, "in a template"),
        ({"Rhine": "table"}, "in a table"),
        ({"Rhine": "note"}, "in a note"),
        ({"Rhine": "picture"}, "in a picture"),
        ({}, "out of a template"),
        (None, "not extracted"),
    ],
)
def test_recorded_alone(places: dict[str, Place] | None, name: str) -> None:
    tally = compare(page({}, places), table((1, 0, "Rhine")))
    assert tally.counts == {"pages": 1, RECORDED: 1, name: 1}
    assert name in MISSED or name in SET_ASIDE


def test_missed_spelling() -> None:
    tally = compare(page({"RHINE": ""}, {"Rhine": "text"}), None)
    assert tally.counts == {"pages": 1, "made of a template": 1, "missed spelling": 1}
    assert tally.examples["missed spelling"].items()[0]["other"] == "RHINE"


def test_other_namespaces_and_wikipedias_are_set_aside() -> None:
    tally = compare(page({"Rhine": ""}, {"Rhine": "text"}, abroad=2), table((1, 0, "Rhine"), (1, 14, "Rhine")))
    assert tally.counts["other namespaces"] == 1
    assert tally.counts["other Wikipedias"] == 2
    assert tally.precision == 1


def test_redirects_and_other_pages() -> None:
    rows = table((1, 0, "A"), (2, 0, "A"), (3, 0, "A"), (3, 0, "B"))
    tally = compare(page(article=False), rows)
    assert tally.counts == {"of redirects": 1, "of other pages": 3}


def test_a_page_without_rows_is_not_judged() -> None:
    tally = compare(page({"Rhine": ""}, {"Rhine": "text"}), table((2, 0, "A")))
    assert tally.counts == {"pages": 1, RECORDED: 1, "page without rows": 1, "of other pages": 1}


def test_numbers_alone() -> None:
    rows = [(1, UNKNOWN, None)]
    assert compare(page({"A": ""}), table(*rows)).counts == {
        "pages": 1, "links by number": 1, "extracted by number": 1
    }  # fmt: skip
    assert compare(page({"A": "", "B": ""}), table(*rows)).counts["more than recorded"] == 1


def test_without_a_table_the_wikitext_tells_of_recall_alone() -> None:
    seen = page({"Rhine": "", "Made": "", "Bonn": ""}, {"Rhine": "text", "Cologne": "text", "Ulm": "table"})
    tally = compare(seen, None)
    once = ("pages", "right", "right in text", "made of a template", "self link", "missed", "in a table")
    assert tally.counts == dict.fromkeys(once, 1)
    assert tally.precision is None
    assert tally.recall == 0.5


def test_rows_and_json_keep_everything() -> None:
    for seen in (page({"A": "B"}, {"A": "text", "C": "note"}, abroad=3), page({"A": ""}, None), page(article=False)):
        rows = pa.Table.from_pylist([seen.to_row()], SEEN_PAGES).to_pylist()
        assert SeenPage.from_row(rows[0]) == seen
    tally = compare(page({"A": ""}, {"B": "text"}), None)
    twice = LinkTally.from_json(tally.to_json())
    twice.add(compare(page({"A": ""}, {"B": "text"}, page_id=2), None))
    assert twice.counts["missed"] == 2
    assert sorted(item["page_id"] for item in twice.examples["missed"].items()) == [1, 2]
