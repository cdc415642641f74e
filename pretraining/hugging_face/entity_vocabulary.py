"""Writes the entity vocabulary for transformers' `MLukeTokenizer`, and finds its entities in that of another model.

`entity_vocab.json` is one object, name → id. A name is the name of a special entity, `lang:title` as in the published
mLUKE (whose conversion script gives all titles of an entity one id), or, only here, the QID. `MLukeTokenizer` only
looks names up, so several names may share an id.
"""

import hashlib
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
from mlukit.pretraining.hugging_face.checkpoint_files import CheckpointError, read_json_object
from mlukit.schemas.layout import TOKENIZER

ENTITY_VOCABULARY_FILE = "entity_vocab.json"
_MASK, _MASK2 = "[MASK]", "[MASK2]"


@dataclass(slots=True)
class EntityMatch:
    """For each entity of a vocabulary, its row in another entity table."""

    rows: npt.NDArray[np.int64]  # by entity_id; -1 for an entity without a row
    found_by: Counter[str] = field(default_factory=Counter)  # entities found by "name", "QID" or "title"
    titles_disagree: int = 0  # entities whose titles named several rows, of which one was taken

    @property
    def found(self) -> int:
        """The number of entities that have a row."""
        return int((self.rows >= 0).sum())


def write_entity_vocabulary(vocabulary: Path, file: Path) -> int:
    """Writes entity_vocab.json, in memory that does not grow with the vocabulary.

    Args:
        vocabulary: vocabulary.parquet, in which a title belongs to one entity of its language.
        file: the file to write.

    Returns:
        The number of names.
    """
    names = 0
    with file.open("w", encoding="utf-8") as out:
        for entity, titles, entity_id in _entities(vocabulary):
            for name in (entity, *titles):
                out.write(f"{',' if names else '{'}\n{json.dumps(name, ensure_ascii=False)}: {entity_id}")
                names += 1
        out.write("\n}\n")
    return names


def match_entities(vocabulary: Path, other_rows: Mapping[str, int]) -> EntityMatch:
    """Finds the entities of vocabulary.parquet in another model's entity_vocab.json.

    A special entity is found by its name ([MASK2] takes the row of [MASK] if it has no row, as in transformers'
    conversion of mLUKE). An item is found by its QID, else by its titles: the row that most titles name, and the first
    of several such rows.

    Args:
        vocabulary: vocabulary.parquet.
        other_rows: the other model's entity_vocab.json, name → row.
    """
    found: list[int] = []
    match = EntityMatch(np.empty(0, np.int64))
    for entity, titles, entity_id in _entities(vocabulary):
        row, method = other_rows.get(entity), "name" if entity_id < len(SPECIAL_ENTITIES) else "QID"
        if row is None and entity == _MASK2:
            row = other_rows.get(_MASK)
        if row is None and (votes := Counter(other_rows[title] for title in titles if title in other_rows)):
            row, method = min(votes, key=lambda number: (-votes[number], number)), "title"
            match.titles_disagree += len(votes) > 1
        if row is not None:
            match.found_by[method] += 1
        found.append(-1 if row is None else row)
    match.rows = np.array(found, np.int64)
    return match


def own_fingerprints(folder: Path) -> dict[str, str] | None:
    """The fingerprints of the tokenizer and the entities of a model of transformers.

    For a model that `mlukit export` wrote, they are those of the examples, because the first name of an entity is its
    QID. None if a file is missing, or a row has no name: `mlukit import` then says what is wrong, if anything is.
    """
    vocabulary, tokenizer = folder / ENTITY_VOCABULARY_FILE, folder / Path(TOKENIZER).name
    if not (vocabulary.is_file() and tokenizer.is_file()):
        return None
    names: dict[int, str] = {}
    for name, row in read_json_object(vocabulary).items():
        if isinstance(row, int):
            names.setdefault(row, name)
    if set(names) != set(range(len(names))):
        return None
    digest = hashlib.sha256("".join(f"{names[row]}\n" for row in range(len(names))).encode())
    return {"tokenizer": hashlib.sha256(tokenizer.read_bytes()).hexdigest(), "entities": digest.hexdigest()}


def _entities(vocabulary: Path) -> Iterator[tuple[str, Sequence[str], int]]:
    """Yields name, `lang:title` of each title, and id of each entity, in the order of the ids.

    Raises:
        CheckpointError: the file cannot be read as an entity vocabulary.
    """
    try:
        with pq.ParquetFile(vocabulary) as file:
            for batch in file.iter_batches(ROW_GROUP_ROWS, columns=["entity_id", "name", "titles"], use_threads=False):
                yield from _batch_entities(batch)
    except (pa.ArrowException, KeyError, OSError) as error:
        text = " ".join(str(error).split())  # Arrow's has line ends
        raise CheckpointError(f"{vocabulary} is not an entity vocabulary of mlukit build: {text}") from error


def _batch_entities(batch: pa.RecordBatch) -> Iterator[tuple[str, Sequence[str], int]]:
    columns = (batch[name].to_pylist() for name in ("entity_id", "name", "titles"))
    for entity_id, name, titles in zip(*columns, strict=True):
        yield name, [f"{title['language']}:{title['title']}" for title in titles], entity_id
