"""Names of Wikipedias' databases ("enwiki") and the codes of their languages."""

import re

# Wikipedias whose database is not named after their code. https://noc.wikimedia.org/conf/dblists/wikipedia.dblist
_WIKIS = {"be-tarask": "be_x_oldwiki"}
_LANGUAGES = {wiki: language for language, wiki in _WIKIS.items()}


def wiki_of(language: str) -> str:
    """The database's name of a Wikipedia: "zh-min-nan" -> "zh_min_nanwiki"."""
    return _WIKIS.get(language, language.replace("-", "_") + "wiki")


def language_of(wiki: str) -> str | None:
    """The code of the Wikipedia that a database belongs to: "zh_min_nanwiki" -> "zh-min-nan"; None if it is none."""
    if wiki in _LANGUAGES:
        return _LANGUAGES[wiki]
    return wiki.removesuffix("wiki").replace("_", "-") if re.fullmatch(r"[a-z_]{2,}wiki", wiki) else None
