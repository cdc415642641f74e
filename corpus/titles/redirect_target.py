"""Finds the target of a redirect in wikitext, `#REDIRECT [[X]]`."""

import re
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from mlukit.corpus.languages.language import Language
from mlukit.corpus.titles.normalise import Title, page_title

_TARGET_START = re.compile(r"[ \t\n\v\f\r]*+:?+[ \t\n\v\f\r]*+\[\[")


def redirect_target(text: str, language: Language) -> Title | None:
    """The page that a redirect's wikitext leads to; None for a page that is not a redirect, or leads nowhere.

    The rules come from MediaWiki 1.39's `WikitextContent::getRedirectTargetAndText`: one of the language's words for
    "#REDIRECT", in capitals or small letters, an optional colon, and the first link on the same line.
    """
    word = _words(language).match(text)
    if not word:
        return None
    start = _TARGET_START.match(text, word.end())
    if not start:
        return None
    line_end = text.find("\n", start.end())
    end = text.find("]]", start.end(), line_end if line_end >= 0 else len(text))
    if end < 0:
        return None
    target = text[start.end() : end].partition("|")[0]
    if "%" in target:
        try:
            target = unquote_to_bytes(target.lstrip(":")).decode()
        except UnicodeError:
            return None
    title = page_title(target, language)
    return title if title and title.title and title.namespace >= 0 else None


@lru_cache(maxsize=64)
def _words(language: Language) -> re.Pattern[str]:
    """Matches the language's words for "#REDIRECT" at the beginning of a page."""
    words = sorted(language.redirect_words, key=len, reverse=True)
    return re.compile(rf"[ \t\n\r\0\v]*+(?:{'|'.join(map(re.escape, words))})", re.IGNORECASE)
