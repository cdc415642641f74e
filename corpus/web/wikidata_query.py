"""Asks Wikidata's query service for the items of pages with given titles; every answer is kept on disk.

Limits of the service: https://www.mediawiki.org/wiki/Wikidata_Query_Service/User_Manual#Query_limits; its rules:
https://foundation.wikimedia.org/wiki/Policy:Wikimedia_Foundation_User-Agent_Policy. The form of sitelinks in queries:
https://www.mediawiki.org/wiki/Wikibase/Indexing/RDF_Dump_Format#Sitelinks.
"""

import re
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import quote_plus

import requests
import wikidata_client
from wikidata_client.api import HEADERS
from wikidata_client.constants import WIKIDATA_ENDPOINT

from mlukit.corpus.dumps.mediawiki_tables import MAX_QID
from mlukit.corpus.languages.iso_codes import LABEL_CODES
from mlukit.corpus.web.retry_after import retry_after
from mlukit.schemas.records import qid_number

LIBRARY = HEADERS["User-Agent"]
COUNTS = {
    "cached": "titles whose answer was on disk",
    "asked": "titles asked of Wikidata",
    "found": "titles asked that have an item",
    "illegal_title": "titles that no page can have; not asked for, no item",
    "not_asked": "answers about a title that was not asked for; ignored",
    "bad_qid": "answers that hold no item; ignored",
    "conflicting": "titles answered with more than one item; no item",
    "malformed": "answers that were not a SPARQL result; asked again",
    "busy": "answers with status 429 or 5xx; asked again",
    "unreachable": "requests without an answer in time; asked again",
    "refused": "answers with another error, which ends the run",
}
_LANGUAGE = re.compile(r"[a-z]+(-[a-z]+)*\Z")
_ILLEGAL = re.compile(r"[\x00-\x1f\x7f#<>\[\]{}|\ud800-\udfff]")  # $wgLegalTitleChars
_MAX_TITLE_BYTES = 255
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\""})
_BUSY = {429, 500, 502, 503, 504}
_CACHE_VERSION = 1


class WikidataApiError(Exception):
    """Wikidata does not answer; its earlier answers are kept, so that another run continues from there."""


@dataclass(frozen=True, slots=True)
class ApiLimits:
    """The size of requests, and how long to wait. Times are in seconds."""

    batch_titles: int = 100
    query_bytes: int = 6000  # of the query in the URL: servers refuse URLs over some 8,000
    interval: float = 1.0  # from one request to the next, at least
    timeout: float = 60.0  # of a request as a whole; the service itself stops after 60
    tries: int = 6  # of a batch
    first_delay: float = 2.0  # after a failed try; doubles with each
    max_delay: float = 300.0  # a server that asks for a longer pause ends the run


class WikidataApi:
    """Looks up items by title. It is a context manager, because it keeps the file of answers open.

    Only one process may use the file of answers at a time. `counts` has the keys of COUNTS.

    Args:
        cache: the file of answers.
        endpoint: the address of the service.
        limits: the size of requests, and how long to wait.
        contact: an address at which Wikimedia can reach the user, as its policy requires.
        sleep: called with seconds; for tests.
    """

    def __init__(
        self,
        cache: Path,
        endpoint: str = WIKIDATA_ENDPOINT,
        limits: ApiLimits | None = None,
        contact: str = "",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not endpoint.startswith(("http://", "https://")):
            raise WikidataApiError(f"endpoint {endpoint!r} is not valid; accepted: an http:// or https:// address")
        self.counts: Counter[str] = Counter()
        self._endpoint = endpoint
        self._limits = limits or ApiLimits()
        self._sleep = sleep
        self._last_request = float("-inf")
        self._cache = _AnswerCache(cache)
        # query() has no parameter for headers, but sends these headers.
        HEADERS["User-Agent"] = f"mlukit ({contact or 'no contact given'}) {LIBRARY}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cache.close()

    def items(self, language: str, titles: Iterable[str]) -> Iterator[tuple[str, int | None]]:
        """Each title with its item's number, or None; in any order, and while `titles` is still being read.

        Memory: one batch.

        Raises:
            ValueError: `language` is not a language code.
            WikidataApiError: Wikidata does not answer.
        """
        if not _LANGUAGE.match(language):
            raise ValueError(f"language {language!r} is not valid; accepted: a Wikipedia's code, such as de or zh-yue")
        batch: dict[str, None] = {}
        size = len(quote_plus(sparql_query(language, ())))
        for title in titles:
            if _ILLEGAL.search(title) or not 0 < len(title.encode()) <= _MAX_TITLE_BYTES:
                self.counts["illegal_title"] += 1
                yield title, None
            elif not isinstance(answer := self._cache.get(language, title), _Unknown):
                self.counts["cached"] += 1
                yield title, answer
            elif title not in batch:
                more = len(quote_plus(_literals(title, language) + " "))
                if batch and (len(batch) == self._limits.batch_titles or size + more > self._limits.query_bytes):
                    yield from self._ask(language, list(batch))
                    batch.clear()
                    size = len(quote_plus(sparql_query(language, ())))
                size += more
                batch[title] = None
        if batch:
            yield from self._ask(language, list(batch))

    def _ask(self, language: str, titles: Sequence[str]) -> Iterable[tuple[str, int | None]]:
        """Asks for one batch, and stores the answers before it returns them."""
        answer = self._request(sparql_query(language, titles))
        found = _checked(answer, titles, self.counts)
        self.counts["asked"] += len(titles)
        self.counts["found"] += len(found)
        pairs = [(title, found.get(title)) for title in titles]
        self._cache.put(language, pairs)
        return pairs

    def _request(self, sparql: str) -> list[Mapping[str, Any]]:
        """The answer to a query, which is repeated after errors as long as the limits allow."""
        waited, attempt = 0.0, 0
        while True:
            self._sleep_until_due()
            try:
                return _query_within(self._limits.timeout, sparql, self._endpoint)
            except Exception as error:
                reason, pause = _failure(error)
                self.counts[reason] += 1
                attempt += 1
                delay = min(self._limits.first_delay * 2 ** (attempt - 1), self._limits.max_delay)
                delay = delay if pause is None else pause
                if reason == "refused" or attempt >= self._limits.tries or delay > self._limits.max_delay:
                    raise self._gave_up(attempt, waited, reason, pause, error) from error
            self._sleep(delay)
            waited += delay

    def _sleep_until_due(self) -> None:
        wait = self._last_request + self._limits.interval - time.monotonic()
        if wait > 0:
            self._sleep(wait)
        self._last_request = time.monotonic()

    def _gave_up(
        self, tries: int, waited: float, reason: str, pause: float | None, error: Exception
    ) -> WikidataApiError:
        asks = f"; the server asks for another pause of {pause:.0f} s" if pause else ""
        return WikidataApiError(
            f"Wikidata at {self._endpoint} gave no answer ({reason}, tries: {tries}, {waited:.0f} s of pauses{asks}): "
            f"{type(error).__name__}: {str(error)[:300]}. Check the network, or run without --wikidata-api; "
            f"the answers so far are kept in {self._cache.path}"
        )


def sparql_query(language: str, titles: Iterable[str]) -> str:
    """The query for the items of pages of a language's Wikipedia."""
    literals = " ".join(_literals(title, language) for title in titles)
    return (
        f"SELECT ?title ?item WHERE {{ VALUES ?title {{ {literals} }} "
        f"?page schema:about ?item ; schema:isPartOf <https://{language}.wikipedia.org/> ; schema:name ?title . }}"
    )


def _literals(title: str, language: str) -> str:
    """A title as SPARQL's STRING_LITERAL2, in which only backslashes, quotes and line ends are special.

    A title has no line ends. If Wikidata has another code for the language, the title has both codes.
    """
    literal = f'"{title.translate(_ESCAPES)}"'
    codes = dict.fromkeys((language, LABEL_CODES.get(language, language)))
    return " ".join(f"{literal}@{code}" for code in codes)


def _query_within(seconds: float, sparql: str, endpoint: str) -> list[Mapping[str, Any]]:
    """wikidata_client.query with a time limit for the whole request; its own limit is for each wait on the socket."""
    future: Future[list[Mapping[str, Any]]] = Future()

    def run() -> None:
        try:
            future.set_result(wikidata_client.query(sparql, timeout=seconds, endpoint=endpoint))
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, name="wikidata", daemon=True).start()
    return future.result(timeout=seconds)


def _failure(error: Exception) -> tuple[str, float | None]:
    """Why a request failed, by its name in COUNTS, and how many seconds the server asks to wait."""
    if isinstance(error, requests.JSONDecodeError | KeyError | TypeError | AttributeError | RecursionError):
        return "malformed", None
    response = error.response if isinstance(error, requests.HTTPError) else None
    if response is not None:
        return ("busy", retry_after(response)) if response.status_code in _BUSY else ("refused", None)
    if isinstance(error, requests.RequestException | TimeoutError):
        return "unreachable", None
    raise error


def _checked(answer: list[Mapping[str, Any]], titles: Iterable[str], counts: Counter[str]) -> dict[str, int]:
    """The valid answers: title -> item, for titles that were asked for and have one item."""
    requested, found, conflicting = set(titles), dict[str, int](), set[str]()
    for row in answer:
        title = row.get("title")
        try:
            qid = qid_number(row.get("item", ""))
        except ValueError:
            qid = 0
        if title not in requested:
            counts["not_asked"] += 1
        elif not 0 < qid <= MAX_QID:
            counts["bad_qid"] += 1
        elif found.setdefault(title, qid) != qid:
            conflicting.add(title)
    counts["conflicting"] += len(conflicting)
    return {title: qid for title, qid in found.items() if title not in conflicting}


class _Unknown(Enum):
    """Stands for the answer to a title that was never asked for."""

    UNKNOWN = "unknown"


class _AnswerCache:
    """Answers by (language, title) in an SQLite file; each batch is a transaction, which a killed run may lose."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._database = sqlite3.connect(path)
            (version,) = self._database.execute("PRAGMA user_version").fetchone()
            if version not in (0, _CACHE_VERSION):
                raise WikidataApiError(
                    f"{path} has version {version}; accepted: version {_CACHE_VERSION}, or a new file"
                )
            with self._database:
                self._database.execute(
                    "CREATE TABLE IF NOT EXISTS answers (language TEXT NOT NULL, title TEXT NOT NULL, qid INTEGER, "
                    "PRIMARY KEY (language, title)) WITHOUT ROWID"
                )
                self._database.execute(f"PRAGMA user_version = {_CACHE_VERSION}")
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def get(self, language: str, title: str) -> int | _Unknown | None:
        """The item; None for a title that is known to have no item."""
        try:
            row = self._database.execute(
                "SELECT qid FROM answers WHERE language = ? AND title = ?", (language, title)
            ).fetchone()
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        return cast("int | None", row[0]) if row else _Unknown.UNKNOWN

    def put(self, language: str, pairs: Iterable[tuple[str, int | None]]) -> None:
        try:
            with self._database:
                self._database.executemany(
                    "INSERT OR REPLACE INTO answers VALUES (?, ?, ?)",
                    ((language, title, qid) for title, qid in pairs),
                )
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def close(self) -> None:
        self._database.close()

    def _unusable(self, error: sqlite3.Error) -> WikidataApiError:
        return WikidataApiError(
            f"cannot use {self.path} for Wikidata's answers: {error}; delete it, or name another file"
        )
