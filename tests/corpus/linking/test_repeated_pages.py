"""Pages that a dump has several times: which copy stays, and where links to them lead."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from mlukit.corpus.dumps.mediawiki_tables import DisambiguationPage, LangLink, PageItem
from mlukit.corpus.linking.build_title_index import build_title_index
from mlukit.corpus.linking.hash_partitions import PARTS
from mlukit.corpus.linking.join_titles import title_items
from mlukit.corpus.linking.repeated_pages import REPEATED_PAGE, copies_that_stay, leave_out, page_keys
from mlukit.corpus.linking.resolve_links import resolve_batch
from mlukit.corpus.linking.title_index import Found, TitleIndex
from mlukit.schemas.arrow import PARSED_ARTICLE_ROWS
from mlukit.schemas.manifest import Flow
from mlukit.schemas.records import Article, Link, PageTitle, Span, article_place


def copy(
    page_id: int, title: str, revision_id: int, redirect: str | None = None, place: int | None = None
) -> PageTitle:
    return PageTitle(page_id, title, redirect, (), revision_id, place)


def article(page_id: int, revision_id: int, title: str = "A", language: str = "en", links: int = 0) -> Article:
    spans = tuple(Link(i, i + 1, "en", "A") for i in range(links))
    return Article(language, page_id, revision_id, title, "article", "x" * links, (Span(0, links),), (), spans, ())


# A dump: shards of copies, each (page, revision, whether an article was made of it).
COPIES = st.tuples(st.sampled_from([1, 2, 3, 129, (1 << 63) - 1]), st.integers(0, 3), st.booleans())
SHARDS = st.lists(st.lists(COPIES, max_size=8), min_size=1, max_size=4)


@settings(max_examples=200, deadline=None)
@given(SHARDS)
def test_one_copy_of_each_page_stays(dump: list[list[tuple[int, int, bool]]]) -> None:
    pages, shards = list[PageTitle](), list[list[Article]]()
    latest: dict[int, tuple[int, int, int | None]] = {}  # revision, place in the dump, place of the article
    for number, copies in enumerate(dump):
        articles = list[Article]()
        for page_id, revision_id, readable in copies:
            place = article_place(number, len(articles)) if readable else None
            articles += [article(page_id, revision_id)] if readable else []
            pages.append(copy(page_id, f"Page {page_id}", revision_id, place=place))
            here = (revision_id, len(pages), place)
            latest[page_id] = max(latest.get(page_id, here), here, key=lambda one: one[:2])
        shards.append(articles)
    with TemporaryDirectory() as folder:
        counts = build_title_index(Path(folder), pages)
        index = TitleIndex.open(Path(folder))
        for number, articles in enumerate(shards):
            first = article_place(number, 0)
            stays = copies_that_stay(PARSED_ARTICLE_ROWS.to_batch(articles), {"en": index}, first)
            expected = [latest[one.page_id][2] == first + row for row, one in enumerate(articles)]
            assert stays.tolist() == expected
            by_revision = copies_that_stay(PARSED_ARTICLE_ROWS.to_batch(articles), {"en": index})
            assert by_revision.tolist() == [one.revision_id == latest[one.page_id][0] for one in articles]
    assert counts.get("repeated_pages", 0) == len(pages) - len(latest)
    assert counts.get("titles", 0) == len(latest)


@given(st.lists(st.integers(1, (1 << 63) - 1), unique=True, min_size=1))
def test_keys_ascend_over_parts_and_within_them(page_ids: list[int]) -> None:
    ids = np.array(sorted(page_ids, key=lambda page_id: (page_id % PARTS, page_id)), np.int64)
    keys = page_keys(ids)
    assert (keys[1:] > keys[:-1]).all()


def test_only_the_articles_of_the_language_are_looked_at(tmp_path: Path) -> None:
    build_title_index(tmp_path / "en", [copy(1, "A", 5), copy(1, "A", 6, place=article_place(1, 0))])
    build_title_index(tmp_path / "de", [copy(1, "A", 5, place=0)])
    indexes = {code: TitleIndex.open(tmp_path / code) for code in ("de", "en")}
    parsed = PARSED_ARTICLE_ROWS.to_batch([article(1, 5), article(1, 5, language="de"), article(1, 5, language="fr")])
    assert copies_that_stay(parsed, indexes).tolist() == [False, True, True]


def test_what_is_left_out_is_taken_from_what_was_let_out() -> None:
    pages, links = Flow(5, 5), Flow(9, 9)
    left_pages, left_links = Flow(), Flow()
    leave_out(PARSED_ARTICLE_ROWS.to_batch([article(1, 1, links=2), article(2, 1)]), left_pages, left_links)
    pages.add(left_pages)
    links.add(left_links)
    assert (pages.entered, pages.out, pages.skipped) == (5, 3, {REPEATED_PAGE: 2})
    assert (links.entered, links.out, links.skipped) == (9, 7, {REPEATED_PAGE: 2})
    assert left_pages.unaccounted == left_links.unaccounted == pages.unaccounted == 0


def found(tmp_path: Path, pages: list[PageTitle], titles: list[str], items: dict[int, int]) -> list[Found]:
    build_title_index(tmp_path, pages, items_by_page={"page_props": [PageItem(*item) for item in items.items()]})
    return TitleIndex.open(tmp_path).find(titles)


def test_a_title_from_before_a_move_leads_to_the_page(tmp_path: Path) -> None:
    pages = [copy(1, "New", 8), copy(1, "Old", 7), copy(1, "Older", 6), copy(2, "To old", 5, "Old")]
    assert found(tmp_path, pages, ["New", "Old", "Older", "To old"], {1: 10}) == [
        Found("New", 10, "resolved", False),
        *[Found("New", 10, "redirected", False)] * 3,
    ]
    counts = TitleIndex.open(tmp_path).counts
    assert {name: counts[name] for name in ("repeated_pages", "former_titles", "titles", "articles")} == {
        "repeated_pages": 2,
        "former_titles": 2,
        "titles": 4,
        "articles": 1,
    }


def test_a_title_from_before_a_move_is_the_page_that_has_it_now(tmp_path: Path) -> None:
    moved = [copy(9, "Old", 7), copy(9, "New", 20)]
    assert found(tmp_path / "1", [*moved, copy(8, "Old", 3)], ["Old"], {8: 80, 9: 90}) == [
        Found("Old", 80, "resolved", False)
    ]
    redirect = copy(50, "Old", 3, "Elsewhere")
    assert found(tmp_path / "2", [*moved, redirect, copy(51, "Elsewhere", 1)], ["Old"], {9: 90, 51: 51}) == [
        Found("Elsewhere", 51, "redirected", False)
    ]
    assert found(
        tmp_path / "3", [copy(1, "A", 1), copy(2, "B", 2), copy(1, "B", 3), copy(2, "A", 4)], ["A", "B"], {1: 1}
    ) == [
        Found("A", None, "no_item", False),
        Found("B", 1, "resolved", False),
    ]


def test_a_page_that_became_a_redirect_and_one_that_was_one(tmp_path: Path) -> None:
    pages = [
        copy(1, "Merged", 7),
        copy(1, "Merged", 9, "Whole"),
        copy(2, "Whole", 8),
        copy(3, "Split", 9),
        copy(3, "Split", 5, "Whole"),
    ]
    assert found(tmp_path, pages, ["Merged", "Split"], {2: 20, 3: 30}) == [
        Found("Whole", 20, "redirected", False),
        Found("Split", 30, "resolved", False),
    ]


def test_a_copy_that_cannot_be_read_is_older_than_any_that_can(tmp_path: Path) -> None:
    assert found(tmp_path, [copy(1, "A", 5), copy(1, "B", 0)], ["A", "B"], {1: 1}) == [
        Found("A", 1, "resolved", False),
        Found("A", 1, "redirected", False),
    ]


def test_interlanguage_links_are_those_of_the_copy_that_stays(tmp_path: Path) -> None:
    pages = [PageTitle(1, "A", None, (("fr", "New"),), 6), PageTitle(1, "A", None, (("fr", "Old"), ("de", "D")), 5)]
    build_title_index(tmp_path, pages, langlinks=[LangLink(1, "it", "I"), LangLink(7, "it", "J")])
    assert pq.read_table(tmp_path / "interlanguage.parquet").to_pylist() == [
        {"row": 0, "language": "fr", "title": "New"},
        {"row": 0, "language": "it", "title": "I"},
    ]


def test_pages_of_one_title_keep_the_items_of_their_own(tmp_path: Path) -> None:
    """The title is that of the later revision; another page of the same title has what is known by its id."""
    pages = [copy(5, "X", 9), copy(4, "X", 10), copy(3, "X", 11, "Y"), copy(2, "X", 1)]
    items = [PageItem(5, 50), PageItem(4, 40), PageItem(3, 30), DisambiguationPage(4)]
    counts = build_title_index(
        tmp_path, pages, items_by_page={"page_props": items}, items_by_title={"json": title_items([("X", 99)])}
    )
    index = TitleIndex.open(tmp_path)
    assert index.find(["X"]) == [Found("X", 40, "resolved", True)]
    assert counts["duplicate_titles"] == 3
    parsed = PARSED_ARTICLE_ROWS.to_batch([article(5, 9, "X"), article(4, 10, "X"), article(2, 1, "X")])
    linked = resolve_batch(parsed, {"en": index})
    assert linked["qid"].to_pylist() == ["Q50", "Q40", None]
    assert linked["kind"].to_pylist() == ["article", "disambiguation", "article"]
