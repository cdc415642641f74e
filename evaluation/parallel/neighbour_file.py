"""What retrieval and modularity write: the nearest neighbours of every item in every layer, from which they are scored.

`neighbours.parquet` has a row for each representation, layer, pair of languages and method; `items.jsonl` has a line for
each item, in the order of their numbers: {"item": "…", "words": {"de": "…", "en": "…"}}.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mlukit.evaluation.metrics.nearest_neighbours import Floats, Integers
from mlukit.evaluation.parallel.items import Items
from mlukit.evaluation.parallel.parallel_text import ParallelTextError

NEIGHBOURS, ITEMS = "neighbours.parquet", "items.jsonl"
ALL = "all"  # languages
_SCHEMA = pa.schema(
    [
        pa.field("representation", pa.string(), nullable=False),
        pa.field("layer", pa.int32(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("target", pa.string(), nullable=False),
        pa.field("method", pa.string(), nullable=False),
        pa.field("each", pa.int32(), nullable=False),
        pa.field("neighbours", pa.list_(pa.int32()), nullable=False),
        pa.field("values", pa.list_(pa.float32()), nullable=False),
    ]
)


class Neighbours(NamedTuple):
    """The nearest neighbours of the items of a language in one layer.

    Attributes:
        representation: words, words with entities, or entities.
        layer: 0 is the input of layer 1.
        source: code of the language, or ALL.
        target: code of the language in which neighbours are looked for, or ALL.
        method: cosine or csls.
        neighbours: their numbers, the nearest first, items x k. For ALL, the numbers of a language's items follow
            those of the language before it.
        values: the cosines, items x k; without columns where nobody needs the cosines.
    """

    representation: str
    layer: int
    source: str
    target: str
    method: str
    neighbours: Integers
    values: Floats


def write_neighbours(file: Path, rows: Iterable[Neighbours]) -> None:
    """Writes rows as they come; each is a row group."""
    with pq.ParquetWriter(file, _SCHEMA, compression="zstd") as writer:
        for row in rows:
            columns = {**row._asdict(), "each": row.neighbours.shape[1]}
            columns |= {"neighbours": row.neighbours.ravel(), "values": row.values.ravel()}
            writer.write_table(
                pa.table({name: pa.array([columns[name]], _SCHEMA.field(name).type) for name in _SCHEMA.names}, _SCHEMA)
            )


def read_neighbours(file: Path) -> Iterator[Neighbours]:
    """Reads rows one by one.

    Raises:
        ParallelTextError: the file is damaged, or is missing.
    """
    try:
        with pq.ParquetFile(file) as parquet:
            for batch in parquet.iter_batches(batch_size=1):
                row = {name: batch[name][0] for name in _SCHEMA.names}
                lists = {name: row.pop(name).values.to_numpy() for name in ("neighbours", "values")}
                each = row.pop("each").as_py()
                plain = {name: value.as_py() for name, value in row.items()}
                values = lists["values"].reshape(-1, each) if len(lists["values"]) else np.empty((0, 0), np.float32)
                yield Neighbours(**plain, neighbours=lists["neighbours"].reshape(-1, each), values=values)
    except (pa.ArrowException, OSError, KeyError) as error:
        raise ParallelTextError(f"{file} cannot be read: {error}; run the evaluation again") from error


def write_items(file: Path, items: Items) -> None:
    """Writes the items."""
    with file.open("w", encoding="utf-8") as lines:
        for number, name in enumerate(items.names):
            words = {language: items.words[language][number] for language in items.languages}
            lines.write(json.dumps({"item": name, "words": words}, ensure_ascii=False) + "\n")


def read_items(file: Path) -> Items:
    """Reads the items.

    Raises:
        ParallelTextError: the file is damaged, or is missing.
    """
    try:
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        languages = list(lines[0]["words"])
        words = {language: [line["words"][language] for line in lines] for language in languages}
        return Items([line["item"] for line in lines], languages, words, Counter())
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ParallelTextError(f"{file} cannot be read: {error!r}; run the evaluation again") from error
