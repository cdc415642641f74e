"""The ids of entities by name: of a vocabulary that mlukit built, or of an entity_vocab.json of transformers."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from mlukit.corpus.entities.vocabulary import ROW_GROUP_ROWS, SPECIAL_ENTITIES, EntityVocabulary
from mlukit.pretraining.data.dataset import ExamplesError, open_vocabulary

_QID = re.compile(r"Q[0-9]{1,17}", re.ASCII)


class EntityIds(Protocol):
    """Finds entities by name."""

    def find(self, names: Sequence[str]) -> list[int | None]:
        """The id of each name; None for a name that the vocabulary does not have.

        Args:
            names: QIDs ("Q64"), titles with their language ("de:Berlin"), or special entities ("[MASK]").
        """

    def labels(self, ids: Collection[int], language: str) -> dict[int, tuple[str, str]]:
        """Name and label of some entities, by id.

        Args:
            ids: of the vocabulary.
            language: of the labels; an entity without a label in this language has another of its labels.
        """


@dataclass(frozen=True, slots=True)
class NamedIds:
    """The names of an entity_vocab.json, as mLUKE and `mlukit export` have it."""

    ids: Mapping[str, int]

    def find(self, names: Sequence[str]) -> list[int | None]:
        """See `EntityIds`."""
        return [self.ids.get(name) for name in names]

    def labels(self, ids: Collection[int], language: str) -> dict[int, tuple[str, str]]:
        """See `EntityIds`. The name is the QID or the first title; a label is a title."""
        wanted, names = set(ids), dict[int, list[str]]()
        for name, number in self.ids.items():
            if number in wanted:
                names.setdefault(number, []).append(name)
        return {number: (found[0], _title(found, language)) for number, found in names.items()}


class VocabularyIds:
    """The entities of a vocabulary.parquet; names that were looked up once are remembered."""

    def __init__(self, file: Path) -> None:
        """Opens the vocabulary.

        Raises:
            ExamplesError: the file is not an entity vocabulary.
        """
        self._file = file
        self._items: EntityVocabulary = open_vocabulary(file)
        self._known: dict[str, int | None] = {name: number for number, name in enumerate(SPECIAL_ENTITIES)}

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the vocabulary."""
        return self._items.fingerprint

    def find(self, names: Sequence[str]) -> list[int | None]:
        """See `EntityIds`."""
        new = {name for name in names if name not in self._known}
        qids = {name for name in new if _QID.fullmatch(name)}
        self._find_items(sorted(qids))
        if titles := new - qids:
            self._find_titles(titles)
        return [self._known[name] for name in names]

    def labels(self, ids: Collection[int], language: str) -> dict[int, tuple[str, str]]:
        """See `EntityIds`. The name is the QID.

        Raises:
            ExamplesError: the vocabulary is damaged.
        """
        wanted = ds.field("entity_id").isin(sorted(ids))
        try:
            rows = ds.dataset(self._file).to_table(columns=["entity_id", "name", "labels"], filter=wanted)
        except (pa.ArrowException, OSError) as error:
            raise ExamplesError(f"{self._file}: the labels of entities cannot be read: {error}") from error
        return {row["entity_id"]: (row["name"], _label(row, language)) for row in rows.to_pylist()}

    def _find_items(self, names: Sequence[str]) -> None:
        found = self._items.ids_of([int(name[1:]) for name in names]).tolist()
        self._known |= {name: None if one < 0 else one for name, one in zip(names, found, strict=True)}

    def _find_titles(self, names: Iterable[str]) -> None:
        """Reads the titles of the vocabulary once, in memory that does not grow with the vocabulary."""
        wanted = {name.partition(":")[::2]: name for name in names}
        self._known |= dict.fromkeys(wanted.values())
        titles = pa.array(sorted({title for _, title in wanted}), pa.string())
        with pq.ParquetFile(self._file) as file:
            for batch in file.iter_batches(ROW_GROUP_ROWS, columns=["entity_id", "titles"], use_threads=False):
                rows, flat = pc.list_parent_indices(batch["titles"]), batch["titles"].flatten()
                for hit in pc.indices_nonzero(pc.is_in(flat.field("title"), value_set=titles)).to_pylist():
                    one = flat[hit].as_py()
                    if name := wanted.get((one["language"], one["title"])):
                        self._known[name] = batch["entity_id"][rows[hit].as_py()].as_py()


def _title(names: Sequence[str], language: str) -> str:
    """The title in a language, else the first title, else the name itself."""
    titles = [name.partition(":")[::2] for name in names if ":" in name]
    return dict(reversed(titles)).get(language) or next((title for _, title in titles), names[0])


def _label(row: Mapping[str, Any], language: str) -> str:
    labels: dict[str, str] = {label["language"]: label["label"] for label in row["labels"]}
    return labels.get(language) or next(iter(labels.values()), str(row["name"]))
