"""Precision, recall and F1 of named entities: seqeval's strict mode with IOB2, which is conlleval's on IOB2 tags.

An entity is right if its first word, its last word and its type are. An entity that no prediction could cover, because
no candidate span does, counts like any other one.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_PER_TYPE = 3  # right, predicted, true


def entity_counts(
    right: Sequence[list[str]], predicted: Sequence[list[str]], types: Sequence[str]
) -> npt.NDArray[np.float64]:
    """What each sentence adds: right, predicted and true for each type, and for all other types together.

    Args:
        right: the tags of each sentence, IOB2.
        predicted: the predicted tags of each sentence, IOB2.
        types: that have columns of their own.
    """
    from seqeval.scheme import IOB2, Entities  # imports scikit-learn, which takes a second

    columns = {name: _PER_TYPE * number for number, name in enumerate(types)}
    other = _PER_TYPE * len(types)
    counts = np.zeros((len(right), other + _PER_TYPE))
    found = (Entities(list(tags), IOB2).entities for tags in (right, predicted))
    for row, true, guessed in zip(counts, *found, strict=True):
        for entity in true:
            row[columns.get(entity.tag, other) + 2] += 1
        known = set(true)
        for entity in guessed:
            column = columns.get(entity.tag, other)
            row[column] += entity in known
            row[column + 1] += 1
    return counts


def entity_numbers(totals: npt.NDArray[np.float64], types: Sequence[str]) -> dict[str, float]:
    """F1, precision and recall over all entities, and the F1 of each type.

    Args:
        totals: the sum of some rows of `entity_counts`.
        types: as for `entity_counts`.
    """
    by_type = totals.reshape(-1, _PER_TYPE)
    right, predicted, true = by_type.sum(axis=0)
    numbers = {
        "F1": _f1(right, predicted, true),
        "precision": float(right / max(1, predicted)),
        "recall": float(right / max(1, true)),
    }
    return numbers | {f"F1 {name}": _f1(*counts) for name, counts in zip(types, by_type, strict=False)}


def _f1(right: float, predicted: float, true: float) -> float:
    """2 right / (predicted + true); 0 where there is neither."""
    return float(2 * right / max(1, predicted + true))
