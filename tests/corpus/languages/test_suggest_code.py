"""Which Wikipedia is meant by a word that is no code of one."""

import pytest

from mlukit.corpus.languages.load import wikipedia_codes
from mlukit.corpus.languages.suggest_code import suggest_code

WORDS = {
    "el": "EL elwiki el-wiki el_wiki ELWIKI elwikipedia elwiki-20260901 elwiki-20260901-pages-articles.xml.bz2 gr gre "
    "ell el.wikipedia.org https://el.wikipedia.org/wiki/X el.m.wikipedia.org Greek greek grek Ελληνικά ελληνικά el-GR",
    "de": "DE dewiki deu ger german Deutsch dee de-AT",
    "en": "eng en_GB English",
    "ja": "jp jpn Japanese 日本語 japanse",
    "zh": "cn zh-hans chinese zhh",
    "es": "spannish",
    "pt": "pt_br",
    "sq": "Albanian",
    "no": "nb",
    "he": "iw",
    "be-tarask": "be_x_oldwiki be-x-old",
    "zh-min-nan": "zh_min_nanwiki zh-min-nan.wikipedia.org",
    "simple": "simplewiki",
    None: "xx qq us klingon enwiktionary wiki - _ 123 wiki-wiki",
}


@pytest.mark.parametrize(("code", "word"), [(code, word) for code, words in WORDS.items() for word in words.split()])
def test_the_code_that_is_meant(code: str | None, word: str) -> None:
    assert suggest_code(word, wikipedia_codes()) == code


def test_no_word_and_no_code() -> None:
    assert suggest_code("", wikipedia_codes()) is None
    assert suggest_code("greek", frozenset()) is None


def test_only_among_the_codes_given() -> None:
    assert suggest_code("elwiki", frozenset({"de", "en"})) is None
    assert suggest_code("German", frozenset({"de", "en"})) == "de"
