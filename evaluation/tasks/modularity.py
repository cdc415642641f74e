"""Modularity: do the nearest neighbours of an item speak its own language?"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlukit.evaluation.metrics.modularity import modularity, neighbour_graph, share_within
from mlukit.evaluation.metrics.nearest_neighbours import nearest, unit_vectors
from mlukit.evaluation.parallel.items import Items
from mlukit.evaluation.parallel.neighbour_file import ALL, Neighbours

if TYPE_CHECKING:  # needs torch
    from mlukit.evaluation.parallel.span_states import SpanStates

NUMBERS = (3, 10)  # of neighbours; the authors' default of 100 is for vocabularies


def find_neighbours(states: "SpanStates", number: int) -> Iterator[Neighbours]:
    """Yields the nearest neighbours of all items among the items of all languages."""
    for representation, layer, rows in states.by_layer():
        unit = unit_vectors(np.asarray(rows))
        yield Neighbours(representation, layer, ALL, ALL, "cosine", *nearest(unit, unit, number, without_self=True))


def score(rows: Iterable[Neighbours], items: Items, numbers: Sequence[int] = NUMBERS) -> list[dict[str, Any]]:
    """Returns the modularity of each representation, layer and number of neighbours.

    Args:
        rows: at least as many neighbours as the largest of NUMBERS.
        items: in all languages.
        numbers: of neighbours that the graph has.
    """
    languages = np.repeat(np.arange(len(items.languages), dtype=np.int32), len(items.names))
    scores = []
    for row in rows:
        for number in numbers:
            graph = neighbour_graph(row.neighbours[:, :number], row.values[:, :number])
            shares = share_within(graph, languages, len(items.languages))
            scores.append(
                {
                    "representation": row.representation,
                    "layer": row.layer,
                    "neighbours": number,
                    **modularity(graph, languages)._asdict(),
                    "within": dict(zip(items.languages, shares.tolist(), strict=True)),
                }
            )
    return scores
