import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlukit.corpus.dumps.mediawiki_tables import DisambiguationPage, LangLink, PageItem, RedirectRow
from mlukit.corpus.linking.build_title_index import build_title_index, write_layer
from mlukit.corpus.linking.join_titles import title_items
from mlukit.corpus.linking.title_index import DTYPES, Found, TitleIndex, TitleIndexError
from mlukit.schemas.records import PageTitle


def article(page_id: int, title: str) -> PageTitle:
    return PageTitle(page_id, title, None)


def files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_articles_and_titles_of_other_sources(tmp_path: Path) -> None:
    counts = build_title_index(
        tmp_path,
        [article(1, "Berlin"), article(2, "Mercury"), article(3, "Nameless"), article((1 << 62) + 5, "𠀋")],
        items_by_page={
            "page_props": [PageItem(1, 64), DisambiguationPage(2), PageItem(2, 9), PageItem((1 << 62) + 5, 7)]
        },
        items_by_title={
            "wb_items_per_site": title_items([("Berlin", 65), ("Ελλάδα", 41)]),
            "wikidata": title_items([("Ελλάδα", 1), ("東京", 1490)]),
        },
    )
    index = TitleIndex.open(tmp_path)
    assert index.find(["Berlin", "Mercury", "Nameless", "Ελλάδα", "東京", "berlin", "", "𠀋"]) == [
        Found("Berlin", 64, "resolved", False),
        Found("Mercury", 9, "resolved", True),
        Found("Nameless", None, "no_item", False),
        Found("Ελλάδα", 41, "resolved", False),
        Found("東京", 1490, "resolved", False),
        Found(None, None, "red", False),
        Found(None, None, "red", False),
        Found("𠀋", 7, "resolved", False),
    ]
    assert index.titles_of([1490, 64, 65, 0, -1, 1 << 40]) == ["東京", "Berlin", None, None, None, None]
    assert counts == index.counts
    assert counts == {
        "titles": 6,
        "articles": 4,
        "sitelink_only": 2,
        "disambiguations": 1,
        "items": 5,
        "items from page_props": 3,
        "items from wb_items_per_site": 1,
        "items from wikidata": 1,
    }
    assert sorted(files(tmp_path)) == sorted([*DTYPES, "header.json", "interlanguage.parquet"])


def test_redirects(tmp_path: Path) -> None:
    leads = {
        "To article": "Article",
        "Own item": "Article",
        "Via own item": "Own item",
        "Twice": "To article",
        "To sitelink": "Known elsewhere",
        "To no item": "Plain",
        "Itself": "Itself",
        "Loop 1": "Loop 2",
        "Loop 2": "Loop 1",
        "Into loop": "Loop 1",
        "Item in loop": "Loop of item",
        "Loop of item": "Item in loop",
        "Broken": "Missing",
        "Twice broken": "Broken",
        "Broken with item": "Missing",
        "Nowhere": "",
    }
    pages = [article(1, "Article"), article(2, "Plain")]
    pages += [PageTitle(page_id, title, target) for page_id, (title, target) in enumerate(leads.items(), start=3)]
    ids = {page.title: page.page_id for page in pages}
    items = {"Article": 1, "Own item": 2, "Item in loop": 3, "Broken with item": 4}
    counts = build_title_index(
        tmp_path,
        pages,
        items_by_page={"page_props": [PageItem(ids[title], qid) for title, qid in items.items()]},
        items_by_title={"sitelinks": title_items([("Known elsewhere", 5)])},
    )
    index = TitleIndex.open(tmp_path)
    assert dict(zip(leads, index.find(list(leads)), strict=True)) == {
        "To article": Found("Article", 1, "redirected", False),
        "Own item": Found("Article", 2, "redirected", False),
        "Via own item": Found("Article", 2, "redirected", False),
        "Twice": Found("Article", 1, "redirected", False),
        "To sitelink": Found("Known elsewhere", 5, "redirected", False),
        "To no item": Found("Plain", None, "no_item", False),
        "Itself": Found(None, None, "redirect_loop", False),
        "Loop 1": Found(None, None, "redirect_loop", False),
        "Loop 2": Found(None, None, "redirect_loop", False),
        "Into loop": Found(None, None, "redirect_loop", False),
        "Item in loop": Found(None, 3, "redirected", False),
        "Loop of item": Found(None, 3, "redirected", False),
        "Broken": Found(None, None, "redirect_broken", False),
        "Twice broken": Found(None, None, "redirect_broken", False),
        "Broken with item": Found(None, 4, "redirected", False),
        "Nowhere": Found(None, None, "redirect_broken", False),
    }
    assert index.titles_of([1, 2, 3, 4, 5]) == [
        *("Article", "Own item", "Item in loop", "Broken with item", "Known elsewhere"),
    ]
    assert {name: counts[name] for name in ("redirects", "redirect_loops", "redirects_broken")} == {
        "redirects": 16,
        "redirect_loops": 6,
        "redirects_broken": 4,
    }


@pytest.mark.parametrize("ends", ["well", "nowhere", "in a loop"])
def test_long_chains(tmp_path: Path, ends: str) -> None:
    n = 3000
    last = {"well": "End", "nowhere": "Missing", "in a loop": "1500"}[ends]
    pages = [PageTitle(i, str(i), str(i + 1) if i + 1 < n else last) for i in range(n)] + [article(n, "End")]
    build_title_index(tmp_path, pages, items_by_page={"page_props": [PageItem(2000, 7), PageItem(n, 8)]})
    found = TitleIndex.open(tmp_path).find(["0", "1999", "2001", "2999"])
    page = "End" if ends == "well" else None
    assert found[:2] == [Found(page, 7, "redirected", False)] * 2
    after: Found = {
        "well": Found("End", 8, "redirected", False),
        "nowhere": Found(None, None, "redirect_broken", False),
        "in a loop": Found(None, 7, "redirected", False),
    }[ends]
    assert found[2:] == [after] * 2


def test_redirect_table_overrides_the_dump(tmp_path: Path) -> None:
    counts = build_title_index(
        tmp_path,
        [article(1, "A"), article(2, "B"), PageTitle(3, "R", "A"), article(4, "S"), PageTitle(5, "T", "A")],
        items_by_page={"page_props": [PageItem(1, 11), PageItem(2, 12), PageItem(77, 13)]},
        redirects=[
            RedirectRow(3, 0, "B", "", "section"),
            RedirectRow(4, 0, "A", "", ""),
            RedirectRow(5, 10, "A", "", ""),  # Template:A
            RedirectRow(6, 0, "A", "", ""),
        ],
    )
    assert TitleIndex.open(tmp_path).find(["R", "S", "T"]) == [
        Found("B", 12, "redirected", False),
        Found("A", 11, "redirected", False),
        Found(None, None, "redirect_broken", False),
    ]
    assert counts["redirects_elsewhere"] == 1
    assert counts["unknown_page redirect"] == 1
    assert counts["unknown_page page_props"] == 1


def test_preference_among_sources_by_page_and_by_title(tmp_path: Path) -> None:
    counts = build_title_index(
        tmp_path,
        [article(1, "A"), article(2, "B"), article(3, "C"), PageTitle(4, "D", "A")],
        items_by_page={"second": [PageItem(1, 21), PageItem(2, 22), PageItem(9, 9)], "fourth": [PageItem(1, 1)]},
        items_by_title={
            "third": title_items([("B", 1), ("C", 33), ("D", 34)]),
            "first": title_items([("A", 11), ("A", 12), ("E", 15)]),
        },
        preference=["first", "second", "third", "fourth", "fifth"],
    )
    found = TitleIndex.open(tmp_path).find(["A", "B", "C", "D", "E"])
    assert [(one.page, one.qid) for one in found] == [("A", 11), ("B", 22), ("C", 33), ("A", 34), ("E", 15)]
    assert {name: n for name, n in counts.items() if name.startswith(("items from", "unknown_page"))} == {
        "items from first": 2,
        "items from second": 1,
        "items from third": 2,
        "unknown_page second": 1,
    }


def test_two_pages_of_one_title(tmp_path: Path) -> None:
    pages = [PageTitle(1, "A", "B"), article(9, "A"), article(8, "A"), article(2, "B")]
    counts = build_title_index(
        tmp_path, pages, items_by_page={"page_props": [PageItem(1, 1), PageItem(9, 9), PageItem(8, 8)]}
    )
    assert TitleIndex.open(tmp_path).find(["A"]) == [Found("A", 8, "resolved", False)]
    assert counts["duplicate_titles"] == 2


def test_an_item_of_several_titles_has_the_title_of_the_article(tmp_path: Path) -> None:
    titles = [(title, 5) for title in ("Elsewhere", "Redirect", "Article")]
    pages = [PageTitle(1, "Redirect", "Other"), article(2, "Article"), article(3, "Other")]
    counts = build_title_index(tmp_path, pages, items_by_title={"sitelinks": title_items(titles)})
    assert TitleIndex.open(tmp_path).titles_of([5]) == ["Article"]
    assert counts["items_of_several_titles"] == 2


def test_rows_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    titles = title_items([("A", 1 << 32), ("B", 0), ("\ud800", 3), ("C", (1 << 32) - 1)])
    items = [PageItem(1, 1 << 40), PageItem(1, 6)]
    counts = build_title_index(
        tmp_path, [article(1, "P")], items_by_page={"page_props": items}, items_by_title={"json": titles}
    )
    assert (counts["qid_out_of_range"], counts["not_unicode"], counts["titles"]) == (3, 1, 2)
    index = TitleIndex.open(tmp_path)
    assert index.find(["\ud800", "P", "C"])[0].status == "red"
    assert [found.qid for found in index.find(["P", "C"])] == [6, (1 << 32) - 1]
    assert index.titles_of([(1 << 32) - 1]) == ["C"]


def test_empty_index(tmp_path: Path) -> None:
    assert build_title_index(tmp_path) == {}
    index = TitleIndex.open(tmp_path)
    assert len(index) == 0
    assert index.find(["A"]) == [Found(None, None, "red", False)]
    assert index.find([]) == []
    assert index.titles_of([1]) == [None]
    assert index.titles_of([]) == []


def test_alternatives_of_red_titles(tmp_path: Path) -> None:
    build_title_index(tmp_path, [article(1, "臺灣"), article(2, "A")])
    forms = {"台灣": ["台湾", "臺灣"], "A": ["臺灣"], "B": ["C"]}
    index = TitleIndex.open(tmp_path)
    found = index.find(["台灣", "A", "B", "D"], lambda title: forms.get(title, []))
    assert [one.page for one in found] == ["臺灣", "A", None, None]


def test_layers_fill_in_what_is_lacking(tmp_path: Path) -> None:
    pages = [article(1, "A"), article(2, "B"), PageTitle(3, "R", "B"), PageTitle(4, "Loop", "Loop")]
    build_title_index(tmp_path, pages, items_by_page={"page_props": [PageItem(1, 1), DisambiguationPage(2)]})
    write_layer(tmp_path, "carried", [("A", 99), ("B", 2), ("Loop", 98)])
    write_layer(tmp_path, "asked", [("B", 97), ("C", 3)])
    write_layer(tmp_path, "asked", [("C", 3)])
    index = TitleIndex.open(tmp_path)
    assert index.find(["A", "B", "R", "C", "Loop", "D"]) == [
        Found("A", 1, "resolved", False),
        Found("B", 2, "resolved", True),
        Found("B", 2, "redirected", True),
        Found("C", 3, "resolved", False),
        Found(None, None, "redirect_loop", False),
        Found(None, None, "red", False),
    ]
    assert index.titles_of([3, 2, 1, 97]) == ["C", "B", "A", None]
    assert TitleIndex.open(tmp_path, with_layers=False).find(["B", "C"]) == [
        Found("B", None, "no_item", True),
        Found(None, None, "red", False),
    ]


def test_same_bytes(tmp_path: Path) -> None:
    pages = [PageTitle(i, f"T{i}", f"T{i // 3}" if i % 3 else None, (("fr", f"F{i}"),)) for i in range(2000)]
    for name in ("a", "b"):
        build_title_index(
            tmp_path / name, pages, items_by_page={"page_props": [PageItem(i, i + 1) for i in range(0, 2000, 2)]}
        )
        write_layer(tmp_path / name, "asked", [("T5", 4)])
    assert files(tmp_path / "a" / "asked") == files(tmp_path / "b" / "asked")
    for name in ("a", "b"):
        for path in (tmp_path / name / "asked").iterdir():
            path.unlink()
        (tmp_path / name / "asked").rmdir()
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_what_an_attempt_that_died_left_behind_is_removed(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "pages").write_bytes(b"half")
    (tmp_path / "hashes").write_bytes(b"half")
    build_title_index(tmp_path, [article(1, "A")])
    assert TitleIndex.open(tmp_path).find(["A"])[0].status == "no_item"
    assert not (tmp_path / "parts").exists()


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("", "damaged"),
        ("[]", r"its version is \[\]"),
        ('{"version": 0}', "is from another version of mlukit: its version is 0, and this mlukit reads 2"),
        ('{"version": 2}', "damaged: KeyError"),
        ('{"version": 2, "files": 3, "counts": {}}', "damaged: TypeError"),
    ],
)
def test_damaged_header(tmp_path: Path, header: str, message: str) -> None:
    build_title_index(tmp_path, [article(1, "A")])
    (tmp_path / "header.json").write_text(header)
    with pytest.raises(TitleIndexError, match=message):
        TitleIndex.open(tmp_path)


def test_files_that_do_not_fit_the_header(tmp_path: Path) -> None:
    build_title_index(tmp_path, [article(1, "A"), article(2, "B")])
    header = json.loads((tmp_path / "header.json").read_text())
    header["files"]["qids"]["dtype"] = "<i8"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "header.json").write_text(json.dumps(header))
    for name in DTYPES:
        (tmp_path / "other" / name).write_bytes((tmp_path / name).read_bytes())
    with pytest.raises(TitleIndexError, match="qids has the type '<i8'; accepted: <u4"):
        TitleIndex.open(tmp_path / "other")
    (tmp_path / "heap").write_bytes(b"A")
    with pytest.raises(TitleIndexError, match="heap has 1 bytes, but the header says 2"):
        TitleIndex.open(tmp_path)
    (tmp_path / "heap").unlink()
    with pytest.raises(TitleIndexError, match="heap has no bytes, but the header says 2"):
        TitleIndex.open(tmp_path)
    with pytest.raises(TitleIndexError, match=r"not a complete title index: header\.json is missing"):
        TitleIndex.open(tmp_path / "nowhere")


def in_two_buckets(titles: Sequence[bytes]) -> npt.NDArray[np.uint64]:
    return np.array([(len(title) % 2) << 63 for title in titles], np.uint64)


NAMES = st.sampled_from(["A", "B", "C", "AB", "Ω", "語", "😀", "Zz", "A b", "É"])
PAGES = st.lists(st.tuples(NAMES, st.none() | NAMES), unique_by=lambda page: page[0], max_size=8)


def follow(leads: dict[str, str | None], items: dict[str, int], title: str) -> Found:
    """The rule, one title at a time."""
    if title not in leads:
        return Found(None, None, "red", False)
    page, qid, seen = title, items.get(title), {title}
    while (target := leads[page]) is not None:
        lost = (
            None if target in leads and target not in seen else "redirect_loop" if target in seen else "redirect_broken"
        )
        if lost:
            return Found(None, qid, "redirected" if qid else lost, False)  # type: ignore[arg-type]
        page = target
        seen.add(page)
        qid = qid or items.get(page)
    status = "no_item" if qid is None else "resolved" if leads[title] is None else "redirected"
    return Found(page, qid, status, False)  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(
    PAGES,
    st.dictionaries(NAMES, st.integers(1, 5)),
    st.dictionaries(NAMES, st.integers(1, 5)),
    st.dictionaries(NAMES, NAMES),
    st.booleans(),
    st.integers(0, (1 << 63) - 20),
)
def test_against_dictionaries(
    dump: list[tuple[str, str | None]],
    by_page: dict[str, int],
    by_title: dict[str, int],
    table: dict[str, str],
    collide: bool,
    first_id: int,
) -> None:
    pages = [PageTitle(first_id + i, title, target) for i, (title, target) in enumerate(dump)]
    ids = {page.title: page.page_id for page in pages}
    leads = {title: table.get(title, target) for title, target in dump}
    items = {**by_title, **{title: qid for title, qid in by_page.items() if title in ids}}
    leads.update({title: None for title in by_title if title not in ids})
    options = {"hash_titles": in_two_buckets} if collide else {}
    with TemporaryDirectory() as folder:
        build_title_index(
            Path(folder),
            pages,
            items_by_page={"page_props": [PageItem(ids[title], qid) for title, qid in by_page.items() if title in ids]},
            items_by_title={"sitelinks": title_items(by_title.items())},
            redirects=[RedirectRow(ids[title], 0, target, "", "") for title, target in table.items() if title in ids],
            **options,
        )
        index = TitleIndex.open(Path(folder), **options)
        titles = [*leads, "A", "Nope", "😀", "AB"]
        assert index.find(titles) == [follow(leads, items, title) for title in titles]
        for qid, title in enumerate(index.titles_of(range(7))):
            assert (title is None) == (qid not in items.values())
            assert title is None or items[title] == qid


def test_interlanguage_links_are_kept_for_articles_without_item(tmp_path: Path) -> None:
    pages = [article(1, "A"), article(2, "B"), article(3, "C"), PageTitle(4, "R", "A")]
    pages = [replace(page, interlanguage=(("fr", page.title + "f"),)) for page in pages]
    counts = build_title_index(
        tmp_path,
        pages,
        items_by_page={"page_props": [PageItem(1, 1)]},
        items_by_title={"sitelinks": title_items([("B", 2)])},
        langlinks=[LangLink(3, "de", "Cd"), LangLink(3, "fr", "Cf"), LangLink(9, "fr", "X"), LangLink(1, "de", "Ad")],
    )
    assert counts["interlanguage"] == 2
    assert counts["unknown_page interlanguage"] == 1
