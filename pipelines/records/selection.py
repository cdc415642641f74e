"""Selects the rows of one folder with a page id, a title or an item, by reading only the columns for it first."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlukit.engine.storage import Storage, open_file
from mlukit.schemas import layout
from mlukit.schemas.formats import PARQUET, Format
from mlukit.schemas.layout import ARTICLES, EXAMPLES, MENTIONS, VOCABULARY, VOCABULARY_PARQUET
from mlukit.schemas.manifest import MANIFEST


class SelectionError(ValueError):
    """Records of this type cannot be selected in this way."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The records that a user requests; None for a property that does not matter."""

    page_id: int | None = None
    title: str | None = None
    qid: str | None = None

    def __str__(self) -> str:
        parts = {
            "page id": self.page_id,
            "title": None if self.title is None else repr(self.title),
            "item": self.qid,
        }
        return " and ".join(f"the {name} {value}" for name, value in parts.items() if value is not None)

    @property
    def titles(self) -> list[str]:
        """The possible forms of the title in the output: with spaces, with or without a capital first letter."""
        title = (self.title or "").replace("_", " ").strip()
        return list(dict.fromkeys([title, title[:1].upper() + title[1:]]))


ANYTHING = Wanted()


@dataclass(frozen=True, slots=True)
class Selection:
    """The rows of a folder for which every test is true."""

    tests: tuple[tuple[str, Callable[[Any], npt.NDArray[np.bool]]], ...] = ()  # (column, values -> mask)

    def read(self, stream: BinaryIO, shard_format: Format, schema: pa.Schema | None) -> Iterator[pa.RecordBatch]:
        """Yields the selected rows of a file in order. If the file has row groups, reads all columns only of some.

        Row groups are read in this thread: a thread of Arrow that outlives the command, as in
        `mlukit inspect … | head`, would abort the process.
        """
        if shard_format.group_reader is None:
            for batch in shard_format.read(stream, schema, None):
                yield batch.filter(self._mask(batch))
            return
        columns = list(dict.fromkeys(column for column, _ in self.tests))
        for number in range(len(shard_format.row_groups(stream))):
            if not self.tests:
                yield from shard_format.group_reader(stream, number, None).to_batches()
                continue
            mask = self._mask(shard_format.group_reader(stream, number, columns))
            if pc.any(mask).as_py():
                yield from shard_format.group_reader(stream, number, None).filter(mask).to_batches()

    def _mask(self, rows: pa.RecordBatch | pa.Table) -> pa.BooleanArray:
        mask = np.ones(rows.num_rows, bool)
        for column, test in self.tests:
            mask &= test(_whole(rows[column]))
        return pa.array(mask)


def _whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def selection(wanted: Wanted, root: Storage, kind: str, language: str | None) -> Selection:
    """Makes the selection of the wanted rows in a folder.

    Args:
        wanted: the request of the user.
        root: the output folder.
        kind: the type of the folder, such as "articles".
        language: the language of the folder; None if the folder has all languages.

    Raises:
        SelectionError: records of the type have no title, item or page id.
    """
    tests: list[tuple[str, Callable[[Any], npt.NDArray[np.bool]]]] = []
    if wanted.page_id is not None:
        _check(kind, "--page-id", (ARTICLES, EXAMPLES, layout.FAILURES))
        tests.append(("page_id", _among([wanted.page_id])))
    if wanted.title is not None:
        _check(kind, "--title", (ARTICLES, EXAMPLES, VOCABULARY, layout.FAILURES))
        tests.append(_title_test(wanted.titles, root, kind, language))
    if wanted.qid is not None:
        _check(kind, "--qid", (ARTICLES, EXAMPLES, VOCABULARY, MENTIONS))
        tests.append(_item_test(wanted.qid, root, kind))
    return Selection(tuple(tests))


def _check(kind: str, flag: str, accepted: Sequence[str]) -> None:
    if kind not in accepted:
        raise SelectionError(f"{flag} is not for {kind}; accepted: a folder of {', '.join(accepted)}")


def _title_test(titles: list[str], root: Storage, kind: str, language: str | None) -> tuple[str, Any]:
    if kind == VOCABULARY:
        return "titles", lambda lists: _in_lists(lists, lambda pairs: _among(titles)(pairs.field("title")))
    if kind == EXAMPLES:
        return "page_id", _among(_pages_with(titles, root, str(language)))
    return "title", _among(titles)


def _pages_with(titles: list[str], root: Storage, language: str) -> list[int]:
    """The page ids of the articles in a language that have one of the titles."""
    folder, found = layout.folder(ARTICLES, language), Selection((("title", _among(titles)),))
    pages = []
    for shard in root.read_json(f"{folder}/{MANIFEST}")["shards"]:
        if shard["path"].endswith(".parquet"):
            with root.open(shard["path"]) as stream:
                pages += [page for rows in found.read(stream, PARQUET, None) for page in rows["page_id"].to_pylist()]
    return pages


def _item_test(name: str, root: Storage, kind: str) -> tuple[str, Any]:
    if kind != EXAMPLES:
        return "qid", _among([name])
    with open_file(root.path(VOCABULARY_PARQUET)) as stream:
        names = pq.ParquetFile(stream).read(["name"], use_threads=False)["name"]
    entity_id = pc.index(names, name).as_py()
    return "entity_ids", lambda lists: _in_lists(lists, _among([entity_id]))


def _among(values: Sequence[Any]) -> Callable[[Any], npt.NDArray[np.bool]]:
    """Returns a test that is true for each value of a column that is in `values`."""

    def test(column: pa.Array) -> npt.NDArray[np.bool]:
        found = pc.is_in(column, pa.array(values, column.type))
        mask: npt.NDArray[np.bool] = found.to_numpy(zero_copy_only=False).astype(bool)
        return mask

    return test


def _in_lists(lists: pa.ListArray, test: Callable[[Any], npt.NDArray[np.bool]]) -> npt.NDArray[np.bool]:
    """Whether each list has a value for which the test is true."""
    mask = np.zeros(len(lists), bool)
    mask[pc.list_parent_indices(lists).to_numpy()[test(lists.flatten())]] = True
    return mask
