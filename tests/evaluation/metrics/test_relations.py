"""The metrics of relations beside scikit-learn's, and on cases by hand."""

import random

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from mlukit.evaluation.metrics.relations import relation_counts, relation_numbers, relations_of

LABELS = [*(f"r{number}({order})" for number in range(4) for order in ("e1,e2", "e2,e1")), "no_relation"]


def score(right: list[str], predicted: list[str | None]) -> dict[str, float]:
    return relation_numbers(relation_counts(right, predicted, relations_of(LABELS)).sum(axis=0))


@pytest.mark.parametrize(
    ("right", "predicted", "macro", "micro", "accuracy"),
    [
        (["r0(e1,e2)"], ["r0(e1,e2)"], 1 / 4, 1, 1),  # the other three relations count with 0
        (["r0(e1,e2)"], ["r0(e2,e1)"], 0, 0, 0),  # a wrong direction is wrong, and counts for its relation
        (["r0(e1,e2)", "r0(e1,e2)"], ["r0(e1,e2)", "r0(e2,e1)"], 1 / 8, 0.5, 0.5),
        (["no_relation"], ["no_relation"], 0, 0, 1),
        (["no_relation"], ["r1(e1,e2)"], 0, 0, 0),
        (["r1(e1,e2)"], [None], 0, 0, 0),  # an example without a prediction
        ([""], [""], 0, 0, 0),  # an example without a label is wrong, whatever was predicted
    ],
)
def test_by_hand(right: list[str], predicted: list[str | None], macro: float, micro: float, accuracy: float) -> None:
    found = score(right, predicted)
    assert found == pytest.approx({"macro F1": macro, "micro F1": micro, "accuracy": accuracy})


@pytest.mark.parametrize("seed", range(5))
def test_they_are_those_of_scikit_learn(seed: int) -> None:
    """RELX's macro: for each relation, F1 over both directed labels together; then the mean."""
    chance = random.Random(seed)
    right = [chance.choice(LABELS) for _ in range(60)]
    predicted: list[str | None] = [one if chance.random() < 0.5 else chance.choice(LABELS) for one in right]
    pairs = [[f"{relation}({order})" for order in ("e1,e2", "e2,e1")] for relation in relations_of(LABELS)]
    every = [label for pair in pairs for label in pair]
    options = {"average": "micro", "zero_division": 0}
    expected = {
        "macro F1": np.mean([f1_score(right, predicted, labels=pair, **options) for pair in pairs]),
        "micro F1": f1_score(right, predicted, labels=every, **options),
        "accuracy": accuracy_score(right, predicted),
    }
    assert score(right, predicted) == pytest.approx(expected)
