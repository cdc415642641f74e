"""`mlukit audit` over a small build: residue, and links against the wikitext and both schemas of pagelinks."""

import gzip
import json
import shutil
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest

from mlukit.pipelines import audit, link

PAGES = {
    1: "The [[Rhine]] in [[Bonn]]s and {{box|[[Ulm]]}} [[cologne]].\n\n{|\n| [[Mainz]]\n|}\nLeft {{unclosed [[Kiel]].",
    2: "A river , in [[Germany]] [[fr:Rhin]].\n\n<div>a</div> | b",
    3: "#REDIRECT [[Rhine]]",
    4: "[[Town]] ([[Rhine|river]])",
}
TITLES = {1: "Town", 2: "Rhine", 3: "River", 4: "Bonn"}
RECORDED = [
    *((1, 0, title) for title in ("Rhine", "Bonn", "Ulm", "Cologne", "Mainz", "Kiel", "Made by box")),
    *((1, 14, "Towns"), (2, 0, "Germany"), (3, 0, "Rhine"), (4, 0, "Town"), (4, 0, "Rhine"), (9, 1, "Town")),
]


def write_dump(folder: Path) -> None:
    pages = "".join(
        f"<page><title>{TITLES[number]}</title><ns>0</ns><id>{number}</id><revision><id>{number}0</id>"
        f"<text>{escape(text)}</text></revision></page>\n"
        for number, text in PAGES.items()
    )
    xml = f'<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/" xml:lang="en">\n{pages}</mediawiki>\n'
    with gzip.open(folder / "enwiki-20260901-pages-articles.xml.gz", "wt", encoding="utf-8") as file:
        file.write(xml)


def write_sql(folder: Path, table: str, columns: str, rows: list[str]) -> None:
    with gzip.open(folder / f"enwiki-20260901-{table}.sql.gz", "wt", encoding="utf-8") as file:
        file.write(f"CREATE TABLE `{table}` ({columns});\nINSERT INTO `{table}` VALUES\n" + ",\n".join(rows) + ";\n")


def write_old_schema(folder: Path) -> None:
    rows = [f"({page},0,{space},'{title.replace(' ', '_')}')" for page, space, title in RECORDED]
    write_sql(folder, "pagelinks", "`pl_from` int, `pl_from_namespace` int, `pl_namespace` int, `pl_title` blob", rows)


def write_new_schema(folder: Path, with_names: bool) -> None:
    names = sorted({(space, title) for _, space, title in RECORDED})
    rows = [f"({page},0,{7 + names.index((space, title))})" for page, space, title in RECORDED]
    write_sql(folder, "pagelinks", "`pl_from` int, `pl_from_namespace` int, `pl_target_id` bigint", rows)
    if with_names:
        named = [f"({7 + n},{space},'{title.replace(' ', '_')}')" for n, (space, title) in enumerate(names)]
        write_sql(folder, "linktarget", "`lt_id` bigint, `lt_namespace` int, `lt_title` blob", named)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with dumps/ and out/."""
    folder = tmp_path_factory.mktemp("built")
    (folder / "dumps").mkdir()
    write_dump(folder / "dumps")
    flags = ["--dumps", str(folder / "dumps"), "--output", str(folder / "out"), "--allow-unresolved"]
    assert link.main(flags) == 0
    return folder


@pytest.fixture
def folder(built: Path, tmp_path: Path) -> Path:
    """A copy of its own."""
    return Path(shutil.copytree(built, tmp_path / "copy"))


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / "out/audit" / name).read_text(encoding="utf-8"))["en"]


def test_residue(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main([str(folder / "out")]) == 0
    residue = read(folder, "residue.json")
    assert residue["all"]["places"] == {"{{ }}": 1, "|": 1, "space before punctuation": 1}
    assert [*residue["sides"]] == ["untold"]
    assert residue["pages"] == 3
    assert [page[2] for page in residue["worst"]] == ["Rhine", "Town"]
    shown = capsys.readouterr().out
    assert "A river⟦ ,⟧ in Germany" in shown
    assert "give --dumps DIR with the dumps from which OUT was made." in shown
    assert "Link targets" not in shown
    assert not (folder / "out/audit/links.json").exists()


def test_residue_beside_the_wikitext(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main([str(folder / "out"), "--dumps", str(folder / "dumps")]) == 0
    residue = read(folder, "residue.json")
    assert {side: found["places"] for side, found in residue["sides"].items()} == {
        "written": {"{{ }}": 1, "|": 1, "space before punctuation": 1}
    }
    assert residue["worst"] == []
    shown = capsys.readouterr().out
    assert "any  left  around a note  written\nen            3           6  500.00  0.00" in shown
    assert "written: the author wrote these characters as text" in shown
    assert "untold" not in shown


def test_against_the_wikitext(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main([str(folder / "out"), "--dumps", str(folder / "dumps")]) == 0
    counts = read(folder, "links.json")["counts"]
    assert (counts["right"], counts["in a template"], counts["in a table"]) == (7, 1, 1)
    assert "missed" not in counts
    assert "wikitext" in capsys.readouterr().out


@pytest.mark.parametrize("schema", ["old", "new"])
def test_against_pagelinks(folder: Path, schema: str, capsys: pytest.CaptureFixture[str]) -> None:
    if schema == "old":
        write_old_schema(folder / "dumps")
    else:
        write_new_schema(folder / "dumps", with_names=True)
    assert audit.main([str(folder / "out"), "--dumps", str(folder / "dumps")]) == 0
    counts = {name: n for name, n in read(folder, "links.json")["counts"].items() if n}
    assert counts == {
        "pages": 3,
        "pages compared with pagelinks": 3,
        "right": 7,
        "right in text": 7,
        "in a template": 1,
        "in a table": 1,
        "out of a template": 1,
        "other namespaces": 1,
        "of redirects": 1,
        "of other pages": 1,
    }
    shown = capsys.readouterr().out
    assert "100.000%" in shown
    assert "Town (1): Made by box" in shown


def test_pagelinks_without_linktarget(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_new_schema(folder / "dumps", with_names=False)
    assert audit.main([str(folder / "out"), "--dumps", str(folder / "dumps")]) == 0
    counts = read(folder, "links.json")["counts"]
    assert (counts["links by number"], counts["extracted by number"]) == (11, 7)
    assert "linktarget.sql, which names the targets of links, is missing" in capsys.readouterr().err


def test_tables_without_the_dump(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "tables").mkdir()
    write_old_schema(folder / "tables")
    assert audit.main([str(folder / "out"), "--dumps", str(folder / "tables")]) == 0
    counts = read(folder, "links.json")["counts"]
    assert (counts["right"], counts["not extracted"]) == (7, 3)
    assert "the dump from which OUT was made is missing" in capsys.readouterr().err


def test_again_gives_the_same(folder: Path) -> None:
    write_old_schema(folder / "dumps")
    texts = []
    for _ in range(2):
        assert audit.main([str(folder / "out"), "--dumps", str(folder / "dumps")]) == 0
        texts.append([(folder / "out/audit" / name).read_bytes() for name in ("residue.json", "links.json")])
    assert texts[0] == texts[1]
    assert not [path for path in (folder / "out/_work").rglob("*") if path.is_file()]


def test_a_second_parser_reads_a_sample(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [str(folder / "out"), "--dumps", str(folder / "dumps"), "--second-parser"]
    assert audit.main(command) == 0
    found = read(folder, "parsers.json")
    assert (found["pages"], found["left_out"], found["facts"]) == (3, {}, {"link": 7, "paragraph": 5})
    assert found["differences"] == {"link trail": 1, "unexplained": 1}  # the space before [[fr:Rhin]]
    shown = capsys.readouterr().out
    assert "en            3      7         0       0           5            2            1             0" in shown
    assert "only mlukit has the link en:Bonn 'Bonns'" in shown
    before = (folder / "out/audit/parsers.json").read_bytes()
    assert audit.main([*command, "--examples", "0"]) == 0
    assert (folder / "out/audit/parsers.json").read_bytes() == before
    assert "only mlukit has" not in capsys.readouterr().out
    assert not [path for path in (folder / "out/_work").rglob("*") if path.is_file()]
    assert audit.main([*command, "--sample-pages", "1"]) == 0
    assert read(folder, "parsers.json")["pages"] < 3


def test_a_second_parser_needs_the_dump(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "tables").mkdir()
    write_old_schema(folder / "tables")
    assert audit.main([str(folder / "out"), "--dumps", str(folder / "tables"), "--second-parser"]) == 0
    ran = capsys.readouterr()
    assert "so the second parser reads no page of it" in ran.err
    assert "mwparserfromhell" not in ran.out and not (folder / "out/audit/parsers.json").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["out", "--languages", "ne"], "out has no articles in 'ne'"),
        (["out", "--dumps", "empty"], "has neither enwiki-20260901-pages-articles.xml.gz nor pagelinks.sql of en"),
        (["empty"], "has no finished link stage"),
        (["out", "--second-parser"], "--second-parser needs --dumps DIR"),
        (["out", "--dumpz", "x"], "unknown flag --dumpz; did you mean '--dumps'?"),
    ],
)
def test_wrongly_asked(folder: Path, flags: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "empty").mkdir()
    words = [str(folder / word) if word in ("out", "empty") else word for word in flags]
    assert audit.main(words) == 2
    assert message in capsys.readouterr().err
