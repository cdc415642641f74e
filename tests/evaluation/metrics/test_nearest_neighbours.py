"""Nearest neighbours against scikit-learn, and ties."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from mlukit.evaluation.metrics import nearest_neighbours
from mlukit.evaluation.metrics.nearest_neighbours import Floats, mean_of_nearest, nearest, unit_vectors


def vectors(number: int, seed: int) -> Floats:
    return np.random.default_rng(seed).normal(size=(number, 16)).astype(np.float32)


@pytest.mark.parametrize("chunk", [7, 1_000])
def test_the_same_as_scikit_learn(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest_neighbours, "_CHUNK", chunk)
    queries, keys = vectors(50, 1), vectors(80, 2)
    indices, values = nearest(unit_vectors(queries), unit_vectors(keys), 5)
    distances, theirs = NearestNeighbors(n_neighbors=5, metric="cosine").fit(keys).kneighbors(queries)
    assert indices.tolist() == theirs.tolist()
    np.testing.assert_allclose(values, 1 - distances, atol=1e-6)
    np.testing.assert_allclose(mean_of_nearest(unit_vectors(queries), unit_vectors(keys), 5), values.mean(1), rtol=1e-6)


@pytest.mark.parametrize("chunk", [7, 1_000])
def test_without_self_is_as_scikit_learn_has_it(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest_neighbours, "_CHUNK", chunk)
    points = vectors(60, 3)
    unit = unit_vectors(points)
    theirs = NearestNeighbors(n_neighbors=3, metric="cosine").fit(points).kneighbors(return_distance=False)
    assert nearest(unit, unit, 3, without_self=True)[0].tolist() == theirs.tolist()


def test_equal_values_come_in_the_order_of_keys() -> None:
    keys = unit_vectors(np.array([[0, 1], [1, 0], [2, 0], [3, 0]], np.float32))
    assert nearest(keys[1:2], keys, 3)[0].tolist() == [[1, 2, 3]]


def test_fewer_keys_than_asked_for() -> None:
    unit = unit_vectors(vectors(3, 4))
    assert nearest(unit, unit, 9)[0].shape == (3, 3)
    assert nearest(unit, unit, 9, without_self=True)[0].shape == (3, 2)


def test_a_zero_vector_has_cosine_zero() -> None:
    unit = unit_vectors(np.array([[0, 0], [3, 4]], np.float32))
    np.testing.assert_allclose(unit, [[0, 0], [0.6, 0.8]])
    assert nearest(unit, unit, 2)[1].tolist()[0] == [0, 0]
