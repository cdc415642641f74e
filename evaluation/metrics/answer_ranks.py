"""P@1, P@5, P@10 and the mean reciprocal rank (MRR) of right answers among candidates: by relation, macro and micro.

The rank of a question is that of its best right answer; other right answers do not count. A wrong candidate with the
same score comes before the right one: a model that gives all candidates the same score finds nothing.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

CUTOFFS = (1, 5, 10)
_MEASURES = (*(f"P@{cutoff}" for cutoff in CUTOFFS), "MRR")
SCOPES = ("", ", not in the subject", ", known")  # all questions; see docs/evaluation-cloze.md
_SHARES = (
    "coverage of candidates",
    "coverage of objects",
    "coverage of subjects",
    "P@1 of the most frequent object",
)
_COLUMNS = len(SCOPES) * (1 + len(_MEASURES)) + len(_SHARES)  # of a relation


def rank_of_best(scores: Numbers, right: Flags) -> int | None:
    """The rank of the best right candidate, from 1 on; None if no candidate is right.

    Args:
        scores: of the candidates; higher is better.
        right: whether each candidate is right.
    """
    if not right.any():
        return None
    return 1 + int((~(scores[~right] < scores[right].max())).sum())  # a score of NaN counts


def answer_counts(
    relations: Sequence[int],
    number: int,
    ranks: Sequence[Sequence[int | None]],
    asked: Flags,
    shares: Numbers,
) -> Numbers:
    """What each question adds: questions x (relations x counts).

    Args:
        relations: the relation of each question, from 0 on.
        number: of relations.
        ranks: of each question, in each of SCOPES; None for a wrong answer.
        asked: whether each question counts in each of SCOPES: questions x scopes.
        shares: of each question: questions x the shares of `answer_numbers`.
    """
    counts = np.zeros((len(relations), number, _COLUMNS))
    width = 1 + len(_MEASURES)
    for row, (relation, of_question) in enumerate(zip(relations, ranks, strict=True)):
        for scope, rank in enumerate(of_question):
            if asked[row, scope]:
                found = [1.0, *_measures(rank)]
                counts[row, relation, scope * width : (scope + 1) * width] = found
        counts[row, relation, -len(_SHARES) :] = shares[row]
    return counts.reshape(len(relations), -1)


def _measures(rank: int | None) -> list[float]:
    if rank is None:
        return [0.0] * len(_MEASURES)
    return [*(float(rank <= cutoff) for cutoff in CUTOFFS), 1 / rank]


def answer_numbers(totals: Numbers, names: Sequence[str]) -> dict[str, float]:
    """The metrics of the sum of some rows of `answer_counts`.

    Args:
        totals: the sum.
        names: of the relations.

    Returns:
        Each metric's mean over the relations that have questions (macro), over the questions (micro), and of each
        relation, such as "P@1 of P17"; 0 without questions.
    """
    table, width = totals.reshape(len(names), _COLUMNS), 1 + len(_MEASURES)
    found: dict[str, float] = {}
    for scope, suffix in enumerate(SCOPES):
        part = table[:, scope * width : (scope + 1) * width]
        present = part[:, 0] > 0
        means = part[present, 1:] / part[present, :1]
        found |= {f"{name}{suffix}": _mean(means[:, column]) for column, name in enumerate(_MEASURES)}
        if not suffix:
            micro = part[:, 1:].sum(axis=0) / max(part[:, 0].sum(), 1)
            found |= {f"micro {name}": float(micro[column]) for column, name in enumerate(_MEASURES)}
            shares = table[present, -len(_SHARES) :] / part[present, :1]
            found |= {name: _mean(shares[:, column]) for column, name in enumerate(_SHARES)}
            for name, row in zip(names, part[:, 1:] / part[:, :1].clip(1), strict=True):
                found |= {f"{measure} of {name}": float(row[column]) for column, measure in enumerate(_MEASURES)}
        found[f"questions{suffix}"] = float(part[:, 0].sum())
    return found


def _mean(values: Numbers) -> float:
    return float(values.mean()) if len(values) else 0.0
