"""Counts of the content of a step's batches, added up over micro-batches and ranks, and means per target."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Self

from mlukit.pretraining.data.batch import Batch


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of the content of batches, without padding."""

    examples: int = 0
    words: int = 0
    entities: int = 0
    word_targets: int = 0
    entity_targets: int = 0
    pairs: int = 0  # pairs of places that attend to each other: sequence lengths squared and added up

    @classmethod
    def from_batches(cls, batches: Sequence[Batch]) -> Self:
        """Counts the content of batches that are still on the CPU."""
        return cls.total([_count(batch) for batch in batches])

    @classmethod
    def total(cls, rows: Sequence[Sequence[int]]) -> Self:
        """Adds up rows of counts."""
        return cls(*map(sum, zip(*rows, strict=True))) if rows else cls()

    def row(self) -> tuple[int, ...]:
        """Returns the counts as a row of numbers, for `total`."""
        return astuple(self)


def _count(batch: Batch) -> tuple[int, ...]:
    lengths = batch.sequence_starts_S1[: batch.examples + 1].long().diff()
    pairs = int((lengths * lengths).sum())
    return (batch.examples, batch.words, batch.entities, batch.word_targets, batch.entity_targets, pairs)


def means_per_target(sums: list[float], counts: Counts) -> dict[str, float]:
    """Computes the mean loss (natural logarithm) and accuracy of word targets and of entity targets, if there are any.

    Args:
        sums: word loss, entity loss, right words, right entities.
        counts: the counts of the batches in the sums.
    """
    values: dict[str, float] = {}
    for number, (kind, targets) in enumerate((("word", counts.word_targets), ("entity", counts.entity_targets))):
        if targets:
            values |= {f"{kind}_loss": sums[number] / targets, f"{kind}_accuracy": sums[number + 2] / targets}
    return values


def sums_over_targets(means: Mapping[str, float], counts: Counts) -> list[float]:
    """The inverse of `means_per_target`, up to the rounding of the division."""
    targets = {"word": counts.word_targets, "entity": counts.entity_targets}
    return [means.get(f"{kind}_{name}", 0) * n for name in ("loss", "accuracy") for kind, n in targets.items()]
