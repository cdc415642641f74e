"""docs/languages.md says of each language, file and key what the files say."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlukit.corpus.languages.load import language_codes
from mlukit.corpus.languages.tables import read_table, table_names

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "corpus" / "languages"
CASES = ROOT / "tests" / "cases"
PAGE = (ROOT / "docs" / "languages.md").read_text(encoding="utf-8")
SHARED_BY_HAND = {
    "disambiguation",
    "quotation_marks",
    "sentences",
    "variants",
    "wikipedias",
    "word_breaks",
}  # no language


def rows_under(heading: str) -> list[list[str]]:
    """The cells of all table rows in a section, rows of headings left out."""
    section = re.search(rf"^#+ {re.escape(heading)}$(.*?)(?=^#+ |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert section, heading
    lines = re.findall(r"^\|.*\|$", section[1], re.MULTILINE)
    tables = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    headings = {i - 1 for i, cells in enumerate(tables) if set("".join(cells)) <= set("- ")}
    return [cells for i, cells in enumerate(tables) if i not in headings and i - 1 not in headings]


def read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def hand_written() -> dict[str, dict[str, Any]]:
    """The `{code}.toml` of each language."""
    names = {name.removesuffix(".toml") for name in table_names() if name.endswith(".toml")} - SHARED_BY_HAND
    return {code: read_table(f"{code}.toml") for code in names}


def wikitext_tables() -> dict[str, dict[str, Any]]:
    return {path.stem: read(path) for path in (FOLDER / "wikitext").glob("*.toml")}


def languages_of_cases() -> dict[str, set[str]]:
    """A file or folder of cases -> the languages that it has some in."""
    groups = {name: read(CASES / f"{name}.toml")["group"] for name in ("titles", "redirects", "kinds", "sentences")}
    found = {
        name: {table["language"] for group in groups[name] for table in (group, *group["cases"]) if "language" in table}
        for name in ("redirects", "kinds", "sentences")
    }
    found["titles"] = {group["language"] for group in groups["titles"]}  # a case's is that of the page it leads to
    found["wikitext"] = {
        case["language"] for path in (CASES / "wikitext").glob("*.toml") for case in read(path)["case"]
    }
    return found


def parts_of_languages() -> dict[str, list[str]]:
    """What the page's table must say: a row for each language that has a file or a section of its own."""
    made = {code: read_table(f"{code}.json")["sources"]["case"] for code in language_codes()}
    hand, wikitext, cases = hand_written(), wikitext_tables().keys() - {"common"}, languages_of_cases()
    sections = read_table("sentences.toml").keys()
    ours = set(read(ROOT / "configs" / "wikipedia24.toml")["languages"])
    case_columns = [cases[name] for name in ("titles", "redirects", "kinds", "wikitext", "sentences")]
    return {
        code: [
            ("dump" if made[code] == "dump header" else "siteinfo") if code in made else "–",
            *("y" if code in column else "–" for column in (hand, wikitext, sections)),
            "y" if "variants" in hand.get(code, {}) else "–",
            *("y" if code in column else "–" for column in (ours, *case_columns)),
        ]
        for code in sorted({*made, *hand, *wikitext, *sections})
    }


def keys_under_sections(tables: dict[str, dict[str, Any]], *whole: str) -> Iterator[str]:
    """Every key of the tables as the page writes it; a section in `whole`, whose keys are names, is one key."""
    for table in tables.values():
        for name, value in table.items():
            if name in whole:
                yield f"[{name}]"
            else:
                yield from (f"[{name}] {key}" for key in value) if isinstance(value, dict) else [name]


def keys_on_page(*tables: int) -> set[str]:
    """The first cells of these tables in the section on keys."""
    section = PAGE.partition("\n## Keys of the files that are written by hand\n")[2].partition("\n## ")[0]
    rows = [re.findall(r"^\| `(.*?)` \|", table, re.MULTILINE) for table in section.split("| --- | --- |")[1:]]
    return {key for i in tables for key in rows[i]}


def test_the_page_says_what_each_language_has() -> None:
    assert {cells[0]: cells[1:] for cells in rows_under("What each language has")} == parts_of_languages()


def test_the_page_has_every_key_and_no_other() -> None:
    assert set(keys_under_sections(hand_written(), "variants")) == keys_on_page(0)
    maps = ("templates", "unit_names", "unit_symbols", "words_between_numbers")
    assert set(keys_under_sections(wikitext_tables(), *maps)) == keys_on_page(2)
    assert {key for row in read_table("sentences.toml").values() for key in row} == keys_on_page(3)
    rows = read_table("wikipedias.toml").values()
    assert {key for row in rows for key in row} <= keys_on_page(1) | {"capitals", "converters"}


def test_the_page_names_every_shared_file_and_the_wikipedias_in_it() -> None:
    rows = {cells[0].strip("`"): cells[2] for cells in rows_under("Files that are shared")}
    files = {f"{name}.toml" for name in SHARED_BY_HAND - {"sentences"}} | {"interwiki.json", "messages.json"}
    assert rows.keys() == files | {"wikitext/messages.json", "wikitext/common.toml"}
    assert rows["variants.toml"].rpartition(": ")[2].split() == sorted(read_table("variants.toml"))
    exceptions = read_table("wikipedias.toml")
    of_titles = sorted(code for code, row in exceptions.items() if row.keys() - {"wiki"})
    of_databases = sorted(code for code, row in exceptions.items() if "wiki" in row)
    assert re.findall(r": ([a-z -]+)(?:;|$)", rows["wikipedias.toml"]) == [" ".join(of_titles), " ".join(of_databases)]


@pytest.mark.parametrize("name", re.findall(r"\]\(\.\./([^)#]+)", PAGE) + re.findall(r"`(\w+/[\w/.]+\.\w+)`", PAGE))
def test_what_the_page_names_exists(name: str) -> None:
    assert (ROOT / name).exists() or (FOLDER / name).exists()
