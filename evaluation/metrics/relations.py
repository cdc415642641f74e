"""Metrics of relation classification between two ordered entities, as RELX's authors define them.

A label is a relation with its direction, "org:founded_by(e1,e2)", or "no_relation". Source: `finetune.py` of
boun-tabi/RELX, which takes over the scorer of SemEval-2010 task 8 (Hendrickx et al., 2010): a right answer needs the
right direction, and what is counted goes to the relation without its direction. The macro average is over all
relations of the labels, "no_relation" left out: a relation that is neither right nor predicted counts with 0, while
LUKE's `macro_fscore` leaves it out.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

NO_RELATION = "no_relation"
_PER_RELATION = 3  # right, predicted, true
_OVERALL = 2  # right answers, examples


def relation_of(label: str) -> str:
    """The relation of a label, without the direction."""
    return label.partition("(")[0]


def relations_of(labels: Sequence[str]) -> list[str]:
    """The relations of some labels, sorted, without `NO_RELATION`."""
    return sorted({relation_of(label) for label in labels} - {NO_RELATION})


def relation_counts(
    right: Sequence[str], predicted: Sequence[str | None], relations: Sequence[str]
) -> npt.NDArray[np.float64]:
    """What each example adds: right, predicted and true for each relation; then whether it is right, and 1.

    Args:
        right: the label of each example; "" for an example without one.
        predicted: the predicted label of each example; None for no prediction.
        relations: that are averaged.
    """
    columns = {relation: _PER_RELATION * number for number, relation in enumerate(relations)}
    counts = np.zeros((len(right), _PER_RELATION * len(relations) + _OVERALL))
    counts[:, -1] = 1
    for row, label, guess in zip(counts, right, predicted, strict=True):
        hit = bool(label) and label == guess
        row[-2] = hit
        if (column := columns.get(relation_of(guess or ""))) is not None:
            row[column] += hit
            row[column + 1] += 1
        if (column := columns.get(relation_of(label))) is not None:
            row[column + 2] += 1
    return counts


def relation_numbers(totals: npt.NDArray[np.float64]) -> dict[str, float]:
    """Macro F1 over the relations, micro F1 without `NO_RELATION`, and accuracy with it.

    Args:
        totals: the sum of some rows of `relation_counts`.
    """
    right, predicted, true = totals[:-_OVERALL].reshape(-1, _PER_RELATION).T
    return {
        "macro F1": float(_f1(right, predicted, true).mean()) if len(right) else 0.0,
        "micro F1": float(_f1(right.sum(), predicted.sum(), true.sum())),
        "accuracy": float(totals[-2] / max(1, totals[-1])),
    }


def _f1(
    right: npt.NDArray[np.float64], predicted: npt.NDArray[np.float64], true: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """F1, 2 right / (predicted + true); 0 where there is neither."""
    found: npt.NDArray[np.float64] = 2 * right / np.maximum(1, predicted + true)
    return found
