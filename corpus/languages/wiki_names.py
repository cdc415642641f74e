"""Converts between the database names of Wikipedias ("enwiki") and language codes ("en")."""

import re
from functools import cache

from mlukit.corpus.languages.tables import read_shared_table


def wiki_of(language: str) -> str:
    """The database's name of a Wikipedia: "zh-min-nan" -> "zh_min_nanwiki"."""
    return _special_names().get(language, language.replace("-", "_") + "wiki")


def language_of(wiki: str) -> str | None:
    """The code of the Wikipedia with a database: "zh_min_nanwiki" -> "zh-min-nan"; None for other databases."""
    for language, name in _special_names().items():
        if name == wiki:
            return language
    return wiki.removesuffix("wiki").replace("_", "-") if re.fullmatch(r"[a-z_]{2,}wiki", wiki) else None


@cache
def _special_names() -> dict[str, str]:
    """Code -> database, of the Wikipedias whose database is not named after their code."""
    return {code: row["wiki"] for code, row in read_shared_table("wikipedias.toml").items() if "wiki" in row}
