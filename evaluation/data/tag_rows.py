"""Reads the Hugging Face Hub's form of token classification: Parquet or JSON lines, with `tokens` and `ner_tags`."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from mlukit.evaluation.data.official_files import OfficialSet
from mlukit.evaluation.data.tagged_sentences import Row

TOKENS, TAGS = "tokens", "ner_tags"
_FEATURES = b"huggingface"  # the key of the Hub's description of the columns in the metadata of a Parquet file


def read_tag_rows(official: OfficialSet, paths: Sequence[Path], names: Sequence[str] = ()) -> Iterator[Row]:
    """Reads the files of a split, one after the other. Every sentence is a document of its own.

    Args:
        official: the set of the files, for messages.
        paths: ending in .parquet, .jsonl or .jsonl.gz.
        names: of the tags, if they are numbers; a Parquet file of the Hub has them itself.

    Raises:
        OfficialFileError: a row has other columns, or a number without a name.
    """
    number = 0
    for path in paths:
        is_parquet = path.suffix == ".parquet"
        known = names or (_names_of(path) if is_parquet else ())
        for row in _parquet_rows(official, path) if is_parquet else _json_rows(official, path):
            number += 1
            words = row.get(TOKENS) if isinstance(row, dict) else None
            if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
                raise official.wrong(path, f"row {number} has no {TOKENS}, a list of words")
            tags = row.get(TAGS)
            tags = [None] * len(words) if tags is None else tags
            if not isinstance(tags, list) or len(tags) != len(words):
                raise official.wrong(path, f"row {number} has {len(words)} {TOKENS}, but not as many {TAGS}")
            if words:
                yield Row(f"row {number}", words, [_tag(official, path, number, tag, known) for tag in tags], True)


def _tag(official: OfficialSet, path: Path, row: int, tag: Any, names: Sequence[str]) -> str | None:
    if tag is None or isinstance(tag, str):
        return tag
    if isinstance(tag, int) and 0 <= tag < len(names):
        return names[tag]
    listed = f"the names of tags are {', '.join(names)}" if names else "give the names of the tags with --tag-names"
    raise official.wrong(path, f"row {row} has the tag {tag!r}; {listed}")


def _names_of(path: Path) -> Sequence[str]:
    """The names of the tags by the Hub's description of the columns; none without a description."""
    try:
        described = json.loads((pyarrow.parquet.read_schema(path).metadata or {}).get(_FEATURES, b"{}"))
        return tuple(described["info"]["features"][TAGS]["feature"]["names"])
    except (pyarrow.ArrowInvalid, ValueError, KeyError, TypeError):
        return ()


def _parquet_rows(official: OfficialSet, path: Path) -> Iterator[Any]:
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            if missing := {TOKENS, TAGS} - set(file.schema_arrow.names):
                raise official.wrong(path, f"it has no column {' and no column '.join(sorted(missing))}")
            for batch in file.iter_batches(columns=[TOKENS, TAGS]):
                yield from batch.to_pylist()
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise official.wrong(path, f"it cannot be read as Parquet: {error}") from error


def _json_rows(official: OfficialSet, path: Path) -> Iterator[Any]:
    for number, line in enumerate(official.read_text(path).split("\n"), 1):
        if line.strip():
            try:
                yield json.loads(line)
            except ValueError as error:
                raise official.wrong(path, f"line {number} is not JSON: {error}") from error
