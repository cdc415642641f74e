"""The names, rules and words of one language's Wikipedia, read from the tables in `corpus/languages/`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, eq=False)
class KindRules:
    """The rules that tell the kind of a page in a language, for `titles.page_kind`. None: there is no rule."""

    disambiguation_templates: frozenset[str] = frozenset()  # folded, without their namespace
    disambiguation_title: re.Pattern[str] | None = None  # searched in a title: "(disambiguation)" at its end
    list_namespaces: frozenset[int] = frozenset()  # whole namespaces of lists: Anexo of es
    list_title: re.Pattern[str] | None = None  # searched in a title: "List of", "の一覧"
    list_category: re.Pattern[str] | None = None  # searched in a category's name without its namespace
    date_title: re.Pattern[str] | None = None  # matches a whole title: "1987", "March 4", "1980s"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Language:
    """One Wikipedia. The keys of every mapping are folded by `corpus.titles.normalise.fold_name`.

    Languages are compared by identity, because they are big: `load_language` returns one object for each code.
    """

    code: str  # "zh", as in zh.wikipedia.org
    wiki: str  # database name, as in dump files and Wikidata: "zhwiki", "be_x_oldwiki"
    namespaces: Mapping[str, int]  # every name of a namespace: local, English, aliases -> number
    interwiki: Mapping[
        str, str | None
    ]  # prefix -> code of a Wikipedia's language; None: a wiki that is not a Wikipedia
    redirect_words: tuple[str, ...]  # "#REDIRECT", "#WEITERLEITUNG", …
    link_trail: str  # a regular expression that matches a trail at its start; "" for none
    link_prefix: str  # a regular expression that matches a prefix at the end of the text before; "" for none
    variants: tuple[str, ...] = ()  # of the language converter: ("zh-hans", "zh-hant", …); empty where there is none
    variant_fallbacks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # variant -> variants to try in turn
    namespace_names: Mapping[int, str] = field(default_factory=dict)  # number -> local name, "" for articles
    sidebar_prefixes: frozenset[str] = frozenset()  # interwiki prefixes that put a link into the list of languages
    local_interwiki: frozenset[str] = frozenset()  # prefixes that lead back to this wiki
    capitalised: bool = True  # titles begin with a capital letter: siteinfo's case="first-letter"
    uppercase: Mapping[str, str] = field(default_factory=dict)  # first letters with a special capital: Turkish i
    title_converters: tuple[str, ...] = ()  # ICU transliterators between the scripts of titles: ("Hant-Hans", …)
    behaviour_switches: frozenset[str] = frozenset()  # "__NOTOC__", "__KEIN_INHALTSVERZEICHNIS__", …: as written
    spaced_punctuation: str = ""  # punctuation with a space before it: ";:!?" in French
    kinds: KindRules = field(default_factory=KindRules)

    def __repr__(self) -> str:
        return f"Language({self.code!r})"
