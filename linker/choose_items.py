"""The choice among the items that names may mean: by prior, by the other names of the text, and by a model.

The scores of a name's candidates are a log-linear mix:

    score(c) ~ prior(c) * exp(COHERENCE * coherence(c)) * model(c) ** MODEL

- The prior is the share of the name's links that go to the item.
- The coherence is the mean relatedness (`corpus.relatedness.related_entities`) to what the CONTEXT names before and the
  CONTEXT names after most likely mean, weighted by their priors. The same name elsewhere in the text is no context.
- The model's share is its probability of the item among the candidates that its vocabulary has. The candidates that
  the vocabulary does not have keep their share of the score.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Self, TypeAlias

import numpy as np
import numpy.typing as npt

Integers: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Relatedness: TypeAlias = Callable[[npt.NDArray[np.uint32], npt.NDArray[np.uint32]], npt.NDArray[np.float32]]

MOST_CANDIDATES = 30  # of a name: the items with the highest priors
CONTEXT = 10  # names before, and names after
COHERENCE = 10.0
MODEL = 1.0
_PAIRS = 1 << 18  # that are compared at once


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The candidates of all names of a text, those of one name side by side.

    Attributes:
        anchors: the anchor of each name.
        offsets: the candidates of name i are at offsets[i] to offsets[i + 1]; each name has at least one.
        qids: of each candidate.
        priors: of each candidate.
        scores: of each candidate; the scores of a name add up to 1.
    """

    anchors: Integers
    offsets: Integers
    qids: npt.NDArray[np.uint32]
    priors: Floats
    scores: Floats

    @classmethod
    def gather(
        cls,
        anchors: Integers,
        candidates_of: Callable[[int], tuple[npt.NDArray[np.uint32], npt.NDArray[np.float32]]],
    ) -> Self:
        """The candidates of names, scored by their priors.

        Args:
            anchors: of each name.
            candidates_of: the items of an anchor and their priors, the highest first.
        """
        distinct, numbers = np.unique(anchors, return_inverse=True)
        found = [candidates_of(anchor) for anchor in distinct.tolist()]
        lengths = np.array([min(len(qids), MOST_CANDIDATES) for qids, _ in found], np.int64)
        firsts = np.cumsum(lengths) - lengths
        offsets = np.append(0, np.cumsum(lengths[numbers]))
        rows = np.repeat(firsts[numbers] - offsets[:-1], lengths[numbers]) + np.arange(offsets[-1])
        cut = [(qids[:MOST_CANDIDATES], priors[:MOST_CANDIDATES]) for qids, priors in found]
        qids = np.concatenate([np.empty(0, np.uint32), *(qids for qids, _ in cut)])[rows]
        priors = np.concatenate([np.empty(0), *(priors for _, priors in cut)])[rows]
        return cls(anchors, offsets, qids, priors, _shares(priors, offsets))

    def __len__(self) -> int:
        """The number of names."""
        return len(self.anchors)

    @property
    def names(self) -> Integers:
        """The number of the name of each candidate."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def best(self) -> Integers:
        """The row of the likeliest candidate of each name; of several, the one with the higher prior."""
        order = np.lexsort([np.arange(len(self.qids)), -self.scores, self.names])
        return order[self.offsets[:-1]]

    def rows(self, name: int) -> list[int]:
        """The rows of the candidates of a name, the likeliest first."""
        start, end = self.offsets[name : name + 2].tolist()
        order: list[int] = (start + np.argsort(-self.scores[start:end], kind="stable")).tolist()
        return order


def _shares(weights: Floats, offsets: Integers) -> Floats:
    """The weights of each name's candidates, divided by their sum."""
    if not len(weights):
        return weights
    shares: Floats = weights / np.repeat(np.add.reduceat(weights, offsets[:-1]), np.diff(offsets))
    return shares


def by_coherence(candidates: Candidates, relatedness: Relatedness) -> Candidates:
    """Scores candidates by their relatedness to what the names around most likely mean."""
    ambiguous = np.flatnonzero(np.repeat(np.diff(candidates.offsets) > 1, np.diff(candidates.offsets)))
    if not len(ambiguous):
        return candidates
    best, names = candidates.best(), candidates.names[ambiguous]
    related, weights = np.zeros(len(ambiguous)), np.zeros(len(ambiguous))
    for distance in (*range(-CONTEXT, 0), *range(1, CONTEXT + 1)):
        for part in _parts(len(ambiguous)):
            others = names[part] + distance
            inside = (others >= 0) & (others < len(candidates))
            inside[inside] = candidates.anchors[others[inside]] != candidates.anchors[names[part][inside]]
            context, rows = best[others[inside]], ambiguous[part][inside]
            weight = candidates.scores[context]
            related[part][inside] += weight * relatedness(candidates.qids[rows], candidates.qids[context])
            weights[part][inside] += weight
    coherence = np.zeros(len(candidates.qids))
    coherence[ambiguous] = related / np.maximum(weights, 1e-9)
    scores = candidates.scores * np.exp(COHERENCE * coherence)
    return replace(candidates, scores=_shares(scores, candidates.offsets))


def by_model(candidates: Candidates, logits: Floats) -> Candidates:
    """Scores candidates by a model's logits, which are NaN for items that the model does not know."""
    known = ~np.isnan(logits)
    chances = np.where(known, logits, -np.inf)
    starts, lengths = candidates.offsets[:-1], np.diff(candidates.offsets)
    if not known.any():
        return candidates
    highest = np.repeat(np.maximum.reduceat(chances, starts), lengths)
    chances = np.where(known, np.exp(chances - np.where(np.isfinite(highest), highest, 0)), 0)
    mixed = candidates.scores * chances**MODEL
    before = np.repeat(np.add.reduceat(np.where(known, candidates.scores, 0), starts), lengths)
    after = np.repeat(np.add.reduceat(mixed, starts), lengths)
    shares = mixed / np.maximum(after, np.finfo(np.float64).tiny) * before
    return replace(candidates, scores=np.where(known, shares, candidates.scores))


def _parts(size: int) -> Iterator[slice]:
    return (slice(start, start + _PAIRS) for start in range(0, size, _PAIRS))
