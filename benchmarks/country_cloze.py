"""Makes triples for `mlukit evaluate cloze`: which languages a country has, and which countries are its neighbours.

usage: python -P benchmarks/country_cloze.py PACKAGE FOLDER [--vocabulary OUT]

PACKAGE is the unpacked npm package world-countries (`npm pack world-countries && tar xzf world-countries-*.tgz`). It is
under the Open Database Licence (ODbL), so FOLDER is not part of mlukit. Names are those of Unicode's CLDR, from the
package Babel, which is not a dependency of mlukit: pip install Babel. This is not mLAMA, and says nothing about mLAMA.

The templates have colons, as lists have, because a sentence would need an article ("the Netherlands", "l'Allemagne"), a
preposition ("in der Schweiz") or another form of the name.

With --vocabulary, triples have the QIDs of OUT's entities whose articles are about the country or the language. An
article is found by its title in one of the six languages: the name of a country, and for a language what TITLES makes
of its name, such as "Deutsche Sprache". A few titles are those of other articles.
"""

import argparse
import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

TEMPLATES = {
    "language": {
        "en": "[X] – official language: [Y].",
        "de": "[X] – Amtssprache: [Y].",
        "fr": "[X] – langue officielle : [Y].",
        "es": "[X] – idioma oficial: [Y].",
        "it": "[X] – lingua ufficiale: [Y].",
        "ja": "[X]の公用語は[Y]である。",
    },
    "neighbour": {
        "en": "[X] – neighbouring country: [Y].",
        "de": "[X] – Nachbarland: [Y].",
        "fr": "[X] – pays voisin : [Y].",
        "es": "[X] – país vecino: [Y].",
        "it": "[X] – paese confinante: [Y].",
        "ja": "[X]は[Y]と国境を接している。",
    },
}
TITLES: Mapping[str, Callable[[str], list[str]]] = {  # titles that the article of a language may have, by its name
    "en": lambda name: [f"{name} language", name],
    "de": lambda name: [f"{name}e Sprache", name],
    "fr": lambda name: [name, f"Langue {name}e"],
    "es": lambda name: [f"Idioma {name}", name],
    "it": lambda name: [f"Lingua {name.removesuffix('o')}a", f"Lingua {name}", name],
    "ja": lambda name: [name],
}


class Named(NamedTuple):
    """A country or a language: its code (upper case: a country), and its name in a language."""

    code: str
    name: str


class Triple(NamedTuple):
    """A fact in a language."""

    language: str
    relation: str
    subject: Named
    object: Named


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path, metavar="PACKAGE")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--vocabulary", type=Path, metavar="OUT")
    asked = parser.parse_args()
    countries = json.loads((asked.package / "countries.json").read_text(encoding="utf-8"))
    found = [one for language in TEMPLATES["language"] for one in triples(countries, language)]
    qids = find_qids(asked.vocabulary, found) if asked.vocabulary else {}
    rows = [
        {
            "language": one.language,
            "relation": one.relation,
            "subject": one.subject.name,
            "object": one.object.name,
            "subject_qid": qids.get(one.subject.code, ""),
            "object_qid": qids.get(one.object.code, ""),
        }
        for one in found
    ]
    asked.folder.mkdir(parents=True, exist_ok=True)
    templates = [
        {"language": language, "relation": relation, "template": template}
        for relation, of_relation in TEMPLATES.items()
        for language, template in of_relation.items()
    ]
    write(asked.folder / "templates.csv", templates)
    write(asked.folder / "triples.csv", rows)
    print(f"{len(rows):,} triples, {sum(bool(row['object_qid']) for row in rows):,} with the QID of the object")


def triples(countries: list[dict[str, Any]], language: str) -> Iterator[Triple]:
    """The triples of one language; a country or a language that CLDR does not name in it is left out."""
    from babel import Locale
    from babel.core import get_global

    locale, short = Locale.parse(language), get_global("language_aliases")
    cca2 = {one["cca3"]: one["cca2"] for one in countries}
    for one in countries:
        codes = [str(short.get(code, code)) for code in one["languages"]]
        found = {
            "language": [Named(code, locale.languages.get(code, "")) for code in codes],
            "neighbour": [Named(cca2[code], locale.territories.get(cca2[code], "")) for code in one["borders"]],
        }
        subject = Named(one["cca2"], locale.territories.get(one["cca2"], ""))
        for relation, objects in found.items():
            for thing in dict.fromkeys(objects):
                if subject.name and thing.name:
                    yield Triple(language, relation, subject, thing)


def find_qids(out: Path, found: Sequence[Triple]) -> dict[str, str]:
    """The QID of each code: the one that its titles have in most languages, if the vocabulary has any of them."""
    import pyarrow.parquet as pq

    table = pq.read_table(out / "vocabulary/vocabulary.parquet", columns=["qid", "titles"]).to_pylist()
    of_title = {(one["language"], one["title"]): row["qid"] for row in table if row["qid"] for one in row["titles"]}
    qids: dict[str, Counter[str]] = {}
    for language, one in dict.fromkeys((row.language, thing) for row in found for thing in (row.subject, row.object)):
        titles = [one.name] if one.code.isupper() else TITLES[language](one.name)
        matches = (of_title.get((language, title[:1].upper() + title[1:])) for title in titles)
        if qid := next((match for match in matches if match), None):
            qids.setdefault(one.code, Counter())[qid] += 1
    return {code: counter.most_common(1)[0][0] for code, counter in qids.items()}


def write(file: Path, rows: list[dict[str, str]]) -> None:
    """Writes CSV with a header."""
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
