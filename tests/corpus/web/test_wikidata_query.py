"""corpus.web.wikidata_query against a local server that answers well, slowly, wrongly, and not at all."""

import json
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlukit.corpus.web.wikidata_query import COUNTS, ApiLimits, WikidataApi, WikidataApiError, sparql_query

ITEMS = {"Berlin": 64, "Straße": 34442, 'Say "\\n" \\u0022': 5, "ベルリン": 64, "O'Neill (Fußball)": 7}
LIMITS = ApiLimits(interval=0, timeout=5, tries=4, first_delay=1)
_STRING = re.compile(r'"((?:[^"\\\n\r]|\\[tbnrf\\"\'])*)"@([a-zA-Z]+(?:-[a-zA-Z0-9]+)*)')
_QUERY = re.compile(
    rf"SELECT \?title \?item WHERE \{{ VALUES \?title \{{ (?P<titles>(?:{_STRING.pattern} ?)*) ?\}} "
    r"\?page schema:about \?item ; schema:isPartOf <https://(?P<language>[a-z-]+)\.wikipedia\.org/> ; "
    r"schema:name \?title \. \}"
)


def parsed(query: str) -> tuple[str, list[tuple[str, str]]]:
    """The language and the titles with their tags, by SPARQL's own grammar of strings."""
    match = _QUERY.fullmatch(query)
    assert match, query
    unescape = {r"\\": "\\", r"\"": '"'}
    titles = [
        (re.sub(r"\\.", lambda escape: unescape[escape[0]], literal), tag)
        for literal, tag in _STRING.findall(match["titles"])
    ]
    return match["language"], titles


def bindings(*rows: tuple[str, str]) -> bytes:
    return json.dumps(
        {
            "head": {"vars": ["title", "item"]},
            "results": {
                "bindings": [
                    {
                        "title": {"xml:lang": "de", "type": "literal", "value": title},
                        "item": {"type": "uri", "value": item},
                    }
                    for title, item in rows
                ]
            },
        }
    ).encode()


def entity(number: int) -> str:
    return f"http://www.wikidata.org/entity/Q{number}"


class Server(ThreadingHTTPServer):
    """Plays `script`, one entry a request, and then answers well."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: list[Callable[[Handler], None]] = []
        self.queries: list[str] = []
        self.paths: list[str] = []
        self.agents: list[str] = []
        self.endpoint = f"http://127.0.0.1:{self.server_address[1]}/sparql"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what some tests are about."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)["query"][0]
        self.server.queries.append(query)
        self.server.paths.append(self.path)
        self.server.agents.append(self.headers["User-Agent"])
        if self.server.script:
            self.server.script.pop(0)(self)
        else:
            titles = dict.fromkeys(title for title, _ in parsed(query)[1])
            self.reply(200, bindings(*((title, entity(ITEMS[title])) for title in titles if title in ITEMS)))

    def reply(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal."""


def status(code: int, **headers: str) -> Callable[[Handler], None]:
    return lambda handler: handler.reply(code, b"no", **headers)


def body(data: bytes) -> Callable[[Handler], None]:
    return lambda handler: handler.reply(200, data)


def hang_up(handler: Handler) -> None:
    handler.close_connection = True
    handler.connection.close()


def hang_up_in_the_middle(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"results": {"bind')
    handler.wfile.flush()
    handler.connection.close()


def silence(handler: Handler) -> None:
    time.sleep(1.5)


def drip(handler: Handler) -> None:
    """Never silent for long, never done."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(40):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def api(server: Server, tmp_path: Path, pauses: list[float]) -> Iterator[WikidataApi]:
    with WikidataApi(tmp_path / "answers.sqlite", server.endpoint, LIMITS, sleep=pauses.append) as opened:
        yield opened


def test_items_of_titles(server: Server, api: WikidataApi, pauses: list[float]) -> None:
    assert dict(api.items("de", [*ITEMS, "Nirgendwo", "Berlin"])) == {**ITEMS, "Nirgendwo": None}
    assert len(server.queries) == 1
    assert api.counts == {"asked": 6, "found": 5, "conflicting": 0}
    assert pauses == []


def test_answers_are_kept(server: Server, api: WikidataApi, tmp_path: Path) -> None:
    assert list(api.items("de", ["Berlin", "Nirgendwo"])) == [("Berlin", 64), ("Nirgendwo", None)]
    with WikidataApi(tmp_path / "answers.sqlite", server.endpoint, LIMITS) as again:
        assert dict(again.items("de", ["Nirgendwo", "Berlin"])) == {"Nirgendwo": None, "Berlin": 64}
        assert again.counts == {"cached": 2}
        assert len(server.queries) == 1
        assert dict(again.items("fr", ["Berlin"])) == {"Berlin": 64}  # another language, another question
    assert len(server.queries) == 2


def test_a_killed_run_keeps_whole_batches(server: Server, tmp_path: Path) -> None:
    server.script = [body(bindings(("A", entity(1)))), status(400)]
    limits = replace(LIMITS, batch_titles=2)
    killed = WikidataApi(tmp_path / "answers.sqlite", server.endpoint, limits)
    with pytest.raises(WikidataApiError, match="400"):
        list(killed.items("de", ["A", "B", "C", "Berlin"]))  # and is never closed
    with WikidataApi(tmp_path / "answers.sqlite", server.endpoint, limits) as api:
        assert dict(api.items("de", ["A", "B", "C", "Berlin"])) == {"A": 1, "B": None, "C": None, "Berlin": 64}
        assert (api.counts["cached"], api.counts["asked"]) == (2, 2)


def test_batches_by_number_and_by_length_of_address(server: Server, tmp_path: Path) -> None:
    with WikidataApi(tmp_path / "a.sqlite", server.endpoint, replace(LIMITS, batch_titles=4)) as api:
        assert len(list(api.items("de", map(str, range(10))))) == 10
    assert [len(parsed(query)[1]) for query in server.queries] == [4, 4, 2]
    server.paths.clear()
    with WikidataApi(tmp_path / "b.sqlite", server.endpoint, LIMITS) as api:
        assert len(list(api.items("ja", ("漢" * 80 + str(number) for number in range(30))))) == 30
    assert len(server.paths) == 5
    assert max(map(len, server.paths)) <= LIMITS.query_bytes + 50


def test_requests_keep_their_distance(server: Server, tmp_path: Path, pauses: list[float]) -> None:
    limits = replace(LIMITS, batch_titles=1, interval=30)
    with WikidataApi(tmp_path / "answers.sqlite", server.endpoint, limits, sleep=pauses.append) as api:
        list(api.items("de", ["A", "B", "C"]))
    assert len(pauses) == 2
    assert all(28 < pause <= 30 for pause in pauses)


def test_who_asks(server: Server, tmp_path: Path) -> None:
    with WikidataApi(tmp_path / "answers.sqlite", server.endpoint, LIMITS, contact="me@example.org") as api:
        list(api.items("de", ["A"]))
    assert server.agents == ["mlukit (me@example.org) python-wikidata-client v0.0.7"]


@pytest.mark.parametrize(
    ("script", "pauses_expected", "counts"),
    [
        ([status(429, Retry_After="7")], [7.0], {"busy": 1}),
        ([status(429), status(503), status(502)], [1.0, 2.0, 4.0], {"busy": 3}),
        ([status(503, Retry_After="soon"), status(503, Retry_After="-5")], [1.0, 2.0], {"busy": 2}),
        ([status(429, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT")], [0.0], {"busy": 1}),
        ([hang_up, hang_up_in_the_middle], [1.0, 2.0], {"unreachable": 2}),
        ([body(b"<html>"), body(b"")], [1.0, 2.0], {"malformed": 2}),
        ([body(b"[]"), body(b'{"results": {"bindings": [5]}}'), body(b"\xff\xfe")], [1.0, 2.0, 4.0], {"malformed": 3}),
        ([body(b'{"results": {"bindings": [{"title": {"value": 5}}]}}')], [1.0], {"malformed": 1}),
        ([body(b"[" * 100_000)], [1.0], {"malformed": 1}),
    ],
)
def test_failures_that_pass(
    server: Server,
    api: WikidataApi,
    pauses: list[float],
    script: list[Callable[[Handler], None]],
    pauses_expected: list[float],
    counts: dict[str, int],
) -> None:
    server.script = list(script)
    assert list(api.items("de", ["Berlin"])) == [("Berlin", 64)]
    assert pauses == pauses_expected
    assert api.counts == {"asked": 1, "found": 1, "conflicting": 0, **counts}


@pytest.mark.parametrize("slow", [silence, drip])
def test_slow_answers(server: Server, tmp_path: Path, pauses: list[float], slow: Callable[[Handler], None]) -> None:
    server.script = [slow]
    limits = replace(LIMITS, timeout=0.3)
    start = time.monotonic()
    with WikidataApi(tmp_path / "answers.sqlite", server.endpoint, limits, sleep=pauses.append) as api:
        assert list(api.items("de", ["Berlin"])) == [("Berlin", 64)]
        assert (pauses, api.counts["unreachable"]) == ([1.0], 1)
    assert time.monotonic() - start < 1.2


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ([status(503)] * 4, r"\(busy, tries: 4, 7 s of pauses\): HTTPError: 503"),
        (
            [status(429, Retry_After="86400")],
            r"\(busy, tries: 1, 0 s of pauses; the server asks for another pause of 86400 s\)",
        ),
        ([status(400)], r"\(refused, tries: 1, 0 s of pauses\): HTTPError: 400"),
        ([body(b"{")] * 4, r"\(malformed, tries: 4, "),
        ([hang_up] * 4, r"\(unreachable, tries: 4, "),
    ],
)
def test_failures_that_stay(
    server: Server, api: WikidataApi, script: list[Callable[[Handler], None]], message: str, tmp_path: Path
) -> None:
    server.script = list(script)
    with pytest.raises(WikidataApiError, match=message) as error:
        list(api.items("de", ["Berlin"]))
    assert "run without --wikidata-api" in str(error.value)
    assert str(tmp_path / "answers.sqlite") in str(error.value)
    assert list(api.items("de", ["Berlin"])) == [("Berlin", 64)]  # nothing wrong was kept


def test_no_network(server: Server, tmp_path: Path, pauses: list[float]) -> None:
    server.server_close()
    with (
        WikidataApi(tmp_path / "answers.sqlite", server.endpoint, LIMITS, sleep=pauses.append) as api,
        pytest.raises(WikidataApiError, match=r"unreachable, tries: 4, 7 s of pauses.*Check the network"),
    ):
        list(api.items("de", ["Berlin"]))
    assert pauses == [1.0, 2.0, 4.0]


def test_wrong_answers_are_not_believed(server: Server, api: WikidataApi) -> None:
    server.script = [
        body(
            bindings(
                ("Berlin", entity(64)),
                ("Paris", entity(90)),
                ("A", "http://www.wikidata.org/entity/P31"),
                ("B", entity(0)),
                ("C", entity(10**30)),
                ("D", entity(1)),
                ("D", entity(2)),
                ("E", entity(3)),
                ("E", entity(3)),
                ("F", "https://example.org/Q5"),
            )
        )
    ]
    titles = ["Berlin", "A", "B", "C", "D", "E", "F"]
    expected = {"Berlin": 64, "A": None, "B": None, "C": None, "D": None, "E": 3, "F": None}
    assert dict(api.items("de", titles)) == expected
    assert api.counts == {"asked": 7, "found": 2, "not_asked": 1, "bad_qid": 4, "conflicting": 1}
    assert set(api.counts) <= set(COUNTS)


def test_titles_that_no_page_has(server: Server, api: WikidataApi) -> None:
    illegal = ["", "A\nB", "A\x00", "A|B", "[[A]]", "A#b", "A<b>", "\ud800", "x" * 256, "é" * 128]
    assert list(api.items("de", illegal)) == [(title, None) for title in illegal]
    assert (server.queries, api.counts) == ([], {"illegal_title": 10})


@pytest.mark.parametrize("language", ["", "DE", "de.evil.org/", "de>", "-de", "de\n"])
def test_what_is_no_language(api: WikidataApi, language: str) -> None:
    with pytest.raises(ValueError, match="accepted: a Wikipedia's code"):
        list(api.items(language, ["Berlin"]))


def test_what_is_no_endpoint(tmp_path: Path) -> None:
    with pytest.raises(WikidataApiError, match="accepted: an http:// or https:// address"):
        WikidataApi(tmp_path / "answers.sqlite", "query.wikidata.org")


def test_a_file_that_is_no_cache(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"
    path.write_bytes(b"something else" * 100)
    with pytest.raises(WikidataApiError, match=r"answers.sqlite for Wikidata's answers: .* delete it"):
        WikidataApi(path)
    newer = tmp_path / "newer.sqlite"
    sqlite3.connect(newer).execute("PRAGMA user_version = 9")
    with pytest.raises(WikidataApiError, match="version 9; accepted: version 1"):
        WikidataApi(newer)
    with pytest.raises(WikidataApiError, match="unable to open"):
        WikidataApi(tmp_path / "no folder" / "answers.sqlite")


def test_the_query() -> None:
    assert sparql_query("de", ["Berlin", 'A "b" \\c']) == (
        r'SELECT ?title ?item WHERE { VALUES ?title { "Berlin"@de "A \"b\" \\c"@de } '
        r"?page schema:about ?item ; schema:isPartOf <https://de.wikipedia.org/> ; schema:name ?title . }"
    )
    assert parsed(sparql_query("no", ["Oslo"])) == ("no", [("Oslo", "no"), ("Oslo", "nb")])


hostile = st.lists(st.sampled_from(['"', "\\", "u0022", "U00000022", "@de", "}", "{", "'", " ", "?x", "a"])).map(
    "".join
)


@given(st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20) | hostile, max_size=5))
def test_titles_cannot_leave_their_quotes(titles: list[str]) -> None:
    query = sparql_query("de", titles)
    assert parsed(query) == ("de", [(title, "de") for title in titles])
    # a server that resolves \uXXXX before it reads strings (SPARQL 1.1, 19.2) may read another title, and no more
    resolved = re.sub(r"\\(?:u([0-9A-F]{4})|U([0-9A-F]{8}))", lambda m: chr(int(m[1] or m[2], 16)), query)
    assert len(parsed_or_refused(resolved, len(titles))) == len(titles)
    assert len(quote_plus(query)) >= len(query)


def parsed_or_refused(query: str, count: int) -> list[Any]:
    """The strings of a query; as many as there should be where it is no query at all."""
    match = _QUERY.fullmatch(query)
    return _STRING.findall(match["titles"]) if match else [None] * count
