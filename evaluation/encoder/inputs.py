"""What a task gives to the encoder for an example. No torch here, so that tasks can be imported without torch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
IGNORED = -100  # the target of a row, or of an output, that adds nothing to the loss


def _no_rows() -> Integers:
    return np.empty((0, 1), np.int64)


def _no_targets() -> Integers:
    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Input:
    """One sequence of the encoder: tokens, then entities, which all attend to each other.

    Entities may overlap, and there may be more entities than tokens.

    Attributes:
        token_ids: with <s> and </s>.
        entity_ids: the rows of the entity table.
        spans: the tokens of each entity, end exclusive; <s> is token 0.
        rows: R x S: the places whose S states the head joins and classifies, for R answers. Token t is place t, entity
            e is place len(token_ids) + e.
        targets: the right class of each of the R rows; or, for a softmax over rows, the right row of each output.
            `IGNORED` for none.
        details: whatever the task needs to decode the scores, such as the candidate of each row.
    """

    token_ids: Sequence[int]
    entity_ids: Sequence[int] = ()
    spans: Sequence[tuple[int, int]] = ()
    rows: Integers = field(default_factory=_no_rows)
    targets: Integers = field(default_factory=_no_targets)
    details: Any = None

    def __len__(self) -> int:
        """Places of the sequence."""
        return len(self.token_ids) + len(self.entity_ids)
