from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mlukit.corpus.dumps.mediawiki_tables import DisambiguationPage, PageItem
from mlukit.corpus.linking.build_title_index import build_title_index
from mlukit.corpus.linking.join_titles import title_items
from mlukit.corpus.linking.resolve_links import resolve_batch
from mlukit.corpus.linking.title_index import TitleIndex
from mlukit.schemas.arrow import ARTICLE_ROWS, PARSED_ARTICLE_ROWS
from mlukit.schemas.records import Article, Kind, Link, LinkedArticle, LinkStatus, Mention, PageTitle, Section, Span


def article(title: str, *targets: tuple[str, str], page_id: int = 1, kind: Kind = "article") -> Article:
    text = "x" * len(targets)
    links = tuple(Link(i, i + 1, language, target) for i, (language, target) in enumerate(targets))
    return Article("en", page_id, 10, title, kind, text, (Span(0, len(text)),), (), links, (("fr", "X"),))


def resolved(articles: Sequence[Article], *arguments: Any, **options: Any) -> list[LinkedArticle]:
    """The articles as `resolve_batch` returns them, as records."""
    return ARTICLE_ROWS.to_records(resolve_batch(PARSED_ARTICLE_ROWS.to_batch(articles), *arguments, **options))


@pytest.fixture
def indexes(tmp_path: Path) -> dict[str, TitleIndex]:
    pages = [PageTitle(1, "A", None), PageTitle(2, "R", "A"), PageTitle(3, "Many", None), PageTitle(4, "Lost", "No")]
    items = [PageItem(1, 64), PageItem(3, 5), DisambiguationPage(3)]
    build_title_index(tmp_path / "en", pages, items_by_page={"page_props": items})
    build_title_index(
        tmp_path / "fr", [PageTitle(1, "Étoile", None)], items_by_title={"sitelinks": title_items([("Étoile", 7)])}
    )
    return {language: TitleIndex.open(tmp_path / language) for language in ("en", "fr")}


def test_links_get_page_item_and_status(indexes: dict[str, TitleIndex]) -> None:
    targets = [("en", "A"), ("en", "R"), ("fr", "Étoile"), ("de", "A"), ("fr", "A"), ("en", "Lost"), ("en", "Many")]
    (linked,) = resolved([article("A", *targets)], indexes)
    expected: list[tuple[str | None, int | None, LinkStatus]] = [
        ("A", 64, "resolved"),
        ("A", 64, "redirected"),
        ("Étoile", 7, "resolved"),
        (None, None, "unknown_wiki"),
        (None, None, "red"),
        (None, None, "redirect_broken"),
        ("Many", 5, "resolved"),
    ]
    assert linked.links == tuple(
        Mention(i, i + 1, language, target, page, qid, status)
        for i, ((language, target), (page, qid, status)) in enumerate(zip(targets, expected, strict=True))
    )


def test_everything_else_stays(indexes: dict[str, TitleIndex]) -> None:
    sections = (Section(0, 3, 2, "abc"),)
    page = Article("en", 1, 10, "A", "list", "abc\nd", (Span(0, 3), Span(4, 5)), sections, (), ())
    (linked,) = resolved([page], indexes)
    assert linked == LinkedArticle(
        "en", 1, 10, "A", 64, "list", "train", "abc\nd", (Span(0, 3), Span(4, 5)), sections, ()
    )


def test_own_item_and_kind(indexes: dict[str, TitleIndex]) -> None:
    pages = [article("Many"), article("Unknown"), article("R"), article("A", kind="date")]
    linked = resolved(pages, indexes)
    assert [(one.qid, one.kind) for one in linked] == [
        *((5, "disambiguation"), (None, "article"), (None, "article"), (64, "date")),
    ]


def test_a_page_of_a_language_without_index(indexes: dict[str, TitleIndex]) -> None:
    (linked,) = resolved([article("A", ("en", "A"), ("fr", "Étoile"))], {"fr": indexes["fr"]})
    assert (linked.qid, [mention.status for mention in linked.links]) == (None, ["unknown_wiki", "resolved"])


def test_alternatives(indexes: dict[str, TitleIndex]) -> None:
    pages = [article("A", ("fr", "ÉTOILE"), ("en", "ÉTOILE"))]
    linked = resolved(pages, indexes, alternatives={"fr": lambda title: [title.capitalize()]})[0]
    assert [mention.page for mention in linked.links] == ["Étoile", None]


def test_a_batch_is_as_its_articles(indexes: dict[str, TitleIndex]) -> None:
    pages = [article(title, ("en", "A"), ("en", title), page_id=i) for i, title in enumerate(["A", "Many", "Z"])]
    assert resolved(pages, indexes) == [one for page in pages for one in resolved([page], indexes)]
    assert resolved([], indexes) == []


def test_split_by_item(indexes: dict[str, TitleIndex]) -> None:
    assert {one.split for one in resolved([article("A"), article("Z")], indexes, 1.0)} == {"validation"}
    assert {one.split for one in resolved([article("A"), article("Z")], indexes, 0.0)} == {"train"}
