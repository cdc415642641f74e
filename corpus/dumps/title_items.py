"""Reads `title_items.tsv`: a table of titles and items that a user wrote by hand, or got from the query service.

Each line is a row, in UTF-8: the title of an article, whose first letter may be small; a tab; the item.

    Berlin\tQ64
    Mercury (planet)\tQ308

The name of the file is such as `dewiki-title_items.tsv`; the file may be compressed. A TSV file of Wikidata's query
service is accepted without changes, with "Berlin"@de for a title and <http://www.wikidata.org/entity/Q64> for an item:

    SELECT ?title ?item WHERE {
      ?page schema:about ?item; schema:isPartOf <https://de.wikipedia.org/>; schema:name ?title.
    }

Empty lines and a line with the names of columns, such as `title` and `item`, are ignored. Any other line that is not a
row is a BadLine, and one title is lost with it. If a title has several rows, the smallest item is taken.

This source comes before all other sources, because a user makes such a table to add or correct items. In the last
place, the table could only add items.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from mlukit.corpus.dumps.mediawiki_tables import MAX_QID
from mlukit.corpus.dumps.wikidata_json import MAX_LINE_BYTES, BadLine, WikidataItem
from mlukit.schemas.records import qid_number

_COLUMN_NAMES = {"item", "items", "qid"}
_LITERAL = re.compile(r'"(.*)"@[A-Za-z-]+')  # as SPARQL writes a text with its language
_ESCAPE = re.compile(r'\\(["\\])')
_ENTITY = re.compile(r"<?https?://www\.wikidata\.org/entity/(\w+)>?", re.ASCII)
_NO_TITLE = re.compile(r"[\x00-\x1f\x7f#<>\[\]{|}\ufffd]")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def begins_as_title_items(head: bytes) -> bool:
    """Whether a file that begins with `head` may be such a table: its first line has two columns."""
    return head.lstrip(b"\r\n").partition(b"\n")[0].count(b"\t") == 1


def read_title_items(
    lines: Iterable[bytes], wikis: Mapping[str, str], skipped: Counter[str]
) -> Iterator[WikidataItem | BadLine]:
    """The items of a table, or of any stretch of its lines; see `table_shapes.ItemLines`.

    Args:
        lines: without their ends.
        wikis: the one wiki that the table belongs to, database name -> language.
        skipped: counts nothing, since every row is either read or a BadLine.
    """
    (language,) = wikis.values()
    for number, line in enumerate(lines, start=1):
        row = line.removeprefix(_BYTE_ORDER_MARK).rstrip(b"\r\n")
        if not row.strip():
            continue
        if len(row) > MAX_LINE_BYTES:
            yield BadLine(number, "too long", f"the line has over {MAX_LINE_BYTES} bytes: {row[:60]!r} …", titles=1)
            continue
        try:
            title, item = _columns(row)
            if item.lower().lstrip("?") not in _COLUMN_NAMES:
                yield WikidataItem(_qid(item), {language: _title(title)}, {})
        except _BadRowError as error:
            yield BadLine(number, error.reason, f"{error}: {row[:80]!r}", titles=1)


class _BadRowError(Exception):
    """A line is not a row of the table; `reason` is the name under which the line is counted."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def _columns(row: bytes) -> tuple[str, str]:
    """The title and the item of a row, as written; _BadRowError for another line."""
    try:
        title, item = row.decode().split("\t")
    except UnicodeDecodeError as error:
        raise _BadRowError("not UTF-8", str(error)) from error
    except ValueError as error:
        raise _BadRowError("malformed", "the line is not a row; accepted: a title, a tab and an item") from error
    return title.strip(), item.strip()


def _title(text: str) -> str:
    """The title as pages have it; _BadRowError for a title that no page can have."""
    literal = _LITERAL.fullmatch(text)
    title = unicodedata.normalize("NFC", _ESCAPE.sub(r"\1", literal[1]) if literal else text).replace("_", " ")
    if not title or _NO_TITLE.search(title):
        raise _BadRowError("bad title", "no page can have this title")
    return title


def _qid(text: str) -> int:
    """The number of the item; _BadRowError for another text."""
    entity = _ENTITY.fullmatch(text)
    try:
        qid = qid_number(entity[1] if entity else text)
    except ValueError as error:
        raise _BadRowError("bad id", "the item is not a QID such as Q64") from error
    if not 0 < qid <= MAX_QID:
        raise _BadRowError("bad id", f"the item is not between Q1 and Q{MAX_QID}")
    return qid
