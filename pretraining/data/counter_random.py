"""Random numbers by counter: the i-th number of a key can be computed alone, on any rank, in any order.

SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014): the i-th output is a
mix of key + (i + 1)·γ, so arrays of counters give arrays of numbers. NumPy's own streams may change with its version
(NEP 19), and a run resumed after weeks would then see other data. The numbers of this module never change.
"""

import hashlib
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Bits: TypeAlias = npt.NDArray[np.uint64]
Integers: TypeAlias = npt.NDArray[np.int64]

_GAMMA = 0x9E3779B97F4A7C15


@lru_cache(maxsize=4096)
def random_key(seed: int, *purpose: str | int) -> np.uint64:
    """Returns the key of a stream of numbers: SHA-256 of the seed and of the purpose of the numbers."""
    digest = hashlib.sha256("/".join(map(str, (seed, *purpose))).encode()).digest()
    return np.uint64(int.from_bytes(digest[:8], "big"))


def random_bits(key: np.uint64 | Bits, counters: Integers) -> Bits:
    """Returns 64 random bits for each counter.

    Args:
        key: one key for all counters, or an array with a key for each counter.
        counters: at least 0.
    """
    bits = counters.astype(np.uint64)
    bits += np.uint64(1)
    bits *= np.uint64(_GAMMA)
    bits += key
    bits ^= bits >> np.uint64(30)
    bits *= np.uint64(0xBF58476D1CE4E5B9)
    bits ^= bits >> np.uint64(27)
    bits *= np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    return bits


def below(bits: Bits, limit: int) -> Integers:
    """Returns integers below a limit, from the upper 32 bits (Lemire, arXiv:1805.10941); bias at most limit / 2³²."""
    return ((bits >> np.uint64(32)) * np.uint64(limit) >> np.uint64(32)).astype(np.int64)


def unit_interval(bits: Bits) -> npt.NDArray[np.float64]:
    """Returns numbers from 0 to below 1."""
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def permutation(key: np.uint64, size: int) -> Integers:
    """Returns a random order of range(size)."""
    return np.argsort(random_bits(key, np.arange(size)), kind="stable")
