"""The formats of annotated texts: JSON lines, a page of HTML, and CoNLL's columns."""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict
from html import escape
from itertools import pairwise
from typing import TextIO

from mlukit.corpus.detection.word_borders import WordBorders, code_points_of
from mlukit.linker.annotation import Annotation, Candidate

_HEAD = """\
<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --text: #1b1b1b; --page: #fff; --link: #0b57a4; --mark: #e7f0fa; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --text: #e6e6e6; --page: #161616; --link: #9cc8f5; --mark: #22303f; }}
}}
body {{ color: var(--text); background: var(--page); font: 1.05rem/1.6 system-ui, sans-serif; max-width: 48rem;
  margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }}
h2 {{ font-size: 1rem; }}
p {{ white-space: pre-wrap; margin: 0 0 .6rem; }}
a {{ color: var(--link); background: var(--mark); border-radius: .2rem; padding: 0 .1rem; text-decoration: underline; }}
</style>
</head>
<body>
"""
_SPACE = re.compile(r"\s")


class Writer(ABC):
    """Writes annotated texts to a stream, one text after the other."""

    def __init__(self, stream: TextIO, language: str) -> None:
        self.stream, self.language = stream, language

    def begin(self) -> None:  # noqa: B027
        """Writes what stands before all files."""

    def begin_file(self, name: str) -> None:
        """Begins the texts of a file."""
        self.name = name

    @abstractmethod
    def write(self, number: int, text: str, annotations: Sequence[Annotation]) -> None:
        """Writes a line of the file, whose number counts from 1."""

    def end(self) -> None:  # noqa: B027
        """Writes what stands after all files."""


class JsonLines(Writer):
    """An object for each line of the input."""

    def write(self, number: int, text: str, annotations: Sequence[Annotation]) -> None:
        """See `Writer`."""
        mentions = [_object(annotation) for annotation in annotations]
        value = {"file": self.name, "line": number, "text": text, "mentions": mentions}
        self.stream.write(json.dumps(value, ensure_ascii=False) + "\n")


def _object(annotation: Annotation) -> dict[str, object]:
    """The JSON value of an annotation; without candidates, unless it has some."""
    value = _rounded(asdict(annotation))
    candidates = [_rounded(asdict(candidate)) for candidate in annotation.candidates]
    del value["candidates"]
    return {**value, "candidates": candidates} if candidates else value


def _rounded(value: dict[str, object]) -> dict[str, object]:
    return {name: round(one, 4) if isinstance(one, float) else one for name, one in value.items()}


class Html(Writer):
    """A page, in which each name is a link to its item; it is readable in light and dark."""

    def begin(self) -> None:
        """See `Writer`."""
        self.stream.write(_HEAD.format(language=escape(self.language), title="mlukit annotate"))

    def begin_file(self, name: str) -> None:
        """See `Writer`."""
        super().begin_file(name)
        self.stream.write(f"<h2>{_escaped(name)}</h2>\n")

    def write(self, number: int, text: str, annotations: Sequence[Annotation]) -> None:
        """See `Writer`."""
        parts, done = ['<p dir="auto">'], 0
        for annotation in annotations:
            told = _escaped(", ".join([_told(annotation), *map(_told, annotation.candidates[1:])]))
            address = f"https://www.wikidata.org/wiki/{annotation.qid}"
            name = _escaped(text[annotation.start : annotation.end])
            parts += [_escaped(text[done : annotation.start]), f'<a href="{address}" title="{told}">{name}</a>']
            done = annotation.end
        self.stream.write("".join([*parts, _escaped(text[done:]), "</p>\n"]))

    def end(self) -> None:
        """See `Writer`."""
        self.stream.write("</body>\n</html>\n")


def _told(found: Annotation | Candidate) -> str:
    return f"{found.label} ({found.qid}, {found.score:.2f})"


def _escaped(text: str) -> str:
    """The text for HTML, without the characters that HTML does not allow."""
    return re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]", "\ufffd", escape(text))


class Conll(Writer):
    """A line for each token: the token, B, I or O, and the item; an empty line after each text.

    Tokens are ICU's words, cut where names begin and end; in languages written without blanks, code points.
    """

    def __init__(self, stream: TextIO, language: str) -> None:
        super().__init__(stream, language)
        self._borders = WordBorders(language)

    def begin_file(self, name: str) -> None:
        """See `Writer`."""
        super().begin_file(name)
        self.stream.write(f"-DOCSTART- {_SPACE.sub(' ', name)}\n\n")

    def write(self, number: int, text: str, annotations: Sequence[Annotation]) -> None:
        """See `Writer`."""
        item_of = {annotation.start: annotation for annotation in annotations}
        cuts = {offset for annotation in annotations for offset in (annotation.start, annotation.end)}
        places = sorted({0, len(text), *cuts, *self._borders.find(text, code_points_of(text)).tolist()})
        current: Annotation | None = None
        for start, end in pairwise(places):
            current = item_of.get(start, current if current and start < current.end else None)
            token = _SPACE.sub(" ", text[start:end]).strip()
            if token:
                tag = "O" if current is None else "B" if start == current.start else "I"
                self.stream.write(f"{token}\t{tag}\t{current.qid if current else '_'}\n")
        self.stream.write("\n")


FORMATS: dict[str, type[Writer]] = {"jsonl": JsonLines, "html": Html, "conll": Conll}
