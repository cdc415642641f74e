"""Modularity of the graph of nearest neighbours by language: do an item's neighbours speak its own language?

The graph has the items of all languages. The formula is that of Fujinuma, Boyd-Graber and Paul (2019); Newman's, as
networkx has it, is beside it. Both are divided by their maximum: 1 means that no edge leads to another language, and 0
that languages do not matter.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from mlukit.evaluation.metrics.modularity import modularity, neighbour_graph
from mlukit.evaluation.metrics.nearest_neighbours import Floats, Integers, nearest
from mlukit.evaluation.tasks.parallel_task import ParallelData, ParallelTask, item_names, layer_numbers
from mlukit.evaluation.tasks.task import Line, TaskData

ALL = "all"  # the one test
NUMBERS = (3, 10)  # of neighbours; the authors' default of 100 is for vocabularies
_DIGITS = 4  # of a cosine


class LanguageModularity(ParallelTask):
    """See the docstring of this module."""

    name = "modularity"
    measures = "How far the nearest neighbours of words split by language, in every layer; lower is less split."
    metric = f"modularity, k = {NUMBERS[0]}"

    def is_share(self, metric: str) -> bool:
        """Modularity is between -1 and 1."""
        return False

    def test_names(self, languages: Sequence[str]) -> Sequence[str]:
        """One test, with the items of all languages."""
        return [ALL]

    def compare(self, data: ParallelData, layers: Iterable[Floats]) -> Iterator[tuple[str, Iterable[Line]]]:
        """A line for each item and language: in each layer, the numbers of its neighbours, and the cosines.

        The number of an item is its place among the lines.
        """
        found = []
        for vectors in layers:
            nodes = vectors.reshape(-1, vectors.shape[-1])
            found.append(nearest(nodes, nodes, max(NUMBERS), without_self=True))
        pairs = [(language, name) for language in data.parallel.languages for name in item_names(data)]
        yield (
            ALL,
            (
                {
                    "id": f"{language} {name}",
                    "language": language,
                    "neighbours": [neighbours[node].tolist() for neighbours, _ in found],
                    "cosines": [[round(one, _DIGITS) for one in cosines[node].tolist()] for _, cosines in found],
                }
                for node, (language, name) in enumerate(pairs)
            ),
        )

    def score(self, data: TaskData, name: str, predictions: Sequence[Line]) -> dict[str, float]:
        """Modularity by number of neighbours and formula: of the last layer, and of every layer.

        A number that cannot be computed, such as that of a graph without edges, is left out.
        """
        codes = list(dict.fromkeys(line["language"] for line in predictions))
        languages = np.array([codes.index(line["language"]) for line in predictions], np.int32)
        rows: list[dict[str, float]] = []
        for layer in range(len(predictions[0]["neighbours"]) if predictions else 0):
            neighbours = np.array([line["neighbours"][layer] for line in predictions], np.int32)
            cosines = np.array([line["cosines"][layer] for line in predictions], np.float32)
            rows.append(_of_layer(neighbours, cosines, languages))
        numbers = layer_numbers(list(rows[0]) if rows else [], [list(row.values()) for row in rows])
        return {name: value for name, value in numbers.items() if np.isfinite(value)}


def _of_layer(neighbours: Integers, cosines: Floats, languages: Integers) -> dict[str, float]:
    """The numbers of a layer, by name."""
    numbers = {}
    for k in NUMBERS:
        found = modularity(neighbour_graph(neighbours[:, :k], cosines[:, :k]), languages)
        numbers[f"modularity, k = {k}"] = found.authors
        numbers[f"Newman's modularity, k = {k}"] = found.newman_normalized
    return numbers


TASK = LanguageModularity()
