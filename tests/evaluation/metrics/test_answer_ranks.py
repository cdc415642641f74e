"""Ranks of right answers, and what is made of them; the numbers are worked out by hand."""

import numpy as np
import pytest

from mlukit.evaluation.metrics.answer_ranks import answer_counts, answer_numbers, rank_of_best


@pytest.mark.parametrize(
    ("scores", "right", "rank"),
    [
        ([0.1, 0.9, 0.5], [False, True, False], 1),
        ([0.1, 0.9, 0.5], [True, False, False], 3),
        ([0.9, 0.5, 0.4, 0.3], [False, True, True, False], 2),  # the best right one counts
        ([0.9, 0.5, 0.8, 0.3], [False, True, True, True], 2),  # the other right ones are not before it
        ([0.5, 0.5, 0.5], [False, True, False], 3),  # equal wrong ones are before it
        ([0.1, np.nan, 0.5], [True, False, False], 3),
        ([0.1, np.nan, 0.5], [False, True, False], 3),
        ([-np.inf, -np.inf], [False, True], 2),
        ([0.1, 0.9], [False, False], None),
        ([], [], None),
    ],
)
def test_rank(scores: list[float], right: list[bool], rank: int | None) -> None:
    assert rank_of_best(np.array(scores), np.array(right, np.bool_)) == rank


def test_means_over_relations_and_over_questions() -> None:
    ranks = [[1, 1, 1], [4, None, None], [12, 12, 6], [2, 2, 2], [None, None, None]]
    asked = [[True, True, True], [True, False, False], [True, True, True], [True, True, True], [True, True, False]]
    shares = [[0.5, 1, 1, 1], [0.5, 0, 0, 0], [0.5, 1, 0, 1], [0.25, 1, 0, 0], [0.25, 0, 0, 0]]
    counts = answer_counts([0, 0, 0, 2, 2], 3, ranks, np.array(asked), np.array(shares, float))
    found = answer_numbers(counts.sum(axis=0), ["P17", "P19", "P36"])
    first, second = (1 + 1 / 4 + 1 / 12) / 3, (1 / 2) / 2
    expected = {
        "P@1": (1 / 3 + 0) / 2,
        "P@5": (2 / 3 + 1 / 2) / 2,
        "P@10": (2 / 3 + 1 / 2) / 2,
        "MRR": (first + second) / 2,
        "micro P@1": 1 / 5,
        "micro P@5": 3 / 5,
        "micro P@10": 3 / 5,
        "micro MRR": (1 + 1 / 4 + 1 / 12 + 1 / 2) / 5,
        "coverage of candidates": (0.5 + 0.25) / 2,
        "coverage of objects": (2 / 3 + 1 / 2) / 2,
        "coverage of subjects": (1 / 3 + 0) / 2,
        "P@1 of the most frequent object": (2 / 3 + 0) / 2,
        "P@1 of P17": 1 / 3,
        "P@5 of P17": 2 / 3,
        "P@10 of P17": 2 / 3,
        "MRR of P17": first,
        "P@1 of P19": 0.0,
        "P@5 of P19": 0.0,
        "P@10 of P19": 0.0,
        "MRR of P19": 0.0,
        "P@1 of P36": 0.0,
        "P@5 of P36": 1 / 2,
        "P@10 of P36": 1 / 2,
        "MRR of P36": second,
        "questions": 5.0,
        "P@1, not in the subject": (1 / 2 + 0) / 2,
        "P@5, not in the subject": (1 / 2 + 1 / 2) / 2,
        "P@10, not in the subject": (1 / 2 + 1 / 2) / 2,
        "MRR, not in the subject": ((1 + 1 / 12) / 2 + 1 / 4) / 2,
        "questions, not in the subject": 4.0,
        "P@1, known": (1 / 2 + 0) / 2,
        "P@5, known": (1 / 2 + 1) / 2,
        "P@10, known": (1 + 1) / 2,
        "MRR, known": ((1 + 1 / 6) / 2 + 1 / 2) / 2,
        "questions, known": 3.0,
    }
    assert found == pytest.approx(expected)
    assert list(found) == list(expected)


def test_no_questions_give_zeros() -> None:
    found = answer_numbers(np.zeros(19), ["P17"])
    assert found["P@1"] == found["micro MRR"] == found["questions"] == 0.0
