"""The paired bootstrap beside a plain loop, and on cases whose answer is known."""

import numpy as np
import pytest

from mlukit.evaluation.metrics.bootstrap import Counts, paired_bootstrap


def accuracy(totals: Counts) -> float:
    return float(totals[0] / totals[1])


def counts(right: list[int]) -> Counts:
    return np.array([[one, 1.0] for one in right])


def test_equal_systems_do_not_differ() -> None:
    found = paired_bootstrap([counts([1, 0, 1])], [counts([1, 0, 1])], accuracy)
    assert (found.difference, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_a_system_that_is_always_better() -> None:
    found = paired_bootstrap([counts([0] * 10)], [counts([1] * 10)], accuracy, resamples=99)
    assert (found.difference, found.low, found.high, found.p) == (1, 1, 1, 0.01)


def test_seeds_are_averaged_and_examples_are_drawn_together() -> None:
    chance = np.random.default_rng(1)
    first, second = ([counts(list(chance.integers(0, 2, 30))) for _ in range(2)] for _ in range(2))
    found = paired_bootstrap(first, second, accuracy, resamples=200, seed=3)
    draws = np.random.default_rng(3).multinomial(30, np.full(30, 1 / 30), size=200)
    means = [
        [np.mean([accuracy((one * draw[:, None]).sum(0)) for one in system]) for draw in draws]
        for system in (first, second)
    ]
    differences = np.subtract(means[1], means[0])
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(differences, [2.5, 97.5])))
    assert found.p == (1 + (differences <= 0).sum()) / 201
