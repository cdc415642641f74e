"""The most related entities of each entity, in one file for all languages of a build (`detection.array_file`).

keys        uint32  `key_of` each entity that has neighbours, ascending
offsets     uint64  n + 1 values: the neighbours of entity i are at offsets[i] to offsets[i + 1]
neighbours  uint32  the QIDs of the related entities
strengths   uint8   how related each neighbour is, from 1 to STRENGTHS
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from mlukit.corpus.detection.array_file import ArrayFile

KIND, VERSION = "related entities", 1
ARRAYS = {"keys": "<u4", "offsets": "<u8", "neighbours": "<u4", "strengths": "|u1"}
STRENGTHS = 255  # a strength of 1 is written as this
_PAIRS_AT_ONCE = 1 << 16


def key_of(qids: npt.NDArray[np.integer]) -> npt.NDArray[np.uint32]:
    """The place of entities in the order of the file: a product with an odd number, so each QID has its own key."""
    return qids.astype(np.uint32) * np.uint32(0x9E3779B1)


@dataclass(frozen=True, slots=True, eq=False)
class RelatedEntities:
    """The related entities of all languages of a build, mapped into memory."""

    keys: npt.NDArray[np.uint32]
    offsets: npt.NDArray[np.uint64]
    neighbours: npt.NDArray[np.uint32]
    codes: npt.NDArray[np.uint8]

    @classmethod
    def open(cls, path: Path) -> Self:
        """Maps the file.

        Raises:
            ArrayFileError: the file is missing, damaged, or of another kind or version.
        """
        arrays = ArrayFile.open(path, KIND, VERSION, ARRAYS).arrays
        return cls(*(arrays[name] for name in ARRAYS))

    def strengths(self, first: npt.NDArray[np.uint32], second: npt.NDArray[np.uint32]) -> npt.NDArray[np.float32]:
        """How related the entities of each pair are, from 0 to 1; 1 for an entity and itself.

        A pair counts as related if one of the two is among the neighbours of the other.
        """
        found = np.zeros(len(first), np.float32)
        for start in range(0, len(first), _PAIRS_AT_ONCE):
            part = slice(start, start + _PAIRS_AT_ONCE)
            codes = np.maximum(self._codes(first[part], second[part]), self._codes(second[part], first[part]))
            found[part] = np.where(first[part] == second[part], 1, codes.astype(np.float32) / STRENGTHS)
        return found

    def _codes(self, entities: npt.NDArray[np.uint32], others: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint8]:
        """The strength of `others` among the neighbours of `entities`; 0 for no neighbour."""
        codes = np.zeros(len(entities), np.uint8)
        keys = key_of(entities)
        rows = np.searchsorted(self.keys, keys)
        known = np.flatnonzero(rows < len(self.keys))
        known = known[self.keys[rows[known]] == keys[known]]
        starts = self.offsets[rows[known]].astype(np.int64)
        lengths = self.offsets[rows[known] + 1].astype(np.int64) - starts
        pair = np.repeat(np.arange(len(known)), lengths)
        places = np.arange(len(pair)) - np.repeat(np.cumsum(lengths) - lengths - starts, lengths)
        same = np.flatnonzero(self.neighbours[places] == others[known][pair])
        codes[known[pair[same]]] = self.codes[places[same]]
        return codes
