"""Makes the language tables in `corpus/languages/` from the site information of wikis and from MediaWiki's sources.

    .venv/bin/python tools/make_language_tables.py siteinfo cawiki-siteinfo.xml.gz
    .venv/bin/python tools/make_language_tables.py siteinfo FOLDER [LINK_TRAILS.json]
    .venv/bin/python tools/make_language_tables.py messages MEDIAWIKI_FOLDER
    .venv/bin/python tools/make_language_tables.py dump DUMP.xml[.bz2|.gz]

`{wiki}-siteinfo.xml.gz` is the answer of
`https://ca.wikipedia.org/w/api.php?action=query&meta=siteinfo&format=xml&siprop=namespaces|namespacealiases|magicwords|interwikimap`.
From one such file, the first command makes the wiki's `{code}.json`; from a folder of them, the second command makes a
table for each wiki, and `interwiki.json`, which is valid for all wikis. The table of a wiki without siteinfo is made
from the `<siteinfo>` of its dump and the row of its language in `messages.json`, which the third command makes from
MediaWiki's sources.

LINK_TRAILS.json has `{code: {trail, prefix, source, namespaces}}`, with regular expressions from siteinfo's
`linktrail`. A wiki that is not in it gets the trail and prefix of its language in `messages.json`.

The hand-written part of a table is `{code}.toml`; docs/languages.md describes how to add a language.
"""

import argparse
import bz2
import gzip
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any
from xml.etree import ElementTree

from read_mediawiki_messages import message_rows, read_messages

from mlukit.corpus.languages.wiki_names import language_of, wiki_of

LANGUAGES = Path(__file__).resolve().parents[1] / "corpus" / "languages"
WIKIPEDIA_URL = re.compile(r"https?://([a-z-]+)\.wikipedia\.org/wiki/\$1")
NOT_LANGUAGES = {"nostalgia", "ten", "test", "test2", "wg-en", "www"}  # hosts at wikipedia.org that are not languages
NEWER_WIKIPEDIAS = [  # younger than the siteinfo at hand: Pywikibot, families/wikipedia_family.py, 2026-08-22
    *["ann", "bdr", "bol", "iba", "isv", "kai", "kaj", "kge", "knc", "mag", "mos", "nr", "nup", "ppl", "rki", "rsk"],
    *["syl", "tdd", "tig", "tok"],
]
NAMESPACES_SOURCE = "siteinfo: namespaces, namespacealiases"


def read(name: str) -> dict[str, Any]:
    """The current content of a generated table."""
    table: dict[str, Any] = json.loads((LANGUAGES / name).read_text(encoding="utf-8"))
    return table


def code_of(path: Path, wiki: str) -> str:
    """The code of the Wikipedia that a file is about; ValueError for the file of another wiki."""
    code = language_of(wiki)
    if code is None:
        raise ValueError(f"{path}: {wiki!r} is not the database of a Wikipedia")
    return code


def shipped_row(code: str) -> tuple[dict[str, Any], str]:
    """The row of a Wikipedia's language in `messages.json`, and its source."""
    messages = read("messages.json")
    row: dict[str, Any] = messages["languages"][code]
    return row, f"{messages['source']}: {', '.join(row['files'])}"


def shipped_trail(code: str) -> dict[str, Any]:
    """The same row in the form of LINK_TRAILS.json."""
    row, source = shipped_row(code)
    return {"trail": row["link_trail"], "prefix": row["link_prefix"], "source": source, "namespaces": {}}


def read_namespaces(query: ElementTree.Element) -> dict[str, dict[str, Any]]:
    """{number: {name, canonical, aliases}}; without the article namespace, which has no name."""
    found: dict[str, dict[str, Any]] = {}
    for element in query.iterfind("namespaces/ns"):
        if element.get("id") != "0":
            found[element.attrib["id"]] = {
                "name": element.text,
                "canonical": element.get("canonical", element.text),
                "aliases": [],
            }
    for alias in query.iterfind("namespacealiases/ns"):
        if alias.get("id") in found:
            found[alias.attrib["id"]]["aliases"].append(alias.text)
    return found


def read_interwiki(query: ElementTree.Element) -> dict[str, tuple[str | None, bool, bool]]:
    """{prefix: (code of a Wikipedia or None, is a language's prefix, leads back to this wiki)}."""
    found = {}
    for element in query.iterfind("interwikimap/iw"):
        match = WIKIPEDIA_URL.fullmatch(element.attrib["url"])
        code = match[1] if match and match[1] not in NOT_LANGUAGES else None
        found[element.attrib["prefix"]] = (code, "language" in element.attrib, "localinterwiki" in element.attrib)
    return found


def read_redirect_words(query: ElementTree.Element) -> list[str]:
    """The aliases of the magic word `redirect`."""
    return [str(alias.text) for alias in query.iterfind("magicwords/magicword[@name='redirect']/aliases/alias")]


def read_switches(query: ElementTree.Element) -> list[str]:
    """Behaviour switches, such as __NOTOC__: every magic word written between double underscores, in any width."""
    words = {str(alias.text) for alias in query.iterfind("magicwords/magicword/aliases/alias")}
    return sorted(word for word in words if re.fullmatch("(?:__|＿＿).+(?:__|＿＿)", word))


def table_from_siteinfo(code: str, query: ElementTree.Element, trail: dict[str, Any]) -> dict[str, Any]:
    """The generated table of one wiki."""
    namespaces = read_namespaces(query)
    cases = {element.get("case") for element in query.iterfind("namespaces/ns[@id='0']")}
    return {
        "code": code,
        "wiki": wiki_of(code),
        "case": cases.pop(),
        "namespaces": namespaces,
        "local_interwiki": sorted(p for p, (_, _, local) in read_interwiki(query).items() if local),
        "redirect_words": read_redirect_words(query),
        "behaviour_switches": read_switches(query),
        "link_trail": trail["trail"] or "",
        "link_prefix": trail["prefix"] or "",
        "sources": {
            "case": "siteinfo: namespaces",
            "namespaces": NAMESPACES_SOURCE + add_newer_names(namespaces, trail),
            "local_interwiki": "siteinfo: interwikimap, localinterwiki",
            "redirect_words": "siteinfo: magicwords, redirect",
            "behaviour_switches": "siteinfo: magicwords between double underscores",
            "link_trail": trail["source"],
            "link_prefix": trail["source"],
        },
    }


def add_newer_names(namespaces: dict[str, dict[str, Any]], trail: dict[str, Any]) -> str:
    """Adds the names of namespaces in a newer siteinfo, which the link trails quote; returns its source or ""."""
    newer = trail["namespaces"].get("siteinfo146")
    if not newer:
        return ""
    for number, name in newer["all_namespaces"]:
        if number == 0:
            continue
        row = namespaces.setdefault(str(number), {"name": name, "canonical": name, "aliases": []})
        if name not in (row["name"], row["canonical"], *row["aliases"]):
            row["aliases"].append(name)
    return f"; {newer['generator']} siteinfo"


def header_of(dump: Path) -> ElementTree.Element:
    """The `<siteinfo>` of a dump, without the XML namespaces of tags; reads only the beginning of the dump."""
    opener: dict[str, Any] = {".bz2": bz2.open, ".gz": gzip.open}
    stream: IO[bytes] = opener.get(dump.suffix, Path.open)(dump, "rb")
    with stream:
        for _, element in ElementTree.iterparse(stream):
            element.tag = element.tag.rpartition("}")[2]
            if element.tag == "siteinfo":
                return element
    raise ValueError(f"{dump} has no <siteinfo>")


def table_from_dump(dump: Path) -> dict[str, Any]:
    """The generated table of a wiki, from its dump."""
    header = header_of(dump)
    wiki = str(header.findtext("dbname"))
    code = code_of(dump, wiki)
    english = read("en.json")
    row, source = shipped_row(code)
    namespaces = {}
    for element in header.iterfind("namespaces/namespace"):
        number, name = element.attrib["key"], element.text
        if number != "0":
            canonical = english["namespaces"].get(number, {"canonical": name})["canonical"]
            aliases = row["namespaces"].get(number, []) + (["Image"] if number == "6" else [])
            namespaces[number] = {
                "name": name,
                "canonical": canonical,
                "aliases": [alias for alias in aliases if alias not in (name, canonical)],
            }
    return {
        "code": code,
        "wiki": wiki,
        "case": header.findtext("case"),
        "namespaces": namespaces,
        "local_interwiki": [code],
        "redirect_words": row["redirect_words"],
        "behaviour_switches": english["behaviour_switches"],
        "link_trail": row["link_trail"],
        "link_prefix": row["link_prefix"],
        "sources": {
            "case": "dump header",
            "namespaces": f"dump header ({header.findtext('generator')}); aliases: {source}",
            "local_interwiki": "its own code, as every Wikipedia has it",
            "redirect_words": source,
            "behaviour_switches": "English ones, which hold everywhere",
            "link_trail": source,
            "link_prefix": source,
        },
    }


def common_interwiki(maps: Iterable[dict[str, tuple[str | None, bool, bool]]]) -> dict[str, Any]:
    """The union of the interwiki maps of all wikis; ValueError if two maps disagree about a prefix."""
    merged: dict[str, tuple[str | None, bool]] = {}
    for one in maps:
        for prefix, (code, language, _) in one.items():
            if merged.setdefault(prefix, (code, language)) != (code, language):
                raise ValueError(
                    f"interwiki prefix {prefix!r} is {merged[prefix]} on one wiki, but {(code, language)} on another"
                )
    for code in NEWER_WIKIPEDIAS:
        merged.setdefault(code, (code, True))
    return {
        "source": "siteinfo: interwikimap of all tables' wikis; Pywikibot for Wikipedias younger than that",
        "wikipedias": {prefix: code for prefix, (code, _) in sorted(merged.items()) if code},
        "languages": sorted(prefix for prefix, (_, language) in merged.items() if language),
        "other_wikis": sorted(prefix for prefix, (code, _) in merged.items() if not code),
    }


def write(path: Path, table: dict[str, Any]) -> None:
    """Writes a table with one line for each name, so that a changed name changes one line."""
    text = json.dumps(table, ensure_ascii=False, indent=1)
    text = re.sub(r"\[\s+([^\[\]{}]*?)\s+\]", lambda m: "[" + re.sub(r"\n\s*", " ", m[1]) + "]", text)
    text = re.sub(r"\{\s+(\"name\"[^{}]*?)\s+\}", lambda m: "{" + re.sub(r"\n\s*", " ", m[1]) + "}", text)
    path.write_text(text + "\n", encoding="utf-8")


def read_siteinfo(path: Path) -> tuple[str, ElementTree.Element]:
    """(code, query element) of a `{wiki}-siteinfo.xml.gz`."""
    with gzip.open(path) as stream:
        query = ElementTree.parse(stream).getroot().find("query")
    if query is None:
        raise ValueError(f"{path} has no <query>")
    return code_of(path, path.name.removesuffix("-siteinfo.xml.gz")), query


def make_from_siteinfo(path: Path, link_trails: Path | None, output: Path) -> None:
    """Makes the table of the wiki with the siteinfo `path`, or of each wiki in a folder, with the common map."""
    trails = json.loads(link_trails.read_text(encoding="utf-8")) if link_trails else {}
    wikis = dict(map(read_siteinfo, sorted(path.glob("*wiki-siteinfo.xml.gz")) if path.is_dir() else [path]))
    for code, query in wikis.items():
        write(output / f"{code}.json", table_from_siteinfo(code, query, trails.get(code) or shipped_trail(code)))
    if path.is_dir():
        write(output / "interwiki.json", common_interwiki(read_interwiki(query) for query in wikis.values()))


def make_messages(mediawiki: Path, output: Path) -> None:
    """Makes `messages.json`, with a row for each Wikipedia in the interwiki map."""
    codes = set(read("interwiki.json")["wikipedias"].values())
    version = re.search(r"MW_VERSION', '([^']+)'", (mediawiki / "includes" / "Defines.php").read_text(encoding="utf-8"))
    source = f"MediaWiki {version[1] if version else ''}, languages/messages/MessagesXx.php"
    write(output / "messages.json", {"source": source, "languages": message_rows(read_messages(mediawiki), codes)})


def main(arguments: list[str]) -> None:
    """Makes the tables that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=LANGUAGES, help="the folder to write to")
    commands = parser.add_subparsers(dest="command", required=True)
    siteinfo = commands.add_parser("siteinfo")
    siteinfo.add_argument("path", type=Path, help="a file {wiki}-siteinfo.xml.gz, or a folder of such files")
    siteinfo.add_argument("link_trails", type=Path, nargs="?")
    commands.add_parser("messages").add_argument("mediawiki", type=Path)
    commands.add_parser("dump").add_argument("dump", type=Path)
    options = parser.parse_args(arguments)
    if options.command == "siteinfo":
        make_from_siteinfo(options.path, options.link_trails, options.output)
    elif options.command == "messages":
        make_messages(options.mediawiki, options.output)
    else:
        table = table_from_dump(options.dump)
        write(options.output / f"{table['code']}.json", table)


if __name__ == "__main__":
    main(sys.argv[1:])
