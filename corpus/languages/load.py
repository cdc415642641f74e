"""Reads the tables in `corpus/languages/`: `{code}.json`, made from siteinfo, and `{code}.toml`, written by hand."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from mlukit.corpus.languages.fold_name import fold_name
from mlukit.corpus.languages.kind_rules import read_kind_rules
from mlukit.corpus.languages.language import Language
from mlukit.corpus.languages.suggest_code import suggest_code
from mlukit.corpus.languages.tables import read_shared_table, read_table, table_names
from mlukit.corpus.languages.wiki_names import wiki_of


@cache
def language_codes() -> tuple[str, ...]:
    """The codes that have a table, sorted."""
    names = table_names()
    written = (name.removesuffix(".toml") for name in names if name.endswith(".toml"))
    return tuple(sorted(code for code in written if f"{code}.json" in names))


@cache
def wikipedia_codes() -> frozenset[str]:
    """The code of every Wikipedia in siteinfo's interwiki map, with or without a table."""
    return frozenset(read_shared_table("interwiki.json")["wikipedias"].values()) | frozenset(language_codes())


@cache
def load_language(code: str) -> Language:
    """The language with the table `{code}.json`.

    Raises:
        ValueError: the code has no table; the message names a code that the user may mean.
    """
    codes = language_codes()
    if code not in codes:
        accepted = f"accepted: {', '.join(codes)}"
        raise ValueError(f"there is no language table for {code!r}{_hint(code, frozenset(codes), accepted)}")
    return _build(read_table(f"{code}.json"), read_table(f"{code}.toml"))


def any_language(code: str) -> Language:
    """The language of any Wikipedia, from its table or, without a table, the generic language.

    Raises:
        ValueError: no Wikipedia has this code.
    """
    return load_language(code) if code in language_codes() else _generic(code)


def generic_language(code: str, header_namespaces: Mapping[int, str] | None = None) -> Language:
    """A Wikipedia without a table: MediaWiki's names for the language, and the names in the header of the dump.

    Aliases that only this wiki defines are missing. The rules for kinds of pages cover only disambiguation pages and
    years.

    Raises:
        ValueError: no Wikipedia has this code; the message names a code that the user may mean.
    """
    check_code(code)
    language = _build(_made_for(code), _written_for(code))
    if not header_namespaces:
        return language
    named = replace(language, namespace_names={**language.namespace_names, **header_namespaces})
    return with_namespaces(named, header_namespaces)


def check_code(code: str) -> None:
    """Refuses a code that no Wikipedia has.

    Raises:
        ValueError: the message names a code that the user may mean.
    """
    if code not in wikipedia_codes():
        accepted = "accepted: the code in a Wikipedia's address, such as 'el' in el.wikipedia.org"
        raise ValueError(f"no Wikipedia has the code {code!r}{_hint(code, wikipedia_codes(), accepted)}")


def with_namespaces(language: Language, names: Mapping[int, str]) -> Language:
    """`language` with the names of a dump header added.

    A known name keeps its number, because the header may be from another wiki.
    """
    added = {fold_name(name): number for number, name in names.items() if name and number}
    numbers = {number: name for number, name in names.items() if number not in language.namespace_names}
    if added.keys() <= language.namespaces.keys() and not numbers:
        return language
    return replace(
        language,
        namespaces={**added, **language.namespaces},
        namespace_names={**numbers, **language.namespace_names},
    )


@cache
def _generic(code: str) -> Language:
    """`generic_language` without the header of a dump, cached."""
    return generic_language(code)


def _made_for(code: str) -> dict[str, Any]:
    """A substitute for the missing `{code}.json` of a Wikipedia."""
    english = read_shared_table("en.json")
    shipped = read_shared_table("messages.json")["languages"][code]
    namespaces = {}
    for number, row in english["namespaces"].items():
        if int(number) < 16:
            local, *aliases = shipped["namespaces"].get(number, [row["canonical"]])
            old = [name for name in row["aliases"] if name in ("Image", "Image talk")]
            namespaces[number] = {"name": local, "canonical": row["canonical"], "aliases": aliases + old}
    return {
        **shipped,
        "code": code,
        "wiki": wiki_of(code),
        "case": read_shared_table("wikipedias.toml").get(code, {}).get("case", "first-letter"),
        "namespaces": namespaces,
        "local_interwiki": [code],
        "behaviour_switches": english["behaviour_switches"],
    }


def _written_for(code: str) -> dict[str, Any]:
    """A substitute for a missing `{code}.toml`.

    Years have at least three digits, because the page "12" of some wikis is about the number.
    """
    known = read_shared_table("disambiguation.toml").get(code, {})
    templates = ["Disambig", "Disambiguation", *known.get("templates", ())]
    titles = ["disambiguation", *known.get("titles", ())]
    return {
        "disambiguation": {"templates": templates, "titles": titles},
        "date": {"titles": ["(?=...){year}"]},
        "titles": read_shared_table("wikipedias.toml").get(code, {}),
        "variants": read_shared_table("variants.toml").get(code, {}),
    }


def _build(made: Mapping[str, Any], written: Mapping[str, Any]) -> Language:
    """The language of a generated table (`{code}.json`) and a hand-written table (`{code}.toml`)."""
    interwiki, sidebar_prefixes = _interwiki()
    titles = written.get("titles", {})
    names = {int(number): row["name"] for number, row in made["namespaces"].items()}
    return Language(
        code=made["code"],
        wiki=made["wiki"],
        namespaces=_namespace_numbers(made["namespaces"]),
        interwiki=interwiki,
        redirect_words=tuple(made["redirect_words"]),
        link_trail=made["link_trail"],
        link_prefix=made["link_prefix"],
        variants=tuple(written.get("variants", {})),
        variant_fallbacks={name: tuple(tried) for name, tried in written.get("variants", {}).items()},
        namespace_names=names | {0: ""},
        sidebar_prefixes=sidebar_prefixes,
        local_interwiki=frozenset(map(fold_name, made["local_interwiki"])),
        capitalised=made["case"] == "first-letter",
        behaviour_switches=frozenset(made["behaviour_switches"]),
        uppercase=titles.get("capitals", {}),
        title_converters=tuple(titles.get("converters", ())),
        spaced_punctuation=written.get("typography", {}).get("space_before", ""),
        kinds=read_kind_rules(written),
    )


def _namespace_numbers(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Every name -> number. As in MediaWiki's Language::getNsIndex, English names come first, then local names."""
    numbers: dict[str, int] = {}
    for kind in ("aliases", "name", "canonical"):
        for number, row in rows.items():
            names = row[kind] if kind == "aliases" else [row[kind]]
            numbers.update((fold_name(name), int(number)) for name in names)
    return numbers


@cache
def _interwiki() -> tuple[dict[str, str | None], frozenset[str]]:
    """The prefixes that all languages share, and those of the prefixes that stand for a language; cached."""
    table = read_shared_table("interwiki.json")
    prefixes: dict[str, str | None] = dict.fromkeys(map(fold_name, table["other_wikis"]))
    return prefixes | table["wikipedias"], frozenset(table["languages"])


def _hint(code: str, valid: frozenset[str], otherwise: str) -> str:
    """The end of an error message: "; did you mean …?" if a valid code is similar, else `otherwise`."""
    meant = suggest_code(code, valid)
    return f"; did you mean {meant!r}?" if meant else f"; {otherwise}"
