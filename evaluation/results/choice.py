"""Which of the results of a variant count: the learning rate, and the model, that are best on English dev."""

from collections.abc import Sequence

from mlukit.evaluation.results.run_folder import Result
from mlukit.evaluation.tasks.task import DEV


def chosen_results(results: Sequence[Result], metric: str) -> list[Result]:
    """The results of the learning rate whose mean on dev over the seeds is highest; the lowest of several such rates.

    Args:
        results: of one variant.
        metric: the name of the metric.
    """
    rates = sorted({one.learning_rate for one in results if one.learning_rate is not None})
    if not rates:
        return list(results)
    by_rate = {rate: [one for one in results if one.learning_rate == rate] for rate in rates}
    means = {rate: sum(one.scores[DEV][metric] for one in found) / len(found) for rate, found in by_rate.items()}
    return by_rate[max(rates, key=lambda rate: (means[rate], -rate))]


def best_of_variant(results: Sequence[Result], metric: str) -> Result:
    """The model that is best on dev, of any learning rate; the first of several such models."""
    return max(results, key=lambda one: one.scores[DEV][metric])
