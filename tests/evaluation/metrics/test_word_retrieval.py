"""Retrieval by cosine and by CSLS."""

import numpy as np

from mlukit.evaluation.metrics.nearest_neighbours import unit_vectors
from mlukit.evaluation.metrics.word_retrieval import nearest_by_cosine, nearest_by_csls


def test_equal_vectors_find_each_other() -> None:
    points = unit_vectors(np.random.default_rng(1).normal(size=(30, 8)).astype(np.float32))
    assert nearest_by_cosine(points, points).tolist() == nearest_by_csls(points, points).tolist() == list(range(30))


def test_csls_is_its_formula() -> None:
    random = np.random.default_rng(2)
    source, target = (unit_vectors(random.normal(size=(25, 6)).astype(np.float32)) for _ in range(2))
    cosines = (source @ target.T).astype(np.float64)
    of_source = np.sort(cosines, axis=1)[:, -10:].mean(axis=1)
    of_target = np.sort(cosines, axis=0)[-10:].mean(axis=0)
    csls = 2 * cosines - of_source[:, None] - of_target[None]
    assert nearest_by_csls(source, target).tolist() == csls.argmax(axis=1).tolist()


def test_csls_avoids_a_hub() -> None:
    angles = np.radians([0, 10, 20, 30])
    source = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    angles = np.radians([-16, 40, 44, 15])  # the last target is near to all sources
    target = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert nearest_by_cosine(source, target)[0] == 3
    assert nearest_by_csls(source, target, neighbours=2)[0] == 0
