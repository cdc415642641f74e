"""Modularity: graphs made by hand, networkx, and the formula of the authors written edge by edge."""

import math

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlukit.evaluation.metrics.modularity import Graph, modularity, neighbour_graph
from mlukit.evaluation.metrics.nearest_neighbours import nearest, unit_vectors


def graph(*edges: tuple[int, int, float]) -> Graph:
    first, second, weights = zip(*edges, strict=True) if edges else ((), (), ())
    return Graph(np.array(first, np.int64), np.array(second, np.int64), np.array(weights, np.float64))


def languages(text: str) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    return np.array([int(letter) for letter in text], np.int32)


def by_the_authors(edges: Graph, of_node: list[int]) -> float:
    """Their loops: a matrix with each edge in both directions, degrees by weight, divided by the number of entries."""
    matrix = {}
    for one, other, weight in zip(edges.first.tolist(), edges.second.tolist(), edges.weights.tolist(), strict=True):
        matrix[one, other] = matrix[other, one] = weight
    entries, communities = len(matrix), range(max(of_node) + 1)
    degrees, within, ends = ([0.0] * len(communities) for _ in range(3))
    for (one, other), weight in matrix.items():
        degrees[of_node[one]] += weight
        ends[of_node[one]] += 1
        within[of_node[one]] += weight if of_node[one] == of_node[other] else 0
    q = sum(within[c] / entries - (degrees[c] / entries) ** 2 for c in communities)
    q_max = sum(ends[c] / entries - (degrees[c] / entries) ** 2 for c in communities)
    return q / q_max


def test_two_languages_apart() -> None:
    found = modularity(graph((0, 1, 1), (2, 3, 1)), languages("0011"))
    assert found == (1, 0.5, 1)


def test_every_edge_leads_to_the_other_language() -> None:
    assert modularity(graph((0, 2, 1), (1, 3, 1)), languages("0011")) == (-1, -0.5, -1)


def test_smaller_weights_count_only_in_the_formula_of_the_authors() -> None:
    found = modularity(graph((0, 1, 0.5), (2, 3, 0.5)), languages("0011"))
    assert found.newman_normalized == 1
    assert found.authors == pytest.approx((0.5 - 2 * 0.25**2) / (1 - 2 * 0.25**2))


def test_without_edges_there_is_no_modularity() -> None:
    assert all(map(math.isnan, modularity(graph(), languages("0011"))))


def test_one_language_alone() -> None:
    found = modularity(graph((0, 1, 1)), languages("00"))
    assert math.isnan(found.authors) and math.isnan(found.newman_normalized) and found.newman == 0


def test_an_edge_for_two_neighbours_of_each_other_and_no_edge_without_a_positive_cosine() -> None:
    neighbours = np.array([[1, 2], [0, 2], [1, 0]], np.int32)
    cosines = np.array([[0.5, -0.1], [0.5, 0.25], [0.25, -0.1]], np.float32)
    found = neighbour_graph(neighbours, cosines)
    edges = zip(found.first.tolist(), found.second.tolist(), found.weights.tolist(), strict=True)
    assert list(edges) == [(0, 1, 0.5), (1, 2, 0.25)]


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(2, 4))
def test_the_same_as_networkx_and_the_authors(seed: int, number: int, communities: int) -> None:
    random = np.random.default_rng(seed)
    points = unit_vectors(random.normal(size=(24, 4)).astype(np.float32))
    edges = neighbour_graph(*nearest(points, points, number, without_self=True))
    of_node = random.integers(0, communities, 24).astype(np.int32)
    found = modularity(edges, of_node)
    theirs = nx.Graph()
    theirs.add_nodes_from(range(24))
    parts = (part.tolist() for part in (edges.first, edges.second, edges.weights))
    theirs.add_weighted_edges_from(zip(*parts, strict=True))
    sets = [set(np.flatnonzero(of_node == language).tolist()) for language in range(communities)]
    assert found.newman == pytest.approx(nx.community.modularity(theirs, [one for one in sets if one]))
    assert found.authors == pytest.approx(by_the_authors(edges, of_node.tolist()))
