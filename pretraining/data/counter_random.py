"""Random numbers by counter: the i-th number of a key is computed by itself, on any rank, in any order.

SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014): the i-th output is a
mix of key + (i + 1)·γ, so arrays of counters give arrays of numbers. NumPy's own streams may change with its version
(NEP 19), and a run that is resumed after weeks would not see the same data; these cannot.
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
    """The key of a stream of numbers: SHA-256 of the seed and of what the numbers are for."""
    digest = hashlib.sha256("/".join(map(str, (seed, *purpose))).encode()).digest()
    return np.uint64(int.from_bytes(digest[:8], "big"))


def random_bits(key: np.uint64 | Bits, counters: Integers) -> Bits:
    """64 random bits for each counter.

    Args:
        key: one for all, or an array of one for each counter.
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
    """Integers from 0 to limit - 1, of the upper 32 bits (Lemire, arXiv:1805.10941); uneven by limit / 2³² at most."""
    return ((bits >> np.uint64(32)) * np.uint64(limit) >> np.uint64(32)).astype(np.int64)


def unit_interval(bits: Bits) -> npt.NDArray[np.float64]:
    """Numbers from 0 to below 1."""
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def permutation(key: np.uint64, size: int) -> Integers:
    """A random order of range(size)."""
    return np.argsort(random_bits(key, np.arange(size)), kind="stable")
