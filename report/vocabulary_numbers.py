"""What the vocabulary says: counts by rank, entities that languages share, the most linked entities, labels.

The vocabulary is read once, a row group at a time. A vocabulary of up to MOST_GROUPS row groups, some two million
entities, is read whole. Of a larger one a sample is read, which has the rows of the plot.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlukit.engine.errors import RunError
from mlukit.engine.storage import Storage
from mlukit.schemas.formats import READ_ERRORS
from mlukit.schemas.layout import VOCABULARY_PARQUET

MOST_GROUPS = 2000
MOST_LINKED = 30  # entities in the table
LANGUAGES_SHOWN = 30  # of the table of shared entities
SPECIAL = 4  # rows of special entities, before the first item
HEAD = 100  # the most linked entities, which are compared with all others
_RANKS_PER_DECADE = 8


@dataclass(slots=True)
class VocabularyNumbers:
    """The numbers of the vocabulary, and names and labels of the wanted entities."""

    entities: int  # without special entities
    languages: Sequence[str]  # of `shared`
    read: int = 0
    links: int = 0  # of the entities that were read
    head_links: int = 0  # of the HEAD most linked entities
    linked_more_than_once: int = 0  # the last rank with more than one link
    ranks: list[tuple[int, int, str]] = field(default_factory=list)  # (rank, links, name)
    most_linked: list[dict[str, Any]] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)  # of wanted entities, by id
    labels: dict[str, dict[str, str]] = field(default_factory=dict)  # of wanted entities, by name
    shared: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 0), np.int64))

    def to_json(self) -> dict[str, Any]:
        """The numbers in report.json."""
        return {
            "entities": self.entities,
            "entities_read": self.read,
            "links": self.links,
            "links_to_the_most_linked_100": self.head_links,
            "entities_with_one_link": self.entities - self.linked_more_than_once,
            "links_by_rank": [
                {"rank": r, "links": n, "name": name, "label": self._label(name)} for r, n, name in self.ranks
            ],
            "most_linked": [{**row, "label": self._label(row["name"])} for row in self.most_linked],
            "languages_shown": list(self.languages),
            "shared": self.shared.tolist(),
        }

    def _label(self, name: str) -> dict[str, str]:
        """A label, in English or in any other language that has one."""
        texts = self.labels.get(name, {})
        language = "en" if "en" in texts else next(iter(texts), "")
        return {"language": language, "text": texts.get(language, "")}


def read_vocabulary(
    storage: Storage, languages: Sequence[str], ids: Collection[int], qids: Collection[str], *, complete: bool
) -> VocabularyNumbers:
    """Reads the vocabulary.

    Args:
        storage: the output folder.
        languages: the languages of the table of shared entities.
        ids: entities for which names and labels are wanted.
        qids: items for which labels are wanted.
        complete: whether to read all row groups of a large vocabulary.

    Raises:
        RunError: the vocabulary is missing or damaged.
    """
    try:
        with storage.open(VOCABULARY_PARQUET) as stream, pq.ParquetFile(stream) as file:
            return _read(file, languages, ids, qids, complete)
    except READ_ERRORS as error:
        root = storage.root
        raise RunError(f"{root}/{VOCABULARY_PARQUET} cannot be read: {error}: see mlukit verify {root}") from error


def _read(
    file: pq.ParquetFile, languages: Sequence[str], ids: Collection[int], qids: Collection[str], complete: bool
) -> VocabularyNumbers:
    lengths = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
    starts = [0, *accumulate(lengths)]
    numbers = VocabularyNumbers(max(starts[-1] - SPECIAL, 0), languages)
    numbers.shared = np.zeros((len(languages), len(languages)), np.int64)
    ranked = {rank + SPECIAL - 1 for rank in _ranks(numbers.entities)}
    wanted_names, wanted_ids = pa.array(sorted(qids), pa.string()), {*ids, *ranked, *range(SPECIAL + MOST_LINKED)}
    for group in _groups(starts, {*ids, *ranked}, complete):
        columns = ["name", "count", "counts.list.element.language"]
        table = file.read_row_group(group, columns=columns, use_threads=False)
        first = starts[group]
        _count(table, first, numbers)
        wanted = {row - first for row in wanted_ids if first <= row < starts[group + 1]}
        wanted.update(np.flatnonzero(pc.is_in(table["name"], wanted_names).to_numpy()).tolist())
        if wanted:
            _keep(file.read_row_group(group, use_threads=False).take(sorted(wanted)), ranked, numbers)
    return numbers


def _ranks(entities: int) -> list[int]:
    """Ranks at equal distances on a logarithmic axis, the first and the last among them."""
    steps = range(_RANKS_PER_DECADE * len(str(entities)))
    ranks = {round(10 ** (step / _RANKS_PER_DECADE)) for step in steps} | {entities}
    return sorted(rank for rank in ranks if 0 < rank <= entities)


def _groups(starts: Sequence[int], rows: Collection[int], complete: bool) -> Iterator[int]:
    """The row groups to read: all of them, or those with some rows and others at equal distances."""
    number = len(starts) - 1
    if complete or number <= MOST_GROUPS:
        yield from range(number)
        return
    with_rows = np.searchsorted(starts, sorted(rows), "right") - 1
    yield from sorted({0, *with_rows.tolist(), *np.linspace(0, number - 1, MOST_GROUPS).astype(int).tolist()})


def _count(table: pa.Table, first: int, numbers: VocabularyNumbers) -> None:
    counts = table["count"].to_numpy()[max(SPECIAL - first, 0) :]
    rank = max(first - SPECIAL, 0)  # the number of entities before `counts`
    numbers.read += len(counts)
    numbers.links += int(counts.sum())
    numbers.head_links += int(counts[: max(HEAD - rank, 0)].sum())
    if more := int((counts > 1).sum()):
        numbers.linked_more_than_once = rank + more
    lists = table["counts"].combine_chunks()
    column = pc.index_in(pc.struct_field(lists.flatten(), "language"), pa.array(numbers.languages, pa.string()))
    known = pc.is_valid(column).to_numpy(zero_copy_only=False)
    linked = np.zeros((len(lists), len(numbers.languages)), np.float32)
    linked[pc.list_parent_indices(lists).to_numpy()[known], column.drop_null().to_numpy()] = 1
    numbers.shared += np.rint(linked.T @ linked).astype(np.int64)


def _keep(rows: pa.Table, ranked: Collection[int], numbers: VocabularyNumbers) -> None:
    for row in rows.to_pylist():
        number, name = row["entity_id"], row["name"]
        numbers.names[number] = name
        numbers.labels[name] = {label["language"]: label["label"] for label in row["labels"]}
        if number in ranked:
            numbers.ranks.append((number - SPECIAL + 1, row["count"], name))
        if SPECIAL <= number < SPECIAL + MOST_LINKED:
            languages = len(row["counts"])
            numbers.most_linked.append({"name": name, "links": row["count"], "languages": languages})
