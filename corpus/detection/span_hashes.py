"""Hashes of all spans of a text, each from two sums: a polynomial of the code points, modulo 2**64.

The hash of the code points c0 c1 … is mix(c0) + mix(c1)·B + mix(c2)·B² + …, so the hash of a span is the difference of
two sums from the start of the text, divided by a power of B. Every odd B has an inverse modulo 2**64. `mix` is the
finalizer of splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
"""

from collections.abc import Sequence
from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from mlukit.corpus.detection.word_borders import CodePoints, Offsets, code_points_of

Hashes: TypeAlias = npt.NDArray[np.uint64]

MAX_POINTS = 1 << 18  # code points in one `SpanHashes`; its arrays fit the cache of a core
_BASE = 0x9E3779B97F4A7C15  # odd; the golden ratio times 2**64, as in splitmix64


class SpanHashes:
    """The hashes of the spans between some places of a text."""

    def __init__(self, code_points: CodePoints, places: Offsets) -> None:
        """Adds up the text.

        Args:
            code_points: a text, of at most MAX_POINTS code points.
            places: places in the text, in ascending order.
        """
        powers, inverses = _powers()
        sums = np.zeros(len(code_points) + 1, np.uint64)
        np.cumsum(_mixed(code_points) * powers[: len(code_points)], out=sums[1:])
        self._sums, self._inverses = sums[places], inverses[places]

    def between(self, starts: Offsets, ends: Offsets) -> Hashes:
        """The hash of each span; starts and ends are numbers of places."""
        hashes: Hashes = (self._sums[ends] - self._sums[starts]) * self._inverses[starts]
        return hashes


def _mixed(code_points: CodePoints) -> Hashes:
    """splitmix64 of each code point."""
    mixed = (code_points.astype(np.uint64) + np.uint64(1)) * np.uint64(_BASE)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


@cache
def _powers() -> tuple[Hashes, Hashes]:
    """The powers of B and of its inverse, from the power 0."""
    bases = np.array([_BASE, pow(_BASE, -1, 1 << 64)], np.uint64)
    powers = np.repeat(bases[:, None], MAX_POINTS + 1, axis=1)
    powers[:, 0] = 1
    forward, backward = np.cumprod(powers, axis=1, dtype=np.uint64)
    return forward, backward


def hash_texts(texts: Sequence[str]) -> Hashes:
    """The hash of each whole text, the same as of a span with this text."""
    if not texts:
        return np.empty(0, np.uint64)
    powers, _ = _powers()
    points = code_points_of("".join(texts))
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    firsts = np.cumsum(lengths) - lengths
    places = (np.arange(len(points)) - np.repeat(firsts, lengths)) % MAX_POINTS
    sums = np.append(np.zeros(1, np.uint64), np.cumsum(_mixed(points) * powers[places]))
    hashes: Hashes = sums[firsts + lengths] - sums[firsts]
    return hashes
