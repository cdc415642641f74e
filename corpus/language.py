"""What is known of one language's Wikipedia: names, rules and words, read from a table in `corpus/languages/`."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Language:
    """One Wikipedia. Every mapping's keys are folded as `corpus.titles.fold_name` folds them."""

    code: str  # "zh", as in zh.wikipedia.org
    wiki: str  # database name, as in dump files and Wikidata: "zhwiki", "be_x_oldwiki"
    namespaces: Mapping[str, int]  # every name of a namespace: local, English, aliases -> number
    interwiki: Mapping[str, str | None]  # prefix -> code of a Wikipedia's language; None: a wiki that is no Wikipedia
    redirect_words: tuple[str, ...]  # "#REDIRECT", "#WEITERLEITUNG", …
    link_trail: str  # a regular expression that matches a trail at its start; "" for none
    link_prefix: str  # a regular expression that matches a prefix at the end of the text before; "" for none
    variants: tuple[str, ...] = ()  # of the language converter: ("zh-hans", "zh-hant", …); empty where there is none
