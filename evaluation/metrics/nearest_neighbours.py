"""Nearest neighbours by cosine, in chunks, so that the memory does not grow with the square of the vectors."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int32]
_CHUNK = 1_024  # queries at once


def unit_vectors(vectors: Floats) -> Floats:
    """Scales each vector to length 1; a zero vector stays zero, and its cosine with every vector is 0."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Floats = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return unit


def nearest(
    queries: Floats, keys: Floats, number: int, *, without_self: bool = False, penalty: Floats | None = None
) -> tuple[Integers, Floats]:
    """Finds the nearest keys of each query.

    Args:
        queries: unit vectors.
        keys: unit vectors.
        number: of keys for each query; at most as many as there are keys to choose from.
        without_self: whether query i must not find key i, since both are the same vector.
        penalty: of each key, which is subtracted from its cosines.

    Returns:
        For each query, the indices of the nearest keys and their values (cosine less penalty), the best first. If two
        values are equal, the key with the smaller index comes first.
    """
    number = min(number, len(keys) - without_self)
    indices = np.empty((len(queries), number), np.int32)
    values = np.empty((len(queries), number), np.float32)
    for start, cosines in _cosines(queries, keys):
        rows = np.arange(len(cosines))
        if without_self:
            cosines[rows, start + rows] = -np.inf
        if penalty is not None:
            cosines -= penalty
        for place in range(number):
            best = cosines.argmax(axis=1)  # the first of equal values
            indices[start + rows, place], values[start + rows, place] = best, cosines[rows, best]
            cosines[rows, best] = -np.inf
    return indices, values


def mean_of_nearest(queries: Floats, keys: Floats, number: int) -> Floats:
    """Returns the mean cosine of each query with its nearest keys."""
    _, values = nearest(queries, keys, number)
    means: Floats = values.mean(axis=1, dtype=np.float32)
    return means


def _cosines(queries: Floats, keys: Floats) -> Iterator[tuple[int, Floats]]:
    for start in range(0, len(queries), _CHUNK):
        yield start, queries[start : start + _CHUNK] @ keys.T
