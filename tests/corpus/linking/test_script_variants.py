from pathlib import Path

from mlukit.corpus.dumps.mediawiki_tables import PageItem
from mlukit.corpus.linking.build_title_index import build_title_index
from mlukit.corpus.linking.resolve_links import resolve_batch
from mlukit.corpus.linking.script_variants import title_variants, variants_of
from mlukit.corpus.linking.title_index import TitleIndex
from mlukit.schemas.arrow import ARTICLE_ROWS, PARSED_ARTICLE_ROWS
from mlukit.schemas.records import Article, Link, PageTitle, Span


def test_a_title_in_the_other_script() -> None:
    variants = title_variants("zh")
    assert variants is not None
    assert list(variants("计算机科学")) == ["計算機科學"]
    assert list(variants("計算機科學")) == ["计算机科学"]
    assert list(variants("台北")) == []
    assert list(variants("Python")) == []


def test_languages_of_one_script_have_none() -> None:
    assert title_variants("ja") is None
    assert list(variants_of(("de", "zh"))) == ["zh"]


def test_a_link_leads_to_the_page_in_the_other_script_where_there_is_none_in_its_own(tmp_path: Path) -> None:
    build_title_index(tmp_path / "zh", [PageTitle(1, "計算機", None)], items_by_page={"page_props": [PageItem(1, 68)]})
    indexes = {"zh": TitleIndex.open(tmp_path / "zh")}
    links = (Link(0, 1, "zh", "计算机"), Link(1, 2, "zh", "没有"))
    page = Article("zh", 2, 1, "X", "article", "ab", (Span(0, 2),), (), links, ())
    batch = resolve_batch(PARSED_ARTICLE_ROWS.to_batch([page]), indexes, alternatives=variants_of(("zh",)))
    (linked,) = ARTICLE_ROWS.to_records(batch)
    assert [(link.target, link.page, link.qid, link.status) for link in linked.links] == [
        ("计算机", "計算機", 68, "resolved"),
        ("没有", None, None, "red"),
    ]
