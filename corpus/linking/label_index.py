"""Looks up Wikidata's labels of one language by item, in arrays on disk that are mapped into memory.

There are three arrays: `label_qids` (uint32, ascending), `label_offsets` (int64, one element more than labels) and
`label_heap` (UTF-8). `build_label_index` writes them in parts, so memory does not grow with the number of labels.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlukit.corpus.linking.hash_partitions import PARTS, PartitionedRows
from mlukit.schemas.items import ITEM_LABELS

FILES = {"label_qids": "<u4", "label_offsets": "<i8", "label_heap": "|u1"}
_QIDS_A_PART = 1 << 21  # 128 parts reach to Q268 million; later items are in the last part


def build_label_index(directory: Path, batches: Iterable[pa.RecordBatch]) -> int:
    """Writes the labels of a language into a folder.

    Args:
        directory: the folder.
        batches: batches of `schemas.items.ITEM_LABELS`, in any order; if an item has several labels, the first in
            alphabetical order is kept.

    Returns:
        The number of labels.
    """
    written, end = 0, 0
    with (
        PartitionedRows(directory / "labels.tmp", ITEM_LABELS) as rows,
        (directory / "label_qids").open("wb") as qids,
        (directory / "label_offsets").open("wb") as offsets,
        (directory / "label_heap").open("wb") as heap,
    ):
        for batch in batches:
            rows.add(batch, np.minimum(batch["item"].to_numpy() // _QIDS_A_PART, PARTS - 1))
        offsets.write(np.zeros(1, "<i8").tobytes())
        for items, labels in _parts(rows):
            lengths = np.array([len(label) for label in labels], np.int64)
            qids.write(items.astype("<u4").tobytes())
            offsets.write((end + np.cumsum(lengths)).astype("<i8").tobytes())
            heap.write(b"".join(labels))
            written, end = written + len(items), end + int(lengths.sum())
    return written


def _parts(rows: PartitionedRows) -> Iterator[tuple[npt.NDArray[np.int64], list[bytes]]]:
    """The items of each part, ascending and without repetitions, and their labels."""
    for part in range(PARTS):
        table = rows.read(part).sort_by([("item", "ascending"), ("label", "ascending")])
        items = table["item"].to_numpy()
        first = np.diff(items, prepend=-1) != 0
        labels: list[bytes] = table.filter(pa.array(first))["label"].cast(pa.binary()).to_pylist()
        yield items[first], labels


@dataclass(frozen=True, slots=True, eq=False)
class LabelIndex:
    """The labels of a language, mapped into memory."""

    qids: npt.NDArray[np.uint32]
    offsets: npt.NDArray[np.int64]
    heap: npt.NDArray[np.uint8]

    @classmethod
    def open(cls, directory: Path) -> Self | None:
        """Maps the labels of a folder; None for a folder without labels."""
        if not (directory / "label_qids").exists():
            return None
        return cls(*(_map_file(directory / name, dtype) for name, dtype in FILES.items()))

    def labels_of(self, qids: Sequence[int]) -> list[str | None]:
        """The label of each item; None for an item without a label."""
        wanted = np.asarray(qids, np.int64)
        positions = np.searchsorted(self.qids, wanted)
        labels: list[str | None] = [None] * len(wanted)
        for i, row in enumerate(positions.tolist()):
            if row < len(self.qids) and self.qids[row] == wanted[i]:
                labels[i] = self.heap[self.offsets[row] : self.offsets[row + 1]].tobytes().decode()
        return labels


def _map_file(path: Path, dtype: str) -> npt.NDArray[Any]:
    """The array of a file; an empty file cannot be mapped."""
    return np.memmap(path, dtype, "r").view(np.ndarray) if path.stat().st_size else np.empty(0, dtype)
