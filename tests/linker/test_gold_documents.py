"""Documents in the form of Mewsli-9, written by hand."""

import re
from pathlib import Path

import pytest

from mlukit.linker.gold_documents import GoldDocument, GoldMention, read_gold
from mlukit.linker.output_files import LinkerError

DOCUMENTS = "docid\ttitle\tcurid\trevid\turl\ttext_md5\n"
MENTIONS = "docid\tposition\tlength\tmention\turl\tlang\tqid\tqid_in_refs\tfreq_bin\n"
ROWS = (
    "de-1\t4\t5\tSpree\thttp://de.wikipedia.org/wiki/Spree\tde\tQ1585\tTrue\t2\n"
    'de-1\t25\t8\t"""Berlin"""\thttp://de.wikipedia.org/wiki/Berlin\tde\tQ64\tTrue\t5\n'
)
TEXT = 'Die Spree fließt durch \n "Berlin".\n'


def write_gold(folder: Path, rows: str = ROWS, text: str = TEXT, mentions: str = MENTIONS) -> Path:
    """Writes a language's folder."""
    (folder / "text").mkdir(parents=True)
    (folder / "docs.tsv").write_text(f'{DOCUMENTS}de-1\t"""Spree"""\t1\t2\thttps://de.wikinews.org\t0\n')
    (folder / "mentions.tsv").write_text(mentions + rows)
    (folder / "text/de-1").write_text(text)
    return folder


@pytest.mark.parametrize("named", ["", "de", "de/mentions.tsv"])
def test_documents_with_their_mentions(tmp_path: Path, named: str) -> None:
    write_gold(tmp_path / "gold/de")
    assert list(read_gold(str(tmp_path / "gold" / named), tmp_path, ["de", "en"])) == [
        GoldDocument("de", "de-1", TEXT, [GoldMention(4, 9, 1585), GoldMention(25, 33, 64)])
    ]


def test_a_mention_without_an_item(tmp_path: Path) -> None:
    write_gold(tmp_path / "de", rows="de-1\t4\t5\tSpree\t\tde\t\tFalse\t0\n")
    (document,) = read_gold(str(tmp_path), tmp_path, ["de"])
    assert document.mentions == [GoldMention(4, 9, None)]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"rows": ROWS.replace("Spree", "Havel")}, "mentions.tsv, line 2: the text has 'Spree' at 4, and not 'Havel'"),
        ({"rows": ROWS.replace("\t4\t", "\tfour\t")}, "line 2: invalid literal for int() with base 10: 'four'"),
        ({"rows": ROWS.replace("Q64", "P64")}, "line 3: 'P64' is not a QID; accepted: Q and a number, such as Q64"),
        ({"rows": "de-1\t4\n"}, "mentions.tsv, line 2: fewer columns than the header has"),
        (
            {"mentions": "docid\tposition\n"},
            "mentions.tsv has no column 'length'; its columns are ['docid', 'position']",
        ),
        ({"rows": ROWS + ROWS.splitlines()[0]}, "mentions.tsv: the mentions of de-1 at 4 and 4 overlap"),
    ],
)
def test_tables_in_another_form(tmp_path: Path, written: dict[str, str], told: str) -> None:
    write_gold(tmp_path / "de", **written)
    with pytest.raises(LinkerError, match=re.escape(told)):
        list(read_gold(str(tmp_path), tmp_path, ["de"]))


def test_what_is_not_there(tmp_path: Path) -> None:
    write_gold(tmp_path / "gold/de")
    for gold, told in (
        (tmp_path / "none", "there is no folder"),
        (tmp_path, "has no mentions.tsv, nor has a folder in it: name validation, or a folder with docs.tsv"),
        (tmp_path / "gold", "has no documents of en, the languages of"),
    ):
        with pytest.raises(LinkerError, match=re.escape(told)):
            list(read_gold(str(gold), tmp_path, ["en"]))
    (tmp_path / "gold/de/text/de-1").unlink()
    with pytest.raises(LinkerError, match="has no file 'de-1': it has the text of each document under its docid"):
        list(read_gold(str(tmp_path / "gold"), tmp_path, ["de"]))
    with pytest.raises(LinkerError, match="has no held-out pages of de: build with --validation-share"):
        list(read_gold("validation", tmp_path, ["de"]))
