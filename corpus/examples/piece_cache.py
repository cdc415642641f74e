"""Looks up the piece ids of words by columns, with a cache, so that each word is encoded once."""

from collections.abc import Callable, Sequence
from itertools import chain
from threading import Lock
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Integers: TypeAlias = npt.NDArray[np.int32]

REMEMBERED = 200_000  # words; some 40 MB


class Pieces(NamedTuple):
    """Ids of words: word i has `ids[first[i] : first[i] + number[i]]`."""

    ids: Integers
    first: Integers
    number: Integers


class PieceCache:
    """A cache of the ids of words; it is emptied when it has too many words. Threads may share it."""

    def __init__(self, encode: Callable[[list[str]], list[list[int]]]) -> None:
        """Starts without words.

        Args:
            encode: returns the ids of each of the given words.
        """
        self._encode = encode
        self._lock = Lock()  # with some runners, several threads of a process share a tokenizer
        self._forget()

    def _forget(self) -> None:
        self._rows: dict[str, int] = {}
        self._pieces = Pieces(*(np.empty(0, np.int32) for _ in Pieces._fields))

    def look_up(self, words: Sequence[str]) -> Pieces:
        """The ids of distinct words."""
        with self._lock:
            return self._look_up(words)

    def _look_up(self, words: Sequence[str]) -> Pieces:
        if len(self._rows) > REMEMBERED:
            self._forget()
        if new := [word for word in words if word not in self._rows]:
            self._add(new)
        rows = np.fromiter(map(self._rows.__getitem__, words), np.int64, len(words))
        ids, first, number = self._pieces
        return Pieces(ids, first[rows], number[rows])

    def _add(self, words: list[str]) -> None:
        encoded = self._encode(words)
        ids, first, number = self._pieces
        added = np.fromiter(map(len, encoded), np.int32, len(encoded))
        begins = len(ids) + np.cumsum(added, dtype=np.int32) - added
        new_ids = np.fromiter(chain.from_iterable(encoded), np.int32, int(added.sum()))
        self._rows.update(zip(words, range(len(first), len(first) + len(words)), strict=True))
        self._pieces = Pieces(*map(np.concatenate, ((ids, new_ids), (first, begins), (number, added))))
