"""A template that is a note leaves what <ref> leaves, in whatever typography it stands, in every language."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from mlukit.corpus.languages.load import any_language, language_codes
from mlukit.corpus.wikitext import parse_wikitext

TABLES = Path(__file__).parents[3] / "corpus" / "languages" / "wikitext"
CODES = st.sampled_from([*language_codes(), "cs", "da", "hu", "uk"])
WORDS = st.sampled_from(["w", "[[w]]", "[[w|„w“]]", "w's", "ws'", "дом", "بيت", "字", "บ้าน", "집", "12", "''w''"])
QUOTATIONS = [
    "„|“",
    "“|”",
    "”|”",
    "»|«",
    "«|»",
    '"|"',
    "'|'",
    "‚|‘",
    "‘|’",
    "’|’",
    "‹|›",
    "「|」",
    "(|)",
    "[|]",
    "（|）",
]
STOPS = st.sampled_from(["", ".", ",", ";", ":", "!", "?", "…", "。", "，", "؟", "।", " –"])
STOPS_WITHIN = st.sampled_from(["", ".", ",", "!", "?", "…", "。"])
GAP_TEMPLATE = "{{Xyz}}"


@st.composite
def quoted(draw: st.DrawFn) -> str:
    """A word in brackets or quotation marks, or in both, or with only one of a pair."""
    text = draw(WORDS)
    for _ in range(draw(st.integers(0, 2))):
        opening, closing = draw(st.sampled_from(QUOTATIONS)).split("|")
        if set(text).isdisjoint((opening + closing).replace(" ", "")):
            text = opening + text + draw(STOPS_WITHIN) + closing
    return text + draw(STOPS)


QUOTED = st.one_of(quoted(), st.builds("« w »{}".format, STOPS))
AFTER = st.builds("".join, st.tuples(STOPS, st.sampled_from(["", " "]), QUOTED))


def text_of(wikitext: str, code: str) -> str:
    return parse_wikitext(wikitext, "T", any_language(code)).text


def own_notes(code: str) -> list[str]:
    path = TABLES / f"{code}.toml"
    table = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return [*table.get("notes", ()), "sfn"]


@settings(max_examples=1500, deadline=None)
@given(QUOTED, AFTER, CODES, st.data())
@example("„den Großen“", ", und lachte", "de", None)
@example("dog.", " ”Hej”", "sv", None)
@example('"one."', ' "Two," she', "en", None)
@example("dogs'", " 'bark'", "en", None)
@example("»ord«", " og »mere«", "da", None)
def test_a_note_leaves_what_ref_leaves(before: str, after: str, code: str, data: st.DataObject | None) -> None:
    assume(f"{before[-1:]}|{after.lstrip()[:1]}" not in QUOTATIONS)  # an empty pair goes, see below
    name = data.draw(st.sampled_from(own_notes(code))) if data else "sfn"
    template, tag = (text_of(f"p {before}{note}{after} q", code) for note in (f"{{{{{name}}}}}", "<ref>A</ref>"))
    assert template == tag


@settings(max_examples=1500, deadline=None)
@given(QUOTED, QUOTED, CODES)
@example("„den Großen“", "„und“", "de")
@example('"one."', '"Two,"', "en")
@example("”dog.”", "”Hej”", "sv")
def test_an_unknown_template_behind_a_word_eats_nothing(before: str, after: str, code: str) -> None:
    template, tag = (text_of(f"p {before}{hole} {after} q", code) for hole in (GAP_TEMPLATE, "<ref>A</ref>"))
    assert template == tag


@settings(max_examples=300, deadline=None)
@given(WORDS, st.sampled_from([",", ".", ";", ")", "…", "。"]), CODES)
def test_a_space_before_a_note_goes_where_the_clause_ends(word: str, stop: str, code: str) -> None:
    assert text_of(f"{word} {{{{sfn|A}}}}{stop} q", code) == text_of(f"{word}{stop} q", code)


@pytest.mark.parametrize("pair", ["()", "[]", "„“", "“”", "«»", '""', "「」"])
def test_brackets_around_nothing_but_a_hole_go(pair: str) -> None:
    for hole in (GAP_TEMPLATE, "{{sfn|A}}", "<math>x</math>", "[http://example.org]"):
        assert text_of(f"Er {pair[0]}{hole}{pair[1]} steht", "de") == "Er steht"
