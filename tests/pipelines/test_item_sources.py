"""Every source that says which item a page has, from its file to the articles, and which goes before which."""

import bz2
import gzip
import json
import re
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from mlukit.corpus.web import wikidata_query as wikidata_api
from tests.small_dumps import (
    IN_MEMORY,
    Ran,
    SmallPage,
    assert_all_accounted,
    load,
    rows,
    rows_in_order,
    run,
    sentencepiece_model,
    shards,
    write_dump,
    write_items,
    write_table,
)

DE = [
    SmallPage(1, "Berlin", "Berlin liegt an der [[Spree]] in [[Preußen]]."),
    SmallPage(2, "Spree", "Die Spree kennt [[Köpenick]] und [[Berlin]]."),
    SmallPage(3, "Preußen", "#WEITERLEITUNG [[Berlin]]", redirect="Berlin"),
]
FR = [
    SmallPage(1, "Berlin", "Berlin est en [[Allemagne]]."),
    SmallPage(2, "Sprée", "La Sprée passe à [[Berlin]]."),
    SmallPage(3, "Allemagne", "L’Allemagne."),
]


def link(folder: Path, *flags: object) -> Ran:
    ran = run("link", "--dumps", folder, "--output", folder / "OUT", IN_MEMORY, *flags)
    assert ran.status == 0, ran.err
    for language, totals in load(folder / "OUT/link.json")["languages"].items():
        for what, flow in totals["flows"].items():
            left = sum(flow["failed"].values()) + sum(flow["skipped"].values())
            assert flow["in"] == flow["out"] + left, (language, what)
    return ran


def items(folder: Path, language: str) -> dict[str, str | None]:
    """{title: QID} of articles."""
    return {row["title"]: row["qid"] for row in rows_in_order(folder / "OUT/articles" / language)}


def targets(folder: Path, language: str) -> list[tuple[str, str | None, str | None, str]]:
    """(target, page, QID, status) of links."""
    return [
        (one["target"], one["page"], one["qid"], one["status"])
        for row in rows_in_order(folder / "OUT/articles" / language)
        for one in row["links"]
    ]


def sitelinks(folder: Path, *links: tuple[int, str, str]) -> None:
    rows_ = [(number, *one) for number, one in enumerate(links, 1)]
    write_table(folder, "wikidatawiki", "wb_items_per_site", rows_)


def test_wb_items_per_site(tmp_path: Path) -> None:
    write_dump(tmp_path, "de", DE)
    write_dump(tmp_path, "fr", FR)
    sitelinks(
        tmp_path,
        *((64, "dewiki", "Berlin"), (64, "frwiki", "Berlin"), (64, "enwiki", "Berlin"), (1585, "dewiki", "Spree")),
        *((1585, "frwiki", "Sprée"), (27206, "dewiki", "Preußen"), (5, "dewiki", "Kategorie:Fluss")),
        *((0, "frwiki", "X"), (7, "dewiki", "Köpenick"), (183, "frwiki", "Allemagne")),
    )  # fmt: skip
    link(tmp_path)
    assert items(tmp_path, "de") == {"Berlin": "Q64", "Spree": "Q1585"}
    assert items(tmp_path, "fr") == {"Berlin": "Q64", "Sprée": "Q1585", "Allemagne": "Q183"}
    assert targets(tmp_path, "de") == [
        ("Spree", "Spree", "Q1585", "resolved"),
        ("Preußen", "Berlin", "Q27206", "redirected"),  # a redirect's own item goes first
        ("Köpenick", "Köpenick", "Q7", "resolved"),  # a sitelink to a page that the dump lacks
        ("Berlin", "Berlin", "Q64", "resolved"),
    ]
    totals = load(tmp_path / "OUT/link.json")["languages"]
    assert totals["all"]["flows"]["sitelinks"] == {
        "in": 10,
        "out": 7,
        "failed": {},
        "skipped": {"other_wiki": 1, "other namespace": 1, "bad_qid": 1},
    }
    assert totals["de"]["counts"]["items from wb_items_per_site"] == 4
    sources = load(tmp_path / "OUT/articles/de/_manifest.json")["sources"]
    assert [(source["language"], source["kind"]) for source in sources] == [
        ("de", "dump"),
        ("all", "wb_items_per_site"),
    ]


def entity(qid: int, sitelinks_: dict[str, str], **labels: str) -> dict[str, Any]:
    return {
        "type": "item",
        "id": f"Q{qid}",
        "labels": {code: {"language": code, "value": label} for code, label in labels.items()},
        "sitelinks": {f"{code}wiki": {"site": f"{code}wiki", "title": title} for code, title in sitelinks_.items()},
    }


def json_dump(entities: Sequence[object]) -> bytes:
    lines = (line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in entities)
    return ("[\n" + ",\n".join(lines) + "\n]\n").encode()


ENTITIES = [
    entity(64, {"de": "Berlin", "fr": "Berlin"}, de="Berlin", fr="Berlin (ville)", en="Berlin city"),
    {"type": "property", "id": "P31", "labels": {}},
    entity(1585, {"de": "Spree"}, de="Spree-Fluss"),
    '{"type": "item", "id": "Q9", "sitelinks": {"dewiki": {"title": "Preu',
    entity(183, {"fr": "Allemagne"}),
    entity(1, {"en": "Universe"}, en="universe"),
    entity(2, {"de": "Kategorie:Berlin"}),
    "null",
]


@pytest.mark.parametrize("range_size", ["64M", "150"])
def test_wikidata_json_with_labels_and_bad_lines(tmp_path: Path, range_size: str) -> None:
    write_dump(tmp_path, "de", DE)
    write_dump(tmp_path, "fr", FR)
    (tmp_path / "wikidata-20260901-all.json.bz2").write_bytes(bz2.compress(json_dump(ENTITIES)))
    (tmp_path / "m.model").write_bytes(sentencepiece_model("▁abeilnrstu"))
    ran = run(
        *("build", "--dumps", tmp_path, "--output", tmp_path / "OUT", "--min-languages", 1, IN_MEMORY),
        *("--sentencepiece-model", tmp_path / "m.model", "--range-size", range_size),
    )
    assert ran.status == 0, ran.err
    assert items(tmp_path, "de") == {"Berlin": "Q64", "Spree": "Q1585"}
    assert items(tmp_path, "fr") == {"Berlin": "Q64", "Sprée": None, "Allemagne": "Q183"}
    names = {
        row["name"]: [(label["language"], label["label"]) for label in row["labels"]]
        for row in rows(tmp_path / "OUT/vocabulary/vocabulary.parquet")[4:]
    }
    assert names == {
        "Q64": [("de", "Berlin"), ("fr", "Berlin (ville)")],
        "Q183": [("fr", "Allemagne")],
        "Q1585": [("de", "Spree-Fluss")],
    }
    failures = rows(*shards(tmp_path / "OUT/failures/all"))
    assert [(row["reason"], row["language"]) for row in failures] == [("wikidata malformed", "all")] * 2
    assert "Preu" in failures[0]["detail"] and "null" in failures[1]["detail"]
    all_ = load(tmp_path / "OUT/link.json")["languages"]["all"]
    assert all_["flows"]["sitelinks"] == {"in": 5, "out": 4, "failed": {}, "skipped": {"other namespace": 1}}
    assert all_["counts"] == {"bad lines": 2, "items without no_sitelink": 1, "items without property": 1}
    assert load(tmp_path / "OUT/failures/all/_manifest.json")["counts"]["bad lines"] == 2
    assert_all_accounted(tmp_path / "OUT")


CUT_DUMPS = {
    "bz2": (lambda text: bz2.compress(text, 1), "wikidata-20260901-all.json.bz2 is cut off (--allow-damaged uses what"),
    "gz": (gzip.compress, "wikidata-20260901-all.json.gz is cut off at byte"),
}


@pytest.mark.parametrize("form", CUT_DUMPS)
def test_a_wikidata_dump_that_is_cut_is_refused_or_used_as_far_as_it_goes(tmp_path: Path, form: str) -> None:
    compress, refusal = CUT_DUMPS[form]
    write_dump(tmp_path, "de", DE)
    many = [*ENTITIES[:1], *(entity(1000 + i, {"de": f"Seite {i}"}) for i in range(20_000))]
    whole = compress(json_dump(many))
    cut = whole[: len(whole) // 2]
    name = f"wikidata-20260901-all.json.{form}"
    (tmp_path / name).write_bytes(cut)
    refused = run("link", "--dumps", tmp_path, "--output", tmp_path / "OUT", IN_MEMORY)
    assert refused.status == (2 if form == "bz2" else 1)
    assert refusal in refused.err.splitlines()[-1]
    ran = link(tmp_path, "--allow-damaged")
    assert items(tmp_path, "de")["Berlin"] == "Q64"
    counts = load(tmp_path / "OUT/link.json")["languages"]["all"]["counts"]
    assert counts["damage truncated"] == 1
    size = f"{len(cut):,}"
    assert ran.err.splitlines()[-2] == f"  all: {name} is cut off, at byte {size} of {size}"


def test_which_source_goes_first(tmp_path: Path) -> None:
    write_dump(tmp_path, "de", DE)
    write_items(tmp_path, "de", {1: 64})
    sitelinks(tmp_path, (65, "dewiki", "Berlin"), (1585, "dewiki", "Spree"))
    several = [entity(66, {"de": "Berlin"}), entity(1586, {"de": "Spree"}), entity(7, {"de": "Köpenick"})]
    (tmp_path / "wikidata-20260901-all.json.gz").write_bytes(gzip.compress(json_dump(several)))
    link(tmp_path)
    assert items(tmp_path, "de") == {"Berlin": "Q64", "Spree": "Q1585"}
    assert targets(tmp_path, "de")[2] == ("Köpenick", "Köpenick", "Q7", "resolved")
    counts = load(tmp_path / "OUT/link.json")["languages"]["de"]["counts"]
    assert {name: n for name, n in counts.items() if name.startswith("items from")} == {
        "items from page_props": 1,
        "items from wb_items_per_site": 1,
        "items from wikidata_json": 1,
    }


BAD_ROWS = ("Havel Q1", "Spree\tQ", "[[Spree]]\tQ1585", "Kategorie:Fluss\tQ5")


@pytest.mark.parametrize("range_size", ["64M", "20"])
def test_a_table_of_the_user_s_own_goes_before_all_others(tmp_path: Path, range_size: str) -> None:
    write_dump(tmp_path, "de", DE)
    write_dump(tmp_path, "fr", FR)
    write_items(tmp_path, "de", {1: 64, 2: 1585})
    write_items(tmp_path, "fr", {1: 64})
    rows_ = ["title\titem", "Berlin\tQ99", *BAD_ROWS, '"Köpenick"@de\t<http://www.wikidata.org/entity/Q7>']
    (tmp_path / "dewiki-title_items.tsv.bz2").write_bytes(bz2.compress("\n".join(rows_).encode()))
    (tmp_path / "frwiki-title_items.tsv").write_text("sprée\tQ1585\n", encoding="utf-8")
    link(tmp_path, "--range-size", range_size)
    assert items(tmp_path, "de") == {"Berlin": "Q99", "Spree": "Q1585"}
    assert items(tmp_path, "fr") == {"Berlin": "Q64", "Sprée": "Q1585", "Allemagne": None}
    assert targets(tmp_path, "de")[2] == ("Köpenick", "Köpenick", "Q7", "resolved")
    totals = load(tmp_path / "OUT/link.json")["languages"]
    assert totals.keys() == {"de", "fr"}
    assert totals["de"]["flows"]["title_items"] == {
        "in": 6,
        "out": 2,
        "failed": {"malformed": 1, "bad id": 1, "bad title": 1},
        "skipped": {"other namespace": 1},
    }
    assert totals["fr"]["flows"]["title_items"]["out"] == 1
    counts = totals["de"]["counts"]
    assert {name: n for name, n in counts.items() if name.startswith("items from")} == {
        "items from title_items": 2,
        "items from page_props": 1,
    }
    failures = rows(*shards(tmp_path / "OUT/failures/de"))
    assert sorted((row["reason"], row["language"]) for row in failures) == [
        (f"title_items {reason}", "de") for reason in ("bad id", "bad title", "malformed")
    ]
    assert any("line 3 of range 0: " in row["detail"] and "Havel Q1" in row["detail"] for row in failures)
    sources = load(tmp_path / "OUT/articles/de/_manifest.json")["sources"]
    assert [source["kind"] for source in sources] == ["dump", "title_items", "page_props"]


def test_a_table_of_the_user_s_own_is_enough(tmp_path: Path) -> None:
    write_dump(tmp_path, "de", DE)
    write_dump(tmp_path, "fr", FR)
    (tmp_path / "dewiki-title_items.tsv").write_text("Berlin\tQ64\n", encoding="utf-8")
    write_table(tmp_path, "frwiki", "langlinks", [(1, "de", "Berlin")])
    link(tmp_path)
    assert items(tmp_path, "de") == {"Berlin": "Q64", "Spree": None}
    assert items(tmp_path, "fr") == {"Berlin": "Q64", "Sprée": None, "Allemagne": None}


def test_failures_of_the_dump_and_of_a_table_lie_beside_each_other(tmp_path: Path) -> None:
    broken = "<page><title>Broken</title><ns>0</ns><id>9</id><revision><text>a & b</text></revision></page>\n"
    write_dump(tmp_path, "de", [*DE, SmallPage(9, "Broken", raw=broken)])
    (tmp_path / "dewiki-title_items.tsv").write_text("Berlin\tQ64\nSpree\n", encoding="utf-8")
    link(tmp_path)
    reasons = [[row["reason"] for row in rows(shard)] for shard in shards(tmp_path / "OUT/failures/de")]
    assert len(reasons) == 2 and reasons[1] == ["title_items malformed"]


def test_langlinks_carry_items_from_the_languages_that_have_them(tmp_path: Path) -> None:
    write_dump(tmp_path, "de", DE)
    write_items(tmp_path, "de", {1: 64, 2: 1585})
    write_dump(tmp_path, "fr", FR)
    write_table(
        tmp_path, "frwiki", "langlinks", [(1, "de", "Berlin"), (2, "de", "Spree"), (3, "en", "Germany"), (2, "nn", "X")]
    )
    link(tmp_path)
    assert items(tmp_path, "fr") == {"Berlin": "Q64", "Sprée": "Q1585", "Allemagne": None}
    counts = load(tmp_path / "OUT/link.json")["languages"]["fr"]["counts"]
    assert {name: n for name, n in counts.items() if name.startswith("carry")} == {"carry pages": 2, "carry carried": 2}


def test_interlanguage_links_in_the_text_carry_items(tmp_path: Path) -> None:
    write_dump(tmp_path, "de", DE)
    write_items(tmp_path, "de", {1: 64, 2: 1585})
    old = [
        SmallPage(1, "Berlin", "Berlin est en [[Allemagne]].\n\n[[de:Berlin]]\n[[en:Berlin]]"),
        SmallPage(2, "Sprée", "La Sprée passe à [[Berlin]].\n[[de:Spree#Verlauf]]"),
        SmallPage(3, "Allemagne", "L’[[:de:Spree|Allemagne]]."),  # a link in the text carries nothing
    ]
    write_dump(tmp_path, "fr", old, version="0.8")
    link(tmp_path)
    assert items(tmp_path, "fr") == {"Berlin": "Q64", "Sprée": "Q1585", "Allemagne": None}
    assert [row["text"] for row in rows_in_order(tmp_path / "OUT/articles/fr")] == [
        "Berlin est en Allemagne.",
        "La Sprée passe à Berlin.",
        "L’Allemagne.",
    ]


def test_redirects_of_the_table(tmp_path: Path) -> None:
    pages = [
        SmallPage(1, "Berlin", "[[Alt]], [[Fern]], [[Kette]] und [[Fort]] sind hier."),
        SmallPage(2, "Alt", "Ein Text, der keine Weiterleitung ist."),
        SmallPage(3, "Kette", "#WEITERLEITUNG [[Alt]]", redirect="Alt"),
        SmallPage(4, "Fern", "Auch keine."),
    ]
    write_dump(tmp_path, "de", pages)
    write_items(tmp_path, "de", {1: 64})
    write_table(
        tmp_path,
        "dewiki",
        "redirect",
        [(2, 0, "Berlin", "", "Geschichte"), (4, 0, "Berlin", "en", ""), (9, 0, "X", "", "")],
    )
    link(tmp_path)
    assert targets(tmp_path, "de") == [
        ("Alt", "Berlin", "Q64", "redirected"),
        ("Fern", None, None, "redirect_broken"),  # it leads out of this wiki
        ("Kette", "Berlin", "Q64", "redirected"),
        ("Fort", None, None, "red"),
    ]


class Wikidata(ThreadingHTTPServer):
    """Knows two items; is too busy at first."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.busy, self.asked = 1, list[str]()
        self.endpoint = f"http://127.0.0.1:{self.server_address[1]}/sparql"


class _Handler(BaseHTTPRequestHandler):
    server: Wikidata

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)["query"][0]
        if self.server.busy:
            self.server.busy -= 1
            self._reply(429, b"", ("Retry-After", "1"))
            return
        titles = re.findall(r'"([^"]*)"@', query)
        self.server.asked += titles
        items = {"Köpenick": "Q7", "Spree": "Q1585"}
        bindings = [
            {"title": {"value": title}, "item": {"value": f"http://www.wikidata.org/entity/{items[title]}"}}
            for title in dict.fromkeys(titles)
            if title in items
        ]
        self._reply(200, json.dumps({"results": {"bindings": bindings}}).encode(), ("Content-Type", "application/json"))

    def _reply(self, status: int, body: bytes, header: tuple[str, str]) -> None:
        self.send_response(status)
        self.send_header(*header)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def wikidata() -> Iterator[Wikidata]:
    server = Wikidata()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_titles_without_an_item_are_asked_of_wikidata_once(tmp_path: Path, wikidata: Wikidata) -> None:
    write_dump(tmp_path, "de", DE)
    write_items(tmp_path, "de", {1: 64})
    flags = ("--wikidata-api", "--wikidata-endpoint", wikidata.endpoint, "--wikidata-cache", tmp_path / "answers")
    ran = link(tmp_path, *flags)
    assert items(tmp_path, "de") == {"Berlin": "Q64", "Spree": "Q1585"}
    assert targets(tmp_path, "de")[:3] == [
        ("Spree", "Spree", "Q1585", "resolved"),
        ("Preußen", "Berlin", "Q64", "redirected"),
        ("Köpenick", "Köpenick", "Q7", "resolved"),
    ]
    assert set(wikidata.asked) == {"Köpenick", "Spree"}
    assert any(line.startswith("ask Wikidata: de titles given an item 2") for line in ran.err.splitlines())
    counts = load(tmp_path / "OUT/link.json")["languages"]["all"]["counts"]
    assert (counts["wikidata busy"], counts["wikidata found"]) == (1, 2)

    wikidata.asked.clear()
    again = run("link", "--dumps", tmp_path, "--output", tmp_path / "OUT2", IN_MEMORY, *flags)
    assert (again.status, wikidata.asked) == (0, [])
    one, two = (shards(tmp_path / output / "articles/de")[0].read_bytes() for output in ("OUT", "OUT2"))
    assert one == two


def test_no_wikidata_to_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_dump(tmp_path, "de", DE)
    monkeypatch.setattr(wikidata_api, "ApiLimits", partial(wikidata_api.ApiLimits, tries=2, first_delay=0.1))
    ran = run(
        *("link", "--dumps", tmp_path, "--output", tmp_path / "OUT", IN_MEMORY),
        *("--wikidata-api", "--wikidata-endpoint", "http://127.0.0.1:9/sparql"),
    )
    assert ran.status == 1
    last = ran.err.splitlines()[-1]
    assert last.startswith("mlukit link: ask/all/00000 failed: WikidataApiError: ") and "http://127.0.0.1:9" in last
