"""Guesses which Wikipedia a user means by a word that is not a code: "elwiki", "EL", "Greek", "gr"."""

import difflib
import re
from collections.abc import Iterable
from functools import cache

from icu import Locale

from mlukit.corpus.languages.tables import read_shared_table
from mlukit.corpus.languages.wiki_names import language_of

_ENGLISH = Locale("en")
_SERVER = re.compile(r"(?:https?://)?(?:www\.)?([a-z-]+)(?:\.m)?\.wikipedia\.org(?:/.*)?")
_DATABASE = re.compile(r"([a-z_-]*[a-z])[_-]?wiki(?:pedia)?(?:[-_.\d].*)?")  # also the name of a dump
_LIKE_A_NAME, _LIKE_A_CODE = 0.8, 0.75  # the lowest similarity, as difflib measures it


def suggest_code(word: str, codes: frozenset[str]) -> str | None:
    """The code that a word stands for, or a similar code; None if no code is similar.

    The word may be a code in capital letters, the name of a database or a dump, an address, another prefix of a
    Wikipedia, the name of a language in English or in the language itself, a code with a country or a script, a code of
    ISO 639-2, or the code of a country.

    Args:
        word: the user's text.
        codes: the codes to choose from.
    """
    text = word.strip().casefold()
    plain = text.replace("_", "-")
    names = _names(codes)
    found = (
        plain,
        _in_address(text),
        read_shared_table("interwiki.json")["wikipedias"].get(plain),
        names.get(text),
        plain.partition("-")[0],
        Locale.createCanonical(plain).getLanguage(),
        _of_country(plain),
        names.get(_like(text, names, _LIKE_A_NAME)),
        _like(plain, codes, _LIKE_A_CODE),
    )
    return next((code for code in found if code in codes), None)


def _in_address(text: str) -> str | None:
    """The code in an address, or in the name of a database or dump: "el.wikipedia.org", "elwiki", "el-wiki"."""
    if server := _SERVER.fullmatch(text):
        return server[1]
    database = _DATABASE.fullmatch(text)
    return language_of(f"{database[1].replace('-', '_')}wiki") if database else None


def _like(text: str, words: Iterable[str], least: float) -> str:
    """The word most similar to a text of three or more letters, or ""; a word at the text's start has precedence."""
    like = difflib.get_close_matches(text, sorted(words), 5, least) if len(text) > 2 else []
    return next((word for word in like if text.startswith(word)), like[0] if like else "")


def _of_country(text: str) -> str | None:
    """The main language of a country in CLDR, since users take the country's code for it: "gr" -> "el"."""
    if not re.fullmatch("[a-z]{2}", text):
        return None
    locale = Locale(f"und_{text.upper()}")
    locale.addLikelySubtags()
    language: str = locale.getLanguage()
    return None if language == "en" else language  # CLDR also returns English for unknown countries


@cache
def _names(codes: frozenset[str]) -> dict[str, str]:
    """CLDR's names of languages, in English and in the language, in small letters; short codes have precedence."""
    names: dict[str, str] = {}
    for code in sorted(codes, key=lambda code: (len(code), code)):
        locale = Locale(code)
        for name in (locale.getDisplayLanguage(_ENGLISH), locale.getDisplayLanguage(locale)):
            names.setdefault(name.casefold(), code)
    return names
