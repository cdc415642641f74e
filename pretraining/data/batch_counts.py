"""What the batches of a step hold, added up over micro-batches and ranks, and means over it."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Self

from mlukit.pretraining.data.batch import Batch


@dataclass(frozen=True, slots=True)
class Counts:
    """What batches hold, padding left out."""

    examples: int = 0
    words: int = 0
    entities: int = 0
    word_targets: int = 0
    entity_targets: int = 0
    pairs: int = 0  # of places that attend to each other: sequence lengths squared and added up

    @classmethod
    def of(cls, batches: Sequence[Batch]) -> Self:
        """Those of some batches, whose tensors are on the CPU still."""
        return cls.total([_of_batch(batch) for batch in batches])

    @classmethod
    def total(cls, rows: Sequence[Sequence[int]]) -> Self:
        """Those added up."""
        return cls(*map(sum, zip(*rows, strict=True))) if rows else cls()

    def row(self) -> tuple[int, ...]:
        """As numbers, for `total`."""
        return astuple(self)


def _of_batch(batch: Batch) -> tuple[int, ...]:
    lengths = batch.sequence_starts_S1[: batch.examples + 1].long().diff()
    pairs = int((lengths * lengths).sum())
    return (batch.examples, batch.words, batch.entities, batch.word_targets, batch.entity_targets, pairs)


def means(sums: list[float], counts: Counts) -> dict[str, float]:
    """Losses (natural logarithm) and accuracies a target, of words and, where there are any, of entities.

    Args:
        sums: the loss of words, of entities, the right words, the right entities.
    """
    words, entities = max(1, counts.word_targets), max(1, counts.entity_targets)
    values = {"word_loss": sums[0] / words, "word_accuracy": sums[2] / words}
    if counts.entity_targets:
        values |= {"entity_loss": sums[1] / entities, "entity_accuracy": sums[3] / entities}
    return values
