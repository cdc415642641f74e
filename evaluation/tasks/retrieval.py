"""Contextual word retrieval: does an item find its translation among all items of the other language?"""

from collections.abc import Iterable, Iterator
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np

from mlukit.evaluation.metrics.nearest_neighbours import unit_vectors
from mlukit.evaluation.metrics.word_retrieval import nearest_by_cosine, nearest_by_csls, retrieval_accuracy
from mlukit.evaluation.parallel.neighbour_file import Neighbours

if TYPE_CHECKING:  # needs torch
    from mlukit.evaluation.parallel.span_states import SpanStates

METHODS = {"cosine": nearest_by_cosine, "csls": nearest_by_csls}
_NO_VALUES = np.empty((0, 0), np.float32)


def retrieve(states: "SpanStates", methods: Iterable[str]) -> Iterator[Neighbours]:
    """Yields the nearest neighbour of each item in each other language.

    Args:
        states: of all items.
        methods: some of METHODS.
    """
    languages, number = states.items.languages, len(states.items.names)
    methods = tuple(methods)
    for representation, layer, rows in states.by_layer():
        unit = unit_vectors(np.asarray(rows)).reshape(len(languages), number, -1)
        of_language = dict(zip(languages, unit, strict=True))
        for source, target in permutations(languages, 2):
            for method in methods:
                found = METHODS[method](of_language[source], of_language[target])
                yield Neighbours(representation, layer, source, target, method, found[:, None], _NO_VALUES)


def score(rows: Iterable[Neighbours]) -> list[dict[str, Any]]:
    """Returns the accuracy of each representation, layer, pair of languages and method."""
    return [
        {
            "representation": row.representation,
            "layer": row.layer,
            "method": row.method,
            "source": row.source,
            "target": row.target,
            "accuracy": retrieval_accuracy(row.neighbours[:, 0]),
        }
        for row in rows
    ]
