"""Titles: literal cases in all languages, real titles of the dumps, and what holds for any string."""

import pickle
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlukit.corpus.languages.load import any_language, language_codes, load_language
from mlukit.corpus.titles.normalise import (
    Title,
    capitalise,
    decode_entities,
    fold_name,
    namespace_of,
    normalise_title,
    page_title,
)

CASES = Path(__file__).resolve().parents[2] / "cases" / "titles.toml"


def cases() -> list[Any]:
    groups = tomllib.loads(CASES.read_text(encoding="utf-8"))["group"]
    return [
        pytest.param(group["language"], case, id=f"{group['language']}-{case['raw']!r}")
        for group in groups
        for case in group["cases"]
    ]


@pytest.mark.parametrize(("code", "case"), cases())
def test_case(code: str, case: dict[str, Any]) -> None:
    language = case.get("language", code)
    expected = Title(
        None if language == "none" else language,
        case.get("namespace", 0),
        case.get("title", ""),
        case.get("fragment"),
        case.get("colon", False),
        case.get("sidebar", False),
    )
    assert normalise_title(case["raw"], load_language(code)) == (expected if "title" in case else None)


def test_length_is_measured_in_bytes_of_the_title_without_its_namespace() -> None:
    english = load_language("en")
    assert normalise_title("x" * 255, english) == Title("en", 0, "X" + "x" * 254)
    assert normalise_title("x" * 256, english) is None
    assert normalise_title("日" * 85, english) == Title("en", 0, "日" * 85)
    assert normalise_title("日" * 86, english) is None
    assert normalise_title("Category:" + "x" * 255, english) == Title("en", 14, "Category:X" + "x" * 254)
    assert normalise_title("Special:" + "x" * 512, english) == Title("en", -1, "Special:X" + "x" * 511)
    assert normalise_title("Special:" + "x" * 513, english) is None
    assert normalise_title("&#x78;" * 255, english) == Title("en", 0, "X" + "x" * 254)


def test_a_chain_of_wikis_ends() -> None:
    assert normalise_title("fr:de:" * 2 + "X", load_language("en")) == Title("de", 0, "X", interlanguage=True)
    assert normalise_title("fr:de:" * 20 + "X", load_language("en")) is None
    assert normalise_title("en:" * 7 + "X", load_language("en")) == Title("en", 0, "X", leading_colon=True)
    assert normalise_title("en:" * 100_000 + "X", load_language("en")) is None


def test_an_unknown_first_letter_rule_leaves_the_letter() -> None:
    assert capitalise("", load_language("en")) == ""
    assert capitalise("ßa", load_language("de")) == "ßa"


def test_entities_that_mediawiki_does_not_know_stay() -> None:
    assert decode_entities("&amp; &nosuch; &amp &#65; &#x1F600; &#xD800;") == "& &nosuch; &amp A 😀 \ufffd"
    assert decode_entities("&amp;lt;") == "&lt;"
    assert decode_entities("&רלמ;&رلم;") == "\u200f\u200f"


def test_names_are_folded() -> None:
    assert fold_name(" User__talk ") == "user talk"
    assert fold_name("User\ttalk") == "user\ttalk"


def test_a_page_title_may_look_like_a_url_or_be_percent_encoded() -> None:
    english = load_language("en")
    assert page_title("Http://example.org", english) == Title("en", 0, "Http://example.org")
    assert page_title("%41", english) is None
    assert page_title("100%", english) == Title("en", 0, "100%")


def test_namespaces_of_old_dumps() -> None:
    assert namespace_of("画像:Wiki.png", load_language("ja")) == 6
    assert namespace_of("Wikipedia:Foo", load_language("ja")) == 4
    assert namespace_of("Foo: Bar", load_language("ja")) == 0
    assert namespace_of(":Foo", load_language("ja")) == 0


def test_a_title_survives_pickling() -> None:
    title = Title("fr", 2, "Utilisateur:X", "a", True, False)
    assert pickle.loads(pickle.dumps(title)) == title


SPECIAL = [
    *" _:#%&;/.~[]{}|<>",
    "e",
    "ı",
    "\u0308",
    "\u0344",
    "\u00a0",
    "\u200e",
    "\u3000",
    "e\u0301",
    "&amp;",
    "&#58;",
    "%3A",
    "%C3%A9",
    "ſ",
    "İ",
    "ß",
]
PREFIXES = ["fr", "w", "wikt", "en", "File", "Talk", "Special", "Media", "user talk", "Kategorie", "uk", "zh-tw"]
PIECES = st.one_of(st.sampled_from([*SPECIAL, *PREFIXES]), st.text(max_size=3))
RAW = st.lists(PIECES, max_size=8).map("".join)


@given(RAW, st.sampled_from(language_codes()))
def test_normalising_twice_is_normalising_once(raw: str, code: str) -> None:
    once = normalise_title(raw, load_language(code))
    if once is None or once.language is None or not once.title:
        return
    language = any_language(once.language)
    again = page_title(once.title, language)
    assert again == Title(once.language, once.namespace, once.title)
    assert normalise_title(":" + once.title, language) == Title(
        once.language, once.namespace, once.title, leading_colon=True
    )


@given(RAW, st.sampled_from(language_codes()))
def test_spaces_around_a_target_do_not_matter(raw: str, code: str) -> None:
    language = load_language(code)
    assert normalise_title(f" {raw}_", language) == normalise_title(raw, language)


@given(st.text(), st.sampled_from(language_codes()))
def test_a_title_has_a_known_namespace_and_no_markup(raw: str, code: str) -> None:
    title = normalise_title(raw, load_language(code))
    if title is not None and title.language is not None:
        names = any_language(title.language).namespace_names
        assert title.title.startswith(f"{names[title.namespace]}:" if title.namespace else "")
        assert not set(title.title) & set("<>[]{}|#_\n\t")
