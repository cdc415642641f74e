"""corpus.dumps.wikidata_json: items out of lines, hostile lines counted."""

import bz2
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlukit.corpus.dumps import wikidata_json
from mlukit.corpus.dumps.wikidata_json import BadLine, WikidataItem, lines_of, read_entities
from tests.wikidata_dump import write_json_dump

SHARED = Path(__file__).resolve().parents[3].parent / "shared/data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"real dumps are not in {SHARED}")
WIKIS = {"enwiki": "en", "dewiki": "de", "nowiki": "no", "be_x_oldwiki": "be-tarask"}
LANGUAGES = [
    *("ar", "bn", "de", "el", "en", "es", "fi", "fr", "hi", "id", "it", "ja"),
    *("ko", "nl", "pl", "pt", "ru", "sv", "sw", "te", "th", "tr", "vi", "zh"),
]


def read(*lines: bytes | dict[str, Any]) -> tuple[list[WikidataItem | BadLine], Counter[str]]:
    skipped = Counter[str]()
    encoded = [line if isinstance(line, bytes) else json.dumps(line).encode() + b",\n" for line in lines]
    return list(read_entities(encoded, WIKIS, skipped)), skipped


def item(**members: Any) -> dict[str, Any]:
    return {"type": "item", "id": "Q64", "labels": {}, "sitelinks": sitelinks(enwiki="Berlin"), **members}


def sitelinks(**titles: Any) -> dict[str, Any]:
    return {wiki: {"site": wiki, "title": title, "badges": []} for wiki, title in titles.items()}


def labels(**values: str) -> dict[str, Any]:
    return {code: {"language": code, "value": value} for code, value in values.items()}


def test_items_with_a_wanted_page() -> None:
    entities, skipped = read(
        b"[\n",
        item(
            sitelinks=sitelinks(be_x_oldwiki="Бэрлін", enwiki="Berlin", commonswiki="Category:Berlin"),
            labels=labels(en="Berlin", de="Berlin", fr="Berlin"),
        ),
        item(id="Q5", sitelinks=sitelinks(frwiki="Humain")),
        item(id="Q6", sitelinks=[], labels=[]),
        item(id="Q7", sitelinks=sitelinks(dewiki="Kategorie:Frau Holle"), labels=[]),
        b"]\n",
    )
    assert entities == [
        WikidataItem(64, {"be-tarask": "Бэрлін", "en": "Berlin"}, {"de": "Berlin", "en": "Berlin"}),
        WikidataItem(7, {"de": "Kategorie:Frau Holle"}, {}),
    ]
    assert skipped == {"no_sitelink": 2}


def test_labels_fall_back() -> None:
    entities, _ = read(
        item(labels=labels(mul="Douglas Adams", nb="D. Adams", en="Adams")),
        item(labels={**labels(no="alt", nb="nytt"), "en": {"value": 5}, "de": None}),
    )
    assert [entity.labels for entity in entities if isinstance(entity, WikidataItem)] == [
        {"be-tarask": "Douglas Adams", "de": "Douglas Adams", "en": "Adams", "no": "D. Adams"},
        {"no": "alt"},
    ]


def test_the_filter_sees_every_order_of_members() -> None:
    note = {"claims": {"P1": 'say "sitelinks": "enwiki":'}}
    for entity in (item() | note, note | item(), {"sitelinks": sitelinks(enwiki="Berlin")} | note | item()):
        assert [e.qid for e in read(entity)[0] if isinstance(e, WikidataItem)] == [64]
    assert read(note | item(sitelinks=sitelinks(frwiki="Berlin"))) == ([], {"no_sitelink": 1})
    spaced = json.dumps(item(), indent=1).replace("\n", " ").replace('":', '" :').encode()
    assert [e.qid for e in read(spaced)[0] if isinstance(e, WikidataItem)] == [64]


def test_other_entities_are_counted() -> None:
    entities, skipped = read(
        {"type": "property", "datatype": "string", "id": "P31", "labels": labels(en="instance of"), "claims": {}},
        {"type": "lexeme", "id": "L1", "lemmas": labels(en="enwiki")},
        {"id": "P31", "sitelinks": sitelinks(enwiki="x"), "claims": {}, "type": "property"},
    )
    assert entities == []
    assert skipped == {"property": 2, "lexeme": 1}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"type":"item","id":"Q1","sitelinks":{"enwiki":{"title":"A"', "malformed"),
        (b'{"type":"item","id":"Q1","sitelinks":{"enwiki":{"title":"A"}', "malformed"),
        (b'{"type":"item","id":"Q1"', "malformed"),
        (b"null", "malformed"),
        (b'["sitelinks","enwiki":]', "malformed"),
        (b'{"type":"item","id":"Q1","sitelinks":{"enwiki":{"title":"\xff"}}}', "malformed"),
        (b'{"type":"item","id":"Q1","sitelinks":{"enwiki":{"title":"\\ud800"}}}', "malformed"),
        (b'{"sitelinks":{"enwiki":' + b"[" * 100_000 + b"]" * 100_000 + b"}}", "malformed"),
        (b'{"type":"item","id":"64","sitelinks":{"enwiki":{"title":"A"}}}', "bad id"),
        (b'{"type":"item","id":64,"sitelinks":{"enwiki":{"title":"A"}}}', "bad id"),
        (b'{"type":"item","id":"Q0","sitelinks":{"enwiki":{"title":"A"}}}', "bad id"),
        (b'{"type":"item","id":"Q9223372036854775808","sitelinks":{"enwiki":{"title":"A"}}}', "bad id"),
        (b'{"type":"item","id":"Q' + b"9" * 5000 + b'","sitelinks":{"enwiki":{"title":"A"}}}', "bad id"),
        (b'{"type":"item","sitelinks":{"enwiki":{"title":"A"}}}', "bad id"),
    ],
)
def test_bad_lines_say_where_and_why(line: bytes, reason: str) -> None:
    entities, skipped = read(b"[", item(), line, item(id="Q65"))
    assert [e.qid if isinstance(e, WikidataItem) else (e.number, e.reason) for e in entities] == [64, (3, reason), 65]
    assert all(len(e.detail) < 300 for e in entities if isinstance(e, BadLine))
    assert not skipped


def test_bad_sitelinks_are_counted() -> None:
    entities, skipped = read(
        item(sitelinks=sitelinks(enwiki=5, dewiki="Berlin", nowiki="") | {"be_x_oldwiki": []}),
        item(sitelinks={"enwiki": None}),
    )
    assert entities == [WikidataItem(64, {"de": "Berlin"}, {})]
    assert skipped == {"bad_sitelink": 4, "no_sitelink": 1}


def test_a_long_line_takes_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wikidata_json, "MAX_LINE_BYTES", 400)
    long = b'{"id":"Q1","sitelinks":{"enwiki":' + b"x" * 1000 + b"}}"
    lines = list(lines_of([long[:500], long[500:], b",\n" + json.dumps(item()).encode()], limit=400))
    assert list(map(len, lines)) == [401, len(json.dumps(item()))]
    entities, _ = read(*lines)
    assert [e.qid if isinstance(e, WikidataItem) else e.reason for e in entities] == ["too long", 64]


@given(st.lists(st.binary(max_size=8)), st.lists(st.integers(1, 9), min_size=1))
def test_lines_do_not_depend_on_chunks(lines: list[bytes], sizes: list[int]) -> None:
    data = b"\n".join(line.replace(b"\n", b"") for line in lines)
    chunks: list[bytes] = []
    offset = 0
    while offset < len(data):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(data[offset : offset + size])
        offset += size
    expected = data.split(b"\n")
    assert list(lines_of(chunks)) == (expected if expected[-1] else expected[:-1])


@needs_shared
def test_real_dump_of_2021() -> None:
    lines = bz2.decompress((SHARED / "matched/wikidata-20210705-all.json.bz2").read_bytes())
    skipped = Counter[str]()
    wikis = {f"{language}wiki": language for language in LANGUAGES}
    entities = list(read_entities(lines_of([lines]), wikis, skipped))
    assert len(entities) == 16
    assert skipped == {"property": 3, "no_sitelink": 3}
    last = entities[-1]
    assert isinstance(last, WikidataItem)
    assert last.qid == 6647660
    assert last.sitelinks == {"ar": "عنصر أدبي", "en": "Literary element", "pt": "Elemento literário"}
    assert (last.labels["en"], last.labels["zh"], last.labels["de"]) == (
        *("literary element", "文学元素", "literarisches Element"),
    )


@needs_shared
def test_items_of_both_old_layouts(tmp_path: Path) -> None:
    dump = tmp_path / "wikidata-20141002-all.json.bz2"
    source = SHARED / "wikidata/wikidata_testDump_1646pages.xml.bz2"
    assert write_json_dump(source, dump) == 1646
    skipped = Counter[str]()
    wikis = {f"{language}wiki": language for language in LANGUAGES}
    with bz2.open(dump) as stream:
        entities = list(read_entities(stream, wikis, skipped))
    items = {entity.qid: entity for entity in entities if isinstance(entity, WikidataItem)}
    assert len(items) == len(entities) == 399
    assert skipped == {"property": 1247}
    assert sum(len(item.sitelinks) for item in items.values()) == 8271
    assert list(items[64].sitelinks) == LANGUAGES  # Berlin, in today's layout
    assert (items[64].sitelinks["ja"], items[64].labels["ru"]) == ("ベルリン", "Берлин")
    assert items[24].sitelinks["nl"] == "Jack Bauer (personage)"  # in the layout of 2012
    assert (items[24].sitelinks["zh"], items[24].labels["el"]) == ("傑克·鮑爾", "Τζακ Μπάουερ")
