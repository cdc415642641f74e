"""Texts in several languages with spans that mean the same, and the form in which users bring their own: JSON lines.

Each line is a text in one language:

    {"id": "1", "language": "en", "text": "Berlin is a city.", "spans": {"city": [0, 6]}}
    {"id": "1", "language": "de", "text": "Eine Stadt ist Berlin.", "spans": {"city": [15, 21]}}

Texts with the same "id" are translations of each other, and spans with the same name are aligned. Offsets count code
points, and the end is exclusive.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlukit.evaluation.errors import EvaluationError

LINE = '{"id": "1", "language": "en", "text": "Berlin is a city.", "spans": {"city": [0, 6]}}'


@dataclass(frozen=True, slots=True)
class ParallelText:
    """A text in one language.

    Attributes:
        language: code of the language.
        text: the text.
        spans: start and end in code points, by the name of the item; an item has the same name in all languages.
    """

    language: str
    text: str
    spans: Mapping[str, tuple[int, int]]


def read_json_lines(file: Path) -> Iterator[ParallelText]:
    """Reads parallel texts in the form of this module; the name of an item is the text's id and the span's name.

    Raises:
        EvaluationError: a line has another form; the message has the number of the line.
    """
    for number, line in enumerate(file.read_bytes().splitlines(), 1):
        place = f"{file} line {number}"
        value = _object(line, place)
        spans = {
            f"{value['id']} {name}": _span(value["text"], span, f"{place}: the span {name!r}")
            for name, span in value["spans"].items()
        }
        yield ParallelText(value["language"], value["text"], spans)


def _object(line: bytes, place: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise EvaluationError(f"{place} is not JSON in UTF-8 ({error}); accepted: {LINE}") from error
    for key, kind in {"id": str, "language": str, "text": str, "spans": dict}.items():
        found = value.get(key) if isinstance(value, dict) else None
        if not isinstance(found, kind):
            raise EvaluationError(f"{place}: {key!r} is {found!r}; accepted: {LINE}")
    return dict(value)


def _span(text: str, span: Any, place: str) -> tuple[int, int]:
    match span:
        case [int(start), int(end)] if 0 <= start < end <= len(text) and text[start:end].strip():
            return start, end
    raise EvaluationError(
        f"{place} is {span!r}; accepted: [start, end] of words in the text, which has {len(text):,} code points"
    )
