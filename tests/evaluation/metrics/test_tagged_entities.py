"""The metric of named entities is seqeval's, and can be summed over sentences."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.scheme import IOB2

from mlukit.evaluation.metrics.tagged_entities import entity_counts, entity_numbers

TYPES = ["LOC", "PER"]
TAGS = st.sampled_from(["O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-MISC"])


@given(st.lists(st.lists(st.tuples(TAGS, TAGS), min_size=1, max_size=8), min_size=1, max_size=6))
def test_sums_of_sentences_are_seqevals_strict_scores(rows: list[list[tuple[str, str]]]) -> None:
    right, guessed = ([[pair[side] for pair in sentence] for sentence in rows] for side in (0, 1))
    numbers = entity_numbers(entity_counts(right, guessed, TYPES).sum(axis=0), TYPES)
    how = {"mode": "strict", "scheme": IOB2, "zero_division": 0}
    assert numbers["F1"] == pytest.approx(f1_score(right, guessed, **how))
    assert numbers["precision"] == pytest.approx(precision_score(right, guessed, **how))
    assert numbers["recall"] == pytest.approx(recall_score(right, guessed, **how))


def test_by_hand() -> None:
    right = [["B-PER", "I-PER", "O", "B-LOC"], ["B-PER", "O"]]
    guessed = [["B-PER", "O", "O", "B-LOC"], ["B-PER", "B-MISC"]]
    counts = entity_counts(right, guessed, TYPES)
    assert counts.tolist() == [[1, 1, 1, 0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1, 0, 1, 0]]
    expected = {"F1": 4 / 7, "precision": 0.5, "recall": 2 / 3, "F1 LOC": 1.0, "F1 PER": 0.5}
    assert entity_numbers(counts.sum(axis=0), TYPES) == pytest.approx(expected)
