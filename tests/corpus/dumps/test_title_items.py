"""corpus.dumps.title_items: rows of a table of titles and items, and lines that are none."""

from collections import Counter

import pytest

from mlukit.corpus.dumps import title_items
from mlukit.corpus.dumps.title_items import begins_as_title_items, read_title_items
from mlukit.corpus.dumps.wikidata_json import BadLine, WikidataItem


def read(*lines: bytes | str) -> list[WikidataItem | BadLine]:
    skipped = Counter[str]()
    encoded = [line if isinstance(line, bytes) else line.encode() for line in lines]
    items = list(read_title_items(encoded, {"dewiki": "de"}, skipped))
    assert not skipped
    return items


@pytest.mark.parametrize(
    ("row", "title", "qid"),
    [
        ("Berlin\tQ64", "Berlin", 64),
        ("Berlin\tQ64\r\n", "Berlin", 64),
        (" Berlin \t Q64 ", "Berlin", 64),
        ("\ufeffBerlin\tQ64", "Berlin", 64),
        ("Frau_Holle\tQ10", "Frau Holle", 10),
        ("A\u0308hre\tQ7", "Ähre", 7),
        ('"Berlin"@de\t<http://www.wikidata.org/entity/Q64>', "Berlin", 64),
        ('"\\"Heroes\\" \\\\ x"@en\thttp://www.wikidata.org/entity/Q9', '"Heroes" \\ x', 9),
        ('"Heroes"\tQ9', '"Heroes"', 9),
        ("Item\tQ5", "Item", 5),
        ("東京\tQ1490", "東京", 1490),
    ],
)
def test_rows(row: str, title: str, qid: int) -> None:
    assert read(row) == [WikidataItem(qid, {"de": title}, {})]


@pytest.mark.parametrize(
    "line", ["", " ", "\r\n", "title\titem", "?title\t?item", "Titel\tQID", "\ufefftitle\titem\r\n"]
)
def test_lines_passed_over(line: str) -> None:
    assert read(line) == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Berlin", "malformed"),
        ("Berlin\tQ64\tcapital", "malformed"),
        ("Berlin Q64", "malformed"),
        (b"B\xe4r\tQ64", "not UTF-8"),
        ("Berlin\t64", "bad id"),
        ("Berlin\tP64", "bad id"),
        ("Berlin\tQ0", "bad id"),
        ("Berlin\t", "bad id"),
        ("Berlin\tQ٦٤", "bad id"),
        ("Berlin\tQ99999999999999999999", "bad id"),
        ("Berlin\thttp://example.org/entity/Q64", "bad id"),
        ("\tQ64", "bad title"),
        ('""@de\tQ64', "bad title"),
        ("[[Berlin]]\tQ64", "bad title"),
        ("<https://de.wikipedia.org/wiki/Berlin>\tQ64", "bad title"),
    ],
)
def test_lines_that_are_no_rows(line: bytes | str, reason: str) -> None:
    good, bad, last = read("Spree\tQ1585", line, "Havel\tQ1")
    assert (good, last) == (WikidataItem(1585, {"de": "Spree"}, {}), WikidataItem(1, {"de": "Havel"}, {}))
    assert isinstance(bad, BadLine)
    assert (bad.number, bad.reason, bad.titles) == (2, reason, 1)
    assert len(bad.detail) < 400


def test_a_line_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(title_items, "MAX_LINE_BYTES", 100)
    (line,) = read(b"x" * 101)
    assert isinstance(line, BadLine)
    assert (line.reason, line.titles) == ("too long", 1)


@pytest.mark.parametrize(
    ("head", "is_table"),
    [
        (b"Berlin\tQ64\nSpree", True),
        (b"\r\ntitle\titem", True),
        (b"", False),
        (b"<html>", False),
        (b"a\tb\tc\n", False),
    ],
)
def test_beginnings(head: bytes, is_table: bool) -> None:
    assert begins_as_title_items(head) is is_table
