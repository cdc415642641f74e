"""Texts whose mentions are known: the held-out pages of a build, and data sets in the form of Mewsli-9.

Mewsli-9 (Botha, Shan and Gillick, 2020) has a folder for each language, with `docs.tsv`, `mentions.tsv`, and a file for
each document in `text/`. Its repository describes the columns: google-research/google-research,
dense_representations_for_entity_retrieval/mel/mewsli-9.md.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq

from mlukit.linker.output_files import LinkerError
from mlukit.schemas import layout
from mlukit.schemas.records import qid_number

VALIDATION = "validation"  # stands for the held-out pages, in place of a path
_DOCUMENTS, _MENTIONS, _TEXTS = "docs.tsv", "mentions.tsv", "text"
_COLUMNS = {_DOCUMENTS: ("docid",), _MENTIONS: ("docid", "position", "length", "mention", "lang", "qid")}
_ARTICLE_COLUMNS = ["title", "kind", "text", *(f"links.list.element.{name}" for name in ("start", "end", "qid"))]
_ROWS = 64  # articles in memory
KINDS = ("article", "list")  # of pages, as the mention dictionary counts them by default


class GoldMention(NamedTuple):
    """A mention whose item is known.

    Attributes:
        start: its first code point.
        end: the code point after it.
        qid: its item; None for a mention without an item, which is neither right nor wrong where a linker finds it.
    """

    start: int
    end: int
    qid: int | None


@dataclass(frozen=True, slots=True)
class GoldDocument:
    """A text with its mentions, which ascend and do not overlap."""

    language: str
    name: str
    text: str
    mentions: list[GoldMention] = field(default_factory=list)


def read_gold(gold: str, output: Path, languages: Sequence[str]) -> Iterator[GoldDocument]:
    """Yields the documents of some languages.

    Args:
        gold: "validation" for the held-out pages of the output, else a folder or a mentions.tsv of Mewsli-9's form.
        output: the output folder.
        languages: the languages of the output to yield.

    Raises:
        LinkerError: there are no such documents, or a file is not as described.
    """
    if gold == VALIDATION:
        found = (document for language in languages for document in _held_out(output, language))
    else:
        found = (document for folder in _folders(Path(gold)) for document in _mewsli(folder, languages))
    first = next(found, None)
    if first is None and gold == VALIDATION:
        raise LinkerError(
            f"{output} has no held-out pages of {', '.join(languages)}: build with --validation-share 0.2"
        )
    if first is None:
        raise LinkerError(f"{gold} has no documents of {', '.join(languages)}, the languages of {output}")
    yield from chain([first], found)


def _held_out(output: Path, language: str) -> Iterator[GoldDocument]:
    folder = output / layout.folder(layout.ARTICLES, language)
    files = sorted(folder.glob("validation-*.parquet"))
    if not files and any(folder.glob("validation-*.jsonl.gz")):
        raise LinkerError(f"{folder} has no Parquet files: build with --articles-format parquet,jsonl")
    for file in files:
        with pq.ParquetFile(file) as articles:
            for batch in articles.iter_batches(_ROWS, columns=_ARTICLE_COLUMNS, use_threads=False):
                for row in batch.to_pylist():
                    if row["kind"] in KINDS:
                        links = [GoldMention(link["start"], link["end"], _qid(link["qid"])) for link in row["links"]]
                        yield GoldDocument(language, row["title"], row["text"], links)


def _qid(name: str | None) -> int | None:
    return qid_number(name) if name else None


def _folders(gold: Path) -> list[Path]:
    """The folders with a mentions.tsv: the one that is named, or those below it."""
    folder = gold.parent if gold.name == _MENTIONS else gold
    if not folder.is_dir():
        raise LinkerError(f"there is no folder {folder}: name {VALIDATION}, or a folder with {_MENTIONS}")
    if (folder / _MENTIONS).is_file():
        return [folder]
    found = sorted(file.parent for file in folder.glob(f"*/{_MENTIONS}"))
    if not found:
        raise LinkerError(
            f"{folder} has no {_MENTIONS}, nor has a folder in it: name {VALIDATION}, or a folder with {_DOCUMENTS}, "
            f"{_MENTIONS} and {_TEXTS}/, as Mewsli-9 has for each language"
        )
    return found


def _mewsli(folder: Path, languages: Sequence[str]) -> Iterator[GoldDocument]:
    mentions: dict[str, list[tuple[int, Mapping[str, str]]]] = {}
    for number, row in _rows(folder / _MENTIONS):
        mentions.setdefault(row["docid"], []).append((number, row))
    for _, document in _rows(folder / _DOCUMENTS):
        rows = mentions.get(document["docid"], [])
        of_document = {row["lang"] for _, row in rows} or {document["docid"].rpartition("-")[0]}
        if not of_document <= set(languages):
            continue
        name = document["docid"]
        text = _text(folder / _TEXTS, name)
        found = sorted((_mention(folder / _MENTIONS, *row, text) for row in rows), key=lambda one: one[:2])
        for one, other in pairwise(found):
            if other.start < one.end:
                raise LinkerError(
                    f"{folder / _MENTIONS}: the mentions of {name} at {one.start} and {other.start} overlap"
                )
        yield GoldDocument(min(of_document), name, text, found)


def _rows(file: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    """The rows of a table with a header, with their line numbers."""
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines, dialect="excel-tab")
            missing = [name for name in _COLUMNS[file.name] if name not in (reader.fieldnames or ())]
            if missing:
                raise LinkerError(f"{file} has no column {missing[0]!r}; its columns are {reader.fieldnames}")
            for row in reader:
                if any(row[name] is None for name in _COLUMNS[file.name]):
                    raise LinkerError(f"{file}, line {reader.line_num}: fewer columns than the header has")
                yield reader.line_num, row
    except (csv.Error, UnicodeError) as error:
        raise LinkerError(f"{file} is not a table in UTF-8 with tabs: {error}") from error


def _text(folder: Path, name: str) -> str:
    file = folder / name
    if "/" in name or not file.is_file():
        raise LinkerError(f"{folder} has no file {name!r}: it has the text of each document under its docid")
    try:
        return file.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise LinkerError(f"{file} is not UTF-8: {error}") from error


def _mention(file: Path, number: int, row: Mapping[str, str], text: str) -> GoldMention:
    try:
        start, length, qid = int(row["position"]), int(row["length"]), _qid(row["qid"])
    except ValueError as error:
        raise LinkerError(f"{file}, line {number}: {error}") from error
    if text[max(0, start) : start + length] != row["mention"] or not row["mention"]:
        raise LinkerError(
            f"{file}, line {number}: the text has {text[max(0, start) : start + length]!r} at {start}, and not "
            f"{row['mention']!r}"
        )
    return GoldMention(start, start + length, qid)
