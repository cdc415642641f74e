"""Contextual word retrieval [Cao, Kitaev and Klein 2020]: does an item find its translation in the other language?

The items are aligned spans of parallel texts. A test is a pair of languages: "en-de" looks for English items among the
German ones. No protocol of the mLUKE paper could be read; docs/evaluation-analysis.md says what was decided.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import ClassVar

import numpy as np

from mlukit.evaluation.errors import EvaluationError
from mlukit.evaluation.metrics.nearest_neighbours import Floats, Integers
from mlukit.evaluation.metrics.word_retrieval import nearest_by_cosine, nearest_by_csls
from mlukit.evaluation.tasks.parallel_task import LANGUAGES, ParallelData, ParallelTask, item_names, layer_numbers
from mlukit.evaluation.tasks.task import Flag, Line, Numbers, TaskData

_METHODS = {"cosine": nearest_by_cosine, "csls": nearest_by_csls}
_NAMES = {"cosine": "accuracy", "csls": "accuracy by CSLS"}


class Retrieval(ParallelTask):
    """See the docstring of this module."""

    name = "retrieval"
    measures = "Whether words in context find their translation, in every layer and in both directions of each pair."
    metric = "accuracy"
    flags: ClassVar[tuple[Flag, ...]] = (
        LANGUAGES,
        Flag("methods", "NAMES", "How the nearest is found: cosine, or cosine,csls for both ways.", "cosine"),
    )

    def read(self, folder: Path, options: Mapping[str, str]) -> ParallelData:
        """Reads parallel texts, and checks --methods first."""
        _methods(options)
        return super().read(folder, options)

    def test_names(self, languages: Sequence[str]) -> Sequence[str]:
        """Both directions of every pair."""
        return [f"{source}-{target}" for source, target in permutations(languages, 2)]

    def compare(self, data: ParallelData, layers: Iterable[Floats]) -> Iterator[tuple[str, Iterable[Line]]]:
        """A line for each item: by method, the number of the item that it found in each layer."""
        methods, languages = _methods(data.options), data.parallel.languages
        pairs = {f"{source}-{target}": (source, target) for source, target in permutations(languages, 2)}
        pairs = {test: pairs[test] for test in data.tests}
        found: dict[tuple[str, str], list[Integers]] = {(test, method): [] for test in pairs for method in methods}
        for vectors in layers:
            of_language = dict(zip(languages, vectors, strict=True))
            for (test, method), by_layer in found.items():
                source, target = pairs[test]
                by_layer.append(_METHODS[method](of_language[source], of_language[target]))
        for test in pairs:
            by_method = {method: np.stack(found[test, method], axis=1) for method in methods}
            names = enumerate(item_names(data))
            yield test, ({"id": name, **{m: by_method[m][number].tolist() for m in methods}} for number, name in names)

    def counts(self, data: TaskData, name: str, predictions: Sequence[Line]) -> Numbers:
        """1 for each layer and method in which the item found itself, and a last column of ones."""
        by_id, methods = {line["id"]: line for line in predictions}, _methods(data.options)
        layers = max((len(line.get(method, ())) for line in predictions for method in methods), default=0)
        counts = np.zeros((len(data.examples(name)), layers * len(methods) + 1))
        counts[:, -1] = 1
        for number, item in enumerate(data.examples(name)):
            found = [by_id.get(item.id, {}).get(method, [None] * layers) for method in methods]
            counts[number, :-1] = [one == number for of_layer in zip(*found, strict=True) for one in of_layer]
        return counts

    def numbers(self, data: TaskData, totals: Numbers) -> dict[str, float]:
        """Accuracy by method: of the last layer, and of every layer."""
        methods = _methods(data.options)
        shares = (totals[:-1] / max(totals[-1], 1)).reshape(-1, len(methods))
        return layer_numbers([_NAMES[method] for method in methods], shares.tolist())


def _methods(options: Mapping[str, str]) -> list[str]:
    methods = [method.strip() for method in (options.get("methods") or "cosine").split(",")]
    for method in methods:
        if method not in _METHODS:
            raise EvaluationError(f"--methods {method!r} is not one of {', '.join(_METHODS)}")
    return list(dict.fromkeys(methods))


TASK = Retrieval()
