"""The entity vocabulary as transformers' `MLukeTokenizer` reads it, and its rows found in that of another model.

`entity_vocab.json` is one object, name → id. A name is a special entity's, `lang:title` as in the published mLUKE (its
conversion script writes them so, all titles of an entity with one id), and here the QID too. `MLukeTokenizer` looks
names up in it and nothing else, so several may share an id.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from mlukit.corpus.entities.vocabulary import ROW_GROUP_ROWS, SPECIAL_ENTITIES

ENTITY_VOCABULARY_FILE = "entity_vocab.json"
_MASK, _MASK2 = "[MASK]", "[MASK2]"


@dataclass(slots=True)
class EntityMatch:
    """Which row of another entity table each entity of a vocabulary takes."""

    rows: npt.NDArray[np.int64]  # by entity_id; -1 for none
    by: Counter[str] = field(default_factory=Counter)  # found by "name", "QID" or "title"
    titles_disagree: int = 0  # titles of one entity named several rows: the most did, or the first

    @property
    def found(self) -> int:
        """Entities with a row."""
        return int((self.rows >= 0).sum())


def write_entity_vocabulary(vocabulary: Path, file: Path) -> int:
    """Writes entity_vocab.json, in memory that does not grow with the vocabulary.

    Args:
        vocabulary: vocabulary.parquet. Within a language a title is of one entity.

    Returns:
        How many names it has.
    """
    names = 0
    with file.open("w", encoding="utf-8") as out:
        for entity, titles, entity_id in _entities(vocabulary):
            for name in (entity, *titles):
                out.write(f"{',' if names else '{'}\n{json.dumps(name, ensure_ascii=False)}: {entity_id}")
                names += 1
        out.write("\n}\n")
    return names


def match_entities(vocabulary: Path, theirs: Mapping[str, int]) -> EntityMatch:
    """Finds the entities of vocabulary.parquet in another model's entity_vocab.json.

    A special entity is found by its name ([MASK2] takes [MASK]'s row where there is none, as in transformers'
    conversion of mLUKE), an item by its QID, else by its titles: the row that most of them name, of several the first.
    """
    found: list[int] = []
    match = EntityMatch(np.empty(0, np.int64))
    for entity, titles, entity_id in _entities(vocabulary):
        row, by = theirs.get(entity), "name" if entity_id < len(SPECIAL_ENTITIES) else "QID"
        if row is None and entity == _MASK2:
            row = theirs.get(_MASK)
        if row is None and (votes := Counter(theirs[title] for title in titles if title in theirs)):
            row, by = min(votes, key=lambda one: (-votes[one], one)), "title"
            match.titles_disagree += len(votes) > 1
        if row is not None:
            match.by[by] += 1
        found.append(-1 if row is None else row)
    match.rows = np.array(found, np.int64)
    return match


def _entities(vocabulary: Path) -> Iterator[tuple[str, Sequence[str], int]]:
    """Name, `lang:title` of each title, and id of each entity, in the order of their ids."""
    with pq.ParquetFile(vocabulary) as file:
        for batch in file.iter_batches(ROW_GROUP_ROWS, columns=["entity_id", "name", "titles"], use_threads=False):
            yield from _of_batch(batch)


def _of_batch(batch: pa.RecordBatch) -> Iterator[tuple[str, Sequence[str], int]]:
    columns = (batch[name].to_pylist() for name in ("entity_id", "name", "titles"))
    for entity_id, name, titles in zip(*columns, strict=True):
        yield name, [f"{title['language']}:{title['title']}" for title in titles], entity_id
