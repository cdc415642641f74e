"""Texts in several languages with spans that mean the same, and the form in which users bring their own: JSON lines.

Each line is a text in one language:

    {"id": "1", "language": "en", "text": "Berlin is a city.", "spans": {"city": [0, 6]}}
    {"id": "1", "language": "de", "text": "Eine Stadt ist Berlin.", "spans": {"city": [15, 21]}}

Texts with the same "id" are translations of each other; spans with the same name are aligned. Offsets count code points,
and the end is exclusive.
"""

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlukit.pretraining.errors import PretrainingError

_FORM = '{"id": "1", "language": "en", "text": "Berlin is a city.", "spans": {"city": [0, 6]}}'


class ParallelTextError(PretrainingError):
    """A file is not what it should be; the message shows what is wrong, and what would be accepted."""


@dataclass(frozen=True, slots=True)
class ParallelText:
    """A text in one language.

    Attributes:
        language: code of the language.
        text: the text.
        spans: start and end in code points, by the name of the item; names are the same in all languages.
    """

    language: str
    text: str
    spans: Mapping[str, tuple[int, int]]


def read_json_lines(file: Path) -> Iterator[ParallelText]:
    """Reads parallel texts in the form of this module; the name of an item is the text's id and the span's name.

    Raises:
        ParallelTextError: a line has another form, or a text comes twice; the message has the number of the line.
    """
    seen: set[tuple[str, str]] = set()
    for number, line in enumerate(read_bytes(file).splitlines(), 1):
        value = _object(line, f"{file}, line {number}")
        key = value["id"], value["language"]
        if key in seen:
            raise ParallelTextError(f"{file}, line {number}: the text {key[0]!r} has the language {key[1]!r} twice")
        seen.add(key)
        spans = {
            f"{value['id']} {name}": _span(value["text"], span, f"{file}, line {number}: the span {name!r}")
            for name, span in value["spans"].items()
        }
        yield ParallelText(value["language"], value["text"], spans)


def read_bytes(file: Path) -> bytes:
    """Reads a file, compressed by gzip or not.

    Raises:
        ParallelTextError: the file is damaged.
    """
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
            return stream.read()
    except (EOFError, gzip.BadGzipFile) as error:
        raise ParallelTextError(f"{file} is damaged, or is not a gzip file: {error}") from error


def _object(line: bytes, place: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise ParallelTextError(f"{place} is not JSON: {error}; accepted: {_FORM}") from error
    kinds = {"id": str, "language": str, "text": str, "spans": dict}
    for key, kind in kinds.items():
        found = value.get(key) if isinstance(value, dict) else None
        if not isinstance(found, kind):
            raise ParallelTextError(f"{place}: {key!r} is {found!r}; accepted: {_FORM}")
    return dict(value)


def _span(text: str, span: Any, place: str) -> tuple[int, int]:
    match span:
        case [int(start), int(end)] if 0 <= start < end <= len(text) and text[start:end].strip():
            return start, end
    raise ParallelTextError(
        f"{place} is {span!r}; accepted: [start, end] of words in the text, which has {len(text):,} code points"
    )
