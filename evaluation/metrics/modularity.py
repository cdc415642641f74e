"""How far a graph of nearest neighbours splits by language: modularity, where 0 means that languages do not matter.

The graph [Fujinuma, Boyd-Graber and Paul 2019, github.com/akkikiki/modularity_metric]: an edge without direction joins
each vector and each of its k nearest neighbours by cosine, in any language; its weight is the cosine, and there is no
edge if the cosine is not positive.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mlukit.evaluation.metrics.nearest_neighbours import Floats, Integers


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """The edges of a graph without direction, each once.

    Attributes:
        first: the node with the smaller number.
        second: the other node.
        weights: positive.
    """

    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]


class Modularity(NamedTuple):
    """Modularities of one graph; nan for a graph without edges, or whose nodes with edges have one language.

    Attributes:
        authors: by the formula of Fujinuma et al., divided by its maximum. The formula divides sums of weights by the
            number of edges, and its maximum has all edges within languages and of weight 1.
        newman: by Newman's formula for weighted graphs, which divides sums of weights by the sum of all weights.
        newman_normalized: the same, divided by its maximum, where all edges are within languages.
    """

    authors: float
    newman: float
    newman_normalized: float


def neighbour_graph(neighbours: Integers, cosines: Floats) -> Graph:
    """Makes the graph of nearest neighbours.

    Args:
        neighbours: the numbers of the k nearest neighbours of each node, n x k.
        cosines: with these neighbours, n x k.
    """
    nodes = len(neighbours)
    sources = np.repeat(np.arange(nodes), neighbours.shape[1])
    targets = neighbours.ravel().astype(np.int64)
    kept = cosines.ravel() > 0
    sources, targets = sources[kept], targets[kept]
    pairs = np.minimum(sources, targets) * nodes + np.maximum(sources, targets)
    pairs, positions = np.unique(pairs, return_index=True)  # two nodes can be neighbours of each other
    return Graph(pairs // nodes, pairs % nodes, cosines.ravel()[kept][positions].astype(np.float64))


def modularity(graph: Graph, languages: Integers) -> Modularity:
    """Computes the modularity of a graph whose communities are languages.

    Args:
        graph: of all vectors.
        languages: the number of each node's language, from 0 on.
    """
    total = 2 * graph.weights.sum()
    if not total:
        return Modularity(*[float("nan")] * 3)
    of_first, of_second = languages[graph.first], languages[graph.second]
    within = 2 * graph.weights[of_first == of_second].sum()
    ends = np.concatenate([of_first, of_second])
    strengths = np.bincount(ends, np.concatenate([graph.weights, graph.weights]))
    edges = 2 * len(graph.weights)
    expected, expected_by_weight = ((strengths / edges) ** 2).sum(), ((strengths / total) ** 2).sum()
    newman, most = within / total - expected_by_weight, 1 - expected_by_weight
    return Modularity(
        authors=float((within / edges - expected) / (1 - expected)) if expected < 1 else float("nan"),
        newman=float(newman),
        newman_normalized=float(newman / most) if np.count_nonzero(strengths) > 1 else float("nan"),
    )
