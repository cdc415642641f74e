"""Wikidata's JSON dump: an array with one entity on each line, of which only sitelinks and labels are read.

Format: https://www.wikidata.org/wiki/Wikidata:Database_download and
https://doc.wikimedia.org/Wikibase/master/php/docs_topics_json.html. An object without members may be written `[]`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from mlukit.corpus.dumps.mediawiki_tables import MAX_QID
from mlukit.corpus.languages.iso_codes import LABEL_CODES
from mlukit.schemas.records import qid_number

MAX_LINE_BYTES = 1 << 24  # an entity must fit into a MediaWiki page: the largest entities have some 4 MB
SKIP_REASONS = {
    "property": "the entity is a property",
    "lexeme": "the entity is a lexeme",
    "no_sitelink": "the item has no page in the requested wikis",
    "bad_sitelink": "the title of the sitelink is not text; the item's other sitelinks are kept",
}
ANY_LANGUAGE = "mul"  # for languages without a label: www.wikidata.org/wiki/Help:Default_values_for_labels_and_aliases

_TYPE = re.compile(rb'"type"\s*:\s*"(property|lexeme)"')
_TYPE_WITHIN = 200  # bytes: `type` is an entity's first or second member


@dataclass(frozen=True, slots=True)
class WikidataItem:
    """An item that has a page in at least one of the requested wikis."""

    qid: int
    sitelinks: Mapping[str, str]  # language -> title, with spaces and, outside the main namespace, prefix
    labels: Mapping[str, str]  # language -> label, of the requested languages


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is not a valid entity."""

    number: int  # counted from 1, among the given lines
    reason: str  # "malformed", "too long", "bad id"
    detail: str
    titles: int = 0  # number of titles that are lost with the line, if known


def begins_as_json(head: bytes) -> bool:
    """Whether a file that begins with `head` may be the dump."""
    return head.lstrip().startswith((b"[", b"{"))


def read_entities(
    lines: Iterable[bytes], wikis: Mapping[str, str], skipped: Counter[str]
) -> Iterator[WikidataItem | BadLine]:
    """The items of a dump, or of a part of its lines, and a BadLine for each line that is not valid.

    An item without a page in `wikis` is recognised by its bytes and not parsed.

    Args:
        lines: the lines of the dump.
        wikis: database name -> language, such as {"be_x_oldwiki": "be-tarask"}.
        skipped: counts the entities that are left out, under SKIP_REASONS.
    """
    wanted = re.compile(rb'"(?:' + rb"|".join(re.escape(wiki.encode()) for wiki in wikis) + rb')"\s*:')
    for number, line in enumerate(lines, start=1):
        text = line.strip(b" \t\r\n,")
        if text in (b"", b"[", b"]"):
            continue
        if len(text) > MAX_LINE_BYTES:
            yield BadLine(number, "too long", f"the line has over {MAX_LINE_BYTES} bytes: {_excerpt(text)}")
        elif not text.startswith(b"{") or not text.endswith(b"}"):
            yield BadLine(number, "malformed", f"the line is not a JSON object: {_excerpt(text)}")
        elif (start := text.find(b'"sitelinks"')) < 0 or not wanted.search(text, start):
            entity_type = _TYPE.search(text, 0, _TYPE_WITHIN)
            skipped[entity_type[1].decode() if entity_type else "no_sitelink"] += 1
        elif entity := _entity(text, number, wikis, skipped):
            yield entity


def lines_of(chunks: Iterable[bytes], limit: int = MAX_LINE_BYTES) -> Iterator[bytes]:
    """The lines, without their ends, of decoded chunks of any size.

    A line longer than `limit` bytes is cut to `limit` + 1 bytes, so memory is bounded by the limit and a chunk.
    """
    parts: list[bytes] = []
    size = 0
    for chunk in chunks:
        first, *others = chunk.split(b"\n")
        for ended, piece in enumerate([first, *others]):
            if ended:
                yield b"".join(parts)
                parts, size = [], 0
            if piece and size <= limit:
                parts.append(piece[: limit + 1 - size])
                size += len(parts[-1])
    if parts:
        yield b"".join(parts)


def _entity(text: bytes, number: int, wikis: Mapping[str, str], skipped: Counter[str]) -> WikidataItem | BadLine | None:
    """The item of a line; None for an entity that is left out, which is counted."""
    try:
        entity: Any = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return BadLine(number, "malformed", f"{error}: {_excerpt(text)}")
    if entity.get("type") in ("property", "lexeme"):
        skipped[entity["type"]] += 1
        return None
    try:
        qid = qid_number(entity.get("id", ""))
    except (TypeError, ValueError):
        qid = 0
    if not 0 < qid <= MAX_QID:
        return BadLine(number, "bad id", f"the id {str(entity.get('id'))[:80]!r} is not a QID such as Q64")
    sitelinks = _sitelinks(entity.get("sitelinks"), wikis, skipped)
    if not sitelinks:
        skipped["no_sitelink"] += 1
        return None
    return WikidataItem(qid, sitelinks, _labels(entity.get("labels"), wikis.values()))


def _sitelinks(written: Any, wikis: Mapping[str, str], skipped: Counter[str]) -> dict[str, str]:
    """Titles by language, for the requested wikis."""
    titles = {}
    for wiki in written.keys() & wikis.keys() if isinstance(written, dict) else ():
        title = written[wiki].get("title") if isinstance(written[wiki], dict) else None
        if isinstance(title, str) and title:
            titles[wikis[wiki]] = title.replace("_", " ")
        else:
            skipped["bad_sitelink"] += 1
    return dict(sorted(titles.items()))


def _labels(written: Any, languages: Iterable[str]) -> dict[str, str]:
    """Labels by language: with the wiki's code, else with Wikidata's code for the language, else for all languages."""
    labels = {}
    for language in sorted(languages) if isinstance(written, dict) else ():
        for code in (language, LABEL_CODES.get(language, language), ANY_LANGUAGE):
            label = written.get(code)
            if isinstance(label, dict) and isinstance(label.get("value"), str) and label["value"]:
                labels[language] = label["value"]
                break
    return labels


def _excerpt(text: bytes) -> str:
    return f"{text[:60]!r} … {text[-20:]!r}" if len(text) > 80 else repr(text)
