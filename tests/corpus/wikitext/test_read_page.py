"""What becomes of a page: an article, a redirect or a failure."""

import pytest

from mlukit.corpus.languages.load import load_language
from mlukit.corpus.wikitext import read_page as module
from mlukit.corpus.wikitext.parse import MAX_CHARACTERS
from mlukit.corpus.wikitext.read_page import WIKITEXT_FAILURES, ParsedPage, read_page
from mlukit.schemas.records import Failure, Link, Page, PageTitle, Span

EN = load_language("en")


def page(text: str, redirect: str | None = None) -> Page:
    return Page(7, 70, 0, "List of X", redirect, text)


def test_an_article() -> None:
    parsed = read_page(page("A [[b]] and [[File:x.jpg]].\n[[de:Liste]]"), EN, "link")
    assert isinstance(parsed, ParsedPage)
    article, left_out, failures = parsed
    assert failures == ()
    assert (article.language, article.page_id, article.revision_id, article.kind) == ("en", 7, 70, "list")
    assert (article.text, article.paragraphs) == ("A b and .", (Span(0, 9),))
    assert article.links == (Link(2, 3, "en", "B"),)
    assert article.interlanguage == (("de", "Liste"),)
    assert set(left_out) <= {"file", "other namespace"} and left_out.total() <= 1


def test_a_table_without_an_end_is_a_failure_beside_the_article() -> None:
    parsed = read_page(page("A.\n{| class=x\n| {{y}} b [[c]]\n\nD."), EN, "link")
    assert isinstance(parsed, ParsedPage)
    assert parsed.article.text == "A."
    detail = "the rest of the page is in a table without an end, 26 characters: '{| class=x\\n|  b [[c]]\\n\\nD.'"
    assert parsed.failures == (Failure("link", "unclosed_table", "en", 7, parsed.article.title, detail),)


@pytest.mark.parametrize(
    ("text", "redirect", "title"),
    [
        ("#REDIRECT [[b]]", None, "B"),
        ("", "b", "B"),
        ("#REDIRECT [[:de:b]]", None, ""),
        ("", "Template:B", ""),
        ("", "<", ""),
    ],
)
def test_a_redirect(text: str, redirect: str | None, title: str) -> None:
    assert read_page(page(text, redirect), EN, "link") == PageTitle(7, "List of X", title, (), 70)


def test_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    long = read_page(page("x" * (MAX_CHARACTERS + 1)), EN, "link")
    assert isinstance(long, Failure)
    assert (long.stage, long.reason, long.language, long.page_id) == ("link", "wikitext_limits", "en", 7)

    def fails(*_: object) -> None:
        raise ZeroDivisionError("of this test")

    monkeypatch.setattr(module, "parse_wikitext", fails)
    broken = read_page(page("x"), EN, "link")
    assert isinstance(broken, Failure)
    assert (broken.reason, broken.title) == ("wikitext_error", "List of X")
    assert broken.detail.rstrip().endswith("ZeroDivisionError: of this test")
    assert {long.reason, broken.reason} == set(WIKITEXT_FAILURES)
