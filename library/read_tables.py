"""Reads the articles and the examples of an output folder as records."""

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from mlukit.library.output_folder import files_of
from mlukit.schemas import layout
from mlukit.schemas.arrow import ARTICLE_ROWS, EXAMPLE_ROWS, RecordCodec
from mlukit.schemas.formats import PARQUET, format_of
from mlukit.schemas.records import Example, LinkedArticle, Split

R = TypeVar("R")


def read_articles(output: str | Path, language: str, split: Split | None = None) -> Iterator[LinkedArticle]:
    """Reads the articles of a language one after the other; memory does not grow with their number.

    Args:
        output: OUT, an output folder on this machine, whose link stage is finished.
        language: the code of the Wikipedia.
        split: "train" or "validation"; None for both.

    Raises:
        OutputError: OUT has no articles in the language.
    """
    return _read(files_of(output, layout.ARTICLES, language, split), ARTICLE_ROWS)


def read_examples(output: str | Path, language: str, split: Split | None = None) -> Iterator[Example]:
    """Reads the training examples of a language one after the other; memory does not grow with their number.

    Args:
        output: OUT, an output folder on this machine, whose examples stage is finished.
        language: the code of the Wikipedia.
        split: "train" or "validation"; None for both.

    Raises:
        OutputError: OUT has no examples in the language.
    """
    return _read(files_of(output, layout.EXAMPLES, language, split), EXAMPLE_ROWS)


def _read(files: list[Path], codec: RecordCodec[R]) -> Iterator[R]:
    for file in files:
        with file.open("rb") as stream:
            for batch in (format_of(file.name) or PARQUET).read(stream, codec.schema, None):
                yield from codec.to_records(batch)
