"""The text, links, sections and paragraphs of one page."""

import pytest

from mlukit import parse
from mlukit.corpus.wikitext.parsed_text import ParsedText
from mlukit.schemas.records import Link, Section, Span


def test_a_page_is_parsed_whole() -> None:
    assert parse("''A'' [[b|c]]s{{x}}\n== H ==\n[[Category:K]][[de:B]]", "T") == ParsedText(
        text="A cs\nH",
        paragraphs=(Span(0, 4), Span(5, 6)),
        sections=(Section(5, 6, 2, "H"),),
        links=(Link(2, 4, "en", "B"),),
        interlanguage=(("de", "B"),),
        categories=("K",),
        templates=("x",),
        left_out={},
    )


def test_title_and_language_decide() -> None:
    assert parse("[[T]] {{PAGENAME}}", "T").left_out == {"same page": 1}
    assert parse("[[T]]").links == (Link(0, 1, "en", "T"),)
    assert parse("[[Kategorie:K]] [[Ort]]e", language="de").links == (Link(0, 4, "de", "Ort"),)


def test_wrong_values_are_refused() -> None:
    with pytest.raises(ValueError, match="'qq'"):
        parse("a", language="qq")
    with pytest.raises(ValueError, match="the page has 8,000,001 characters; accepted: at most 8,000,000"):
        parse("a" * 8_000_001)
