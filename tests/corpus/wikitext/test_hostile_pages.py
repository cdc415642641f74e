"""Time is linear in a page's size whatever is on it: 80 KB of each of these take well under a second."""

import time

import pytest

from mlukit.corpus.languages.load import load_language
from mlukit.corpus.wikitext import parse_wikitext

SIZE = 80_000
SECONDS = 1.0
REPEATED = [
    *(
        "{{{{",
        "{{",
        "}}",
        "}}{{",
        "{{a|",
        "{{lang|fr|",
        "{{nowrap|",
        "{{{1|",
        "{{#if:",
        "{{!}}",
        "{{x}}",
        "({{x}}",
        "{{x}},",
    ),
    *(
        "[[",
        "]]",
        "[[a",
        "[[a|",
        "[[{{",
        "{{[[",
        "[[a]]",
        "[[a]]b ",
        "[[File:a|",
        "[[File:a|[[b]]",
        "[[:fr:",
        "[[fr:a]]",
    ),
    *("[[Category:a]]\n", "[[a|''b'''", "[[a]]{{b|", "''", "'''", "'''''", "''a''' ", "l'''a ''b", "'''a b''"),
    *(
        "<ref>",
        "<ref",
        "<ref name=x/>",
        "<!--",
        "<!-- -->\n",
        "<!-- --> ",
        "<nowiki>",
        "<nowiki/>",
        "<pre>\n",
        "<poem>",
    ),
    *("<", "<a ", "<div>", "<div class=", "<b>", "</b>", ";<b>", "<br>", "<span style='display:none'>", "</table>"),
    *(
        "<div style='display:none'>",
        "<table>",
        "<table><td>",
        "<includeonly>",
        "{|\n",
        "{|",
        "|}\n",
        "\n|-\n",
        "|",
        "||",
    ),
    *(
        "[http",
        "[http://a ",
        "[http://a b",
        "http://",
        "== a ==\n",
        "=== a ===\n== b ==\n",
        "=",
        "*",
        "* a\n",
        ";a:b\n",
    ),
    *(
        ";",
        ":",
        ";''a:b",
        "__TOC__",
        "__",
        "-{",
        "-{a}-",
        "&",
        "&amp;",
        "&#10;",
        "\n",
        " \n",
        "\t",
        " ",
        ",",
        "(",
        "\u200b",
    ),
]
BIG = {
    "a million bars": "|" * 1_000_000,
    "a million braces": "{" * 1_000_000,
    "tables 1,000 deep": "{|\n|\n" * 1_000 + "|}\n" * 1_000,
    "HTML tables 1,000 deep": "<table><tr><td>" * 1_000 + "</table>" * 1_000,
    "templates 1,000 deep": "{{lang|fr|" * 1_000 + "}}" * 1_000,
    "commas around a gap": "(" + "," * SIZE + "{{x}}" + "," * SIZE,
    "spaces around a gap": " " * SIZE + "{{x}}" + " " * SIZE,
    "10,000 links in an argument": "{{lang|fr|" + "[[a|b]]" * 10_000 + "}}",
    "a long attribute": "<div class=" + "class=" * SIZE + ">",
    "a long number": "{{formatnum:" + "1" * SIZE + "}}",
    "a long chain of prefixes": "[[" + "fr:" * (SIZE // 3) + "]]",
    "a bit of everything": "{{a|[[b|''c''' <ref>[http://d e]{|\n|f\n;g:(" * (SIZE // 45),
}
PAGES = {repr(text): text * (SIZE // len(text)) for text in REPEATED} | BIG


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("code", ["en", "ar", "zh"])
def test_bounded_time(name: str, code: str) -> None:
    language = load_language(code)
    started = time.process_time()
    parsed = parse_wikitext(PAGES[name], "T", language)
    assert time.process_time() - started < SECONDS
    assert parsed.text == "\n".join(parsed.text[start:end] for start, end in parsed.paragraphs)
