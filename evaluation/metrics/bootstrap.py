"""The paired bootstrap over examples [Efron and Tibshirani, 1993; Koehn, 2004 for pairs of systems]."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.float64]  # examples x counts
RESAMPLES, SEED = 1_000, 0
_INTERVAL = (2.5, 97.5)  # percentiles


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How much better the second system is than the first, by their means over seeds.

    Attributes:
        difference: on all examples.
        low: the 2.5th percentile of the difference over the resamples.
        high: the 97.5th percentile.
        p: the share of resamples in which the second is not better, with one added to both numbers.
    """

    difference: float
    low: float
    high: float
    p: float


def paired_bootstrap(
    first: Sequence[Counts],
    second: Sequence[Counts],
    value: Callable[[Counts], float],
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Bootstrap:
    """Compares two systems on the same examples, drawn with replacement, the same draws for both and for all seeds.

    Args:
        first: for each seed, what every example adds to the metric.
        second: the same, of the other system.
        value: the metric of summed counts.
        resamples: how often examples are drawn.
        seed: of the draws.
    """
    examples = len(first[0])
    draws = np.random.default_rng(seed).multinomial(examples, np.full(examples, 1 / examples), size=resamples)
    differences = _means(second, draws, value) - _means(first, draws, value)
    everything = np.ones((1, examples))
    difference = float((_means(second, everything, value) - _means(first, everything, value))[0])
    low, high = np.percentile(differences, _INTERVAL)
    p = (1 + int((differences <= 0).sum())) / (1 + resamples)
    return Bootstrap(difference, float(low), float(high), p)


def _means(
    systems: Sequence[Counts], draws: npt.NDArray[np.number], value: Callable[[Counts], float]
) -> npt.NDArray[np.float64]:
    """The mean over the seeds of the metric, for each draw."""
    values = np.array([[value(totals) for totals in draws @ counts] for counts in systems], np.float64)
    means: npt.NDArray[np.float64] = values.mean(axis=0)
    return means
