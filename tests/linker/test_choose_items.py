"""Scores of candidates."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from mlukit.linker.choose_items import CONTEXT, MOST_CANDIDATES, Candidates, by_coherence, by_model

QIDS = {0: [10, 11], 1: [20], 2: [30, 31, 32]}
PRIORS = {0: [0.75, 0.25], 1: [1.0], 2: [0.5, 0.25, 0.25]}


def candidates_of(anchor: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.float32]]:
    return np.array(QIDS[anchor], np.uint32), np.array(PRIORS[anchor], np.float32)


def gather(*anchors: int) -> Candidates:
    return Candidates.gather(np.array(anchors, np.int64), candidates_of)


def related(*pairs: tuple[int, int]) -> object:
    def strengths(first: npt.NDArray[np.uint32], second: npt.NDArray[np.uint32]) -> npt.NDArray[np.float32]:
        both = zip(first.tolist(), second.tolist(), strict=True)
        return np.array([(a, b) in pairs or (b, a) in pairs for a, b in both], np.float32)

    return strengths


def test_names_and_their_candidates() -> None:
    found = gather(2, 0, 2)
    assert found.qids.tolist() == [30, 31, 32, 10, 11, 30, 31, 32]
    assert found.offsets.tolist() == [0, 3, 5, 8]
    assert found.scores.tolist() == [0.5, 0.25, 0.25, 0.75, 0.25, 0.5, 0.25, 0.25]
    assert found.best().tolist() == [0, 3, 5]
    assert found.rows(0) == [0, 1, 2]
    assert len(gather()) == 0 and gather().best().tolist() == []


def test_most_candidates() -> None:
    many = np.arange(100, dtype=np.uint32), np.full(100, 0.01, np.float32)
    found = Candidates.gather(np.array([0]), lambda _: many)
    assert len(found.qids) == MOST_CANDIDATES and found.scores.sum() == pytest.approx(1)


def test_coherence() -> None:
    found = by_coherence(gather(0, 1, 2), related((11, 20), (31, 20)))  # type: ignore[arg-type]
    assert found.qids[found.best()].tolist() == [11, 20, 31]
    assert by_coherence(gather(1, 1), related()).scores.tolist() == [1, 1]  # type: ignore[arg-type]


def test_names_far_away_and_the_same_name_are_no_context() -> None:
    far = gather(0, *[0] * CONTEXT, 1)
    scores = by_coherence(far, related((11, 20), (11, 10))).scores  # type: ignore[arg-type]
    assert scores[:2].tolist() == [0.75, 0.25] and scores[2] < 0.5


def test_a_model_decides_among_the_items_that_it_knows() -> None:
    logits = np.array([0, 9, 3, 0, np.nan, 9])
    found = by_model(gather(0, 1, 2), logits)
    assert found.qids[found.best()].tolist() == [11, 20, 32]
    assert found.scores[4] == 0.25  # unknown: it keeps its share
    assert np.add.reduceat(found.scores, found.offsets[:-1]).tolist() == pytest.approx([1, 1, 1])


def test_a_model_without_an_opinion() -> None:
    before = gather(0, 2)
    assert by_model(before, np.full(5, np.nan)).scores.tolist() == before.scores.tolist()
    sure = replace(before, scores=np.array([1.0, 0.0, 0.5, 0.5, 0.0]))
    assert np.isfinite(by_model(sure, np.array([-1e4, 1e4, np.nan, 0, 0])).scores).all()
