"""Pages to articles: what is an article, a redirect, a failure."""

from pathlib import Path

import apache_beam as beam
import pytest

from mlukit.corpus.languages.load import load_language
from mlukit.corpus.wikitext import read_page as module
from mlukit.corpus.wikitext.read_page import parse_page
from mlukit.schemas.records import Page
from mlukit.transforms.elements import ParsePages
from tests.transforms.elements.collected import Ran, run_pipeline

PAGES = [
    Page(1, 10, 0, "A", None, "To [[b]], [[c|see]] and [[Thing:d]]."),
    Page(2, 20, 0, "B", "C", ""),
    Page(3, 30, 0, "D", None, "#REDIRECT [[C]]"),
    Page(4, 40, 0, "E", None, "Broken."),
]


def parse(folder: Path, parsing: ParsePages) -> Ran:
    def build(pipeline: beam.Pipeline) -> dict[str, beam.PCollection]:
        articles, failures = pipeline | beam.Create(PAGES) | parsing
        return {"articles": articles, "failures": failures}

    return run_pipeline(folder, build)


def test_an_article_a_redirect_and_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really = module.parse_wikitext

    def fails(text: str, title: str, language: module.Language) -> object:
        if text == "Broken.":
            raise ZeroDivisionError("of this test")
        return really(text, title, language)

    monkeypatch.setattr(module, "parse_wikitext", fails)
    ran = parse(tmp_path, ParsePages("en"))
    assert ran.elements["articles"] == [parse_page(PAGES[0], load_language("en"), "link").article]
    (failure,) = ran.elements["failures"]
    assert (failure.stage, failure.reason, failure.language, failure.page_id) == ("link", "wikitext_error", "en", 4)
    assert failure.detail.rstrip().endswith("ZeroDivisionError: of this test")
    assert ran.counters == {
        "pages out": 1,
        "pages skipped: redirect": 2,
        "pages failed: wikitext_error": 1,
        "links in": 3,
        "links out": 3,
    }
    assert ran.sums == {"wikitext bytes": sum(len(page.text) for page in PAGES)}


def test_names_in_the_header_are_namespaces(tmp_path: Path) -> None:
    ran = parse(tmp_path, ParsePages("en", {0: "", 200: "Thing"}))
    article = min(ran.elements["articles"], key=lambda article: article.page_id)
    assert [link.target for link in article.links] == ["B", "C"]
    assert ran.counters["links skipped: other namespace"] == 1


def test_a_language_that_there_is_not() -> None:
    with pytest.raises(ValueError, match=r"^no Wikipedia has the code 'en_GB'; did you mean 'en'\?$"):
        ParsePages("en_GB")
