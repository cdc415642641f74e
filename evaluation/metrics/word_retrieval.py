"""Contextual word retrieval [Cao, Kitaev and Klein 2020, arXiv 2002.03518]: item i must find item i.

The nearest neighbour is found by cosine, or by CSLS [Conneau et al. 2018, arXiv 1710.04087, section 2.3], which makes
vectors that are near to many others (hubs) less attractive: CSLS(x, y) = 2 cos(x, y) - r(x) - r(y), where r is the mean
cosine with the k nearest neighbours in the other language, and k is 10.
"""

import numpy as np

from mlukit.evaluation.metrics.nearest_neighbours import Floats, Integers, mean_of_nearest, nearest

CSLS_NEIGHBOURS = 10


def nearest_by_cosine(source: Floats, target: Floats) -> Integers:
    """Returns the index of the nearest target vector for each source vector; all are unit vectors."""
    return nearest(source, target, 1)[0][:, 0]


def nearest_by_csls(source: Floats, target: Floats, neighbours: int = CSLS_NEIGHBOURS) -> Integers:
    """Returns the index of the target vector with the highest CSLS for each source vector; all are unit vectors."""
    half = np.float32(0.5) * mean_of_nearest(target, source, neighbours)  # r(x) is the same for every y
    return nearest(source, target, 1, penalty=half.astype(np.float32))[0][:, 0]
