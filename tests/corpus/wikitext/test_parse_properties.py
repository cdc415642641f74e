"""What holds for any wikitext: made of fragments of markup, so that the fragments meet in every way."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlukit.corpus.languages.load import load_language
from mlukit.corpus.wikitext import LEFT_OUT, MAX_CHARACTERS, ParsedText, WikitextError, parse_wikitext
from mlukit.corpus.wikitext.markers import ALL

FRAGMENTS = [
    *("[[", "]]", "[[a]]", "[[b|c]]", "[[b| c ]]d", "[[:fr:X]]", "[[fr:X]]", "[[File:a.png|thumb|", "[[Category:K]]"),
    *("[[#x]]", "[[T]]", "[[a\nb]]", "[[a|b\nc]]", "[[a|]]", "[[|a]]", "[[a|&nbsp;]]", "[[a|'']]", "|", "]", "["),
    *(
        "{{",
        "}}",
        "{{{",
        "}}}",
        "{{x}}",
        "{{lang|fr|y}}",
        "{{lang|fr|",
        "{{nowrap|[[a]]}}",
        "{{!}}",
        "{{formatnum:1234}}",
    ),
    *("<ref>", "</ref>", "<ref name=a/>", "<!--", "-->", "<nowiki>", "</nowiki>", "<nowiki/>", "<pre>", "</pre>"),
    *("<poem>", "</poem>", "<math>", "</math>", "<gallery>", "</gallery>", "<br>", "<b>", "</b>", "<div>", "</div>"),
    *(
        "<table>",
        "</table>",
        "<td>",
        "<span style='display:none'>",
        "</span>",
        "<",
        ">",
        "<includeonly>",
        "<noinclude>",
    ),
    *("{|", "|}", "|-", "\n", "\n\n", "\n{|\n", "\n|}\n", "\n|-\n", "\n| ", "\n! ", "\n*", "\n# ", "\n;", "\n:", ":"),
    *(
        "\n== h ==\n",
        "\n=",
        "==",
        "=\n",
        "----",
        "''",
        "'''",
        "'",
        "[http://a ",
        "[http://a b]",
        "http://a",
        "__NOTOC__",
    ),
    *("-{", "}-", "-{zh-hans:a;zh-hant:b}-", "&", "&amp;", "&lt;", "&#10;", "&#x200b;", "&shy;", "&nope;", "&#4;"),
    *(
        " ",
        "  ",
        "\t",
        "\xa0",
        "\r",
        ",",
        "(",
        ")",
        "( ",
        ".",
        "a",
        "B",
        "é",
        "ß",
        "日",
        "😀",
        "ب",
        "\u200f",
        "\u00ad",
        "1",
    ),
    *ALL,
]
WIKITEXT = st.lists(st.sampled_from(FRAGMENTS), max_size=60).map("".join)
LANGUAGES = st.sampled_from(["en", "fr", "ar", "zh", "ja", "de"])


def check(parsed: ParsedText) -> None:
    """The contract of ParsedText."""
    assert parsed.text == "\n".join(parsed.text[start:end] for start, end in parsed.paragraphs)
    for start, end in parsed.paragraphs:
        paragraph = parsed.text[start:end]
        assert paragraph and paragraph == paragraph.strip(" \t\n")
        assert "  " not in paragraph
    for marker in ALL:
        assert marker not in parsed.text
    borders = [0, *(end for _, end in parsed.paragraphs)]
    for link in parsed.links:
        anchor = parsed.text[link.start : link.end]
        assert anchor.strip() and anchor == anchor.strip(" \n")
        assert "\n" not in anchor
        assert link.target and link.language
        assert any(start <= link.start and link.end <= end for start, end in parsed.paragraphs), borders
    for left, right in itertools.pairwise(parsed.links):
        assert left.end <= right.start
    for section in parsed.sections:
        assert parsed.text.startswith(section.heading, section.start)
        assert section.start + len(section.heading) <= section.end <= len(parsed.text)
        assert 1 <= section.level <= 6
    assert parsed.left_out.keys() <= LEFT_OUT.keys()
    assert all(count > 0 for count in parsed.left_out.values())


@settings(max_examples=1500, deadline=None)
@given(WIKITEXT, LANGUAGES)
def test_contract_holds_for_any_markup(text: str, code: str) -> None:
    check(parse_wikitext(text, "T", load_language(code)))


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200))
def test_contract_holds_for_any_text(text: str) -> None:
    check(parse_wikitext(text, "T", load_language("en")))


@settings(max_examples=200, deadline=None)
@given(WIKITEXT)
def test_same_result_twice(text: str) -> None:
    language = load_language("de")
    assert parse_wikitext(text, "T", language) == parse_wikitext(text, "T", language)


WORDS = st.lists(st.sampled_from([*"aT éıßب日.,/'&:|]", "''", "e\u0301", "\u0308", "\u3000", "\x02"]), max_size=5).map(
    "".join
)


@settings(max_examples=500, deadline=None)
@given(WORDS, WORDS, WORDS, WORDS, LANGUAGES)
def test_a_space_makes_no_other_link(before: str, target: str, label: str, after: str, code: str) -> None:
    usual, other = (
        parse_wikitext(f"a {before}[[{space}t{target}|{label}]]{after}", "T", load_language(code))
        for space in ("", " ")
    )
    assert usual.text.replace(" ", "") == other.text.replace(" ", "")
    assert [link.target for link in usual.links] == [link.target for link in other.links]
    assert usual.left_out == other.left_out


def test_page_over_the_limit_is_an_error_that_says_so() -> None:
    with pytest.raises(
        WikitextError, match=r"page too long: the page has 8,000,001 characters; accepted: at most 8,000,000"
    ) as raised:
        parse_wikitext("a" * (MAX_CHARACTERS + 1), "T", load_language("en"))
    assert raised.value.reason == "page too long"
