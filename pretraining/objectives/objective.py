"""What an objective decides. The values and methods of `Objective` are those of mLUKE; other objectives replace some.

The choice of masks follows LUKE's code (studio-ousia/luke at 2516545, luke/pretraining/batch_generator.py,
`_create_word_features` and `_create_entity_features`) with the settings of [mLUKE].
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlukit.corpus.entities.vocabulary import UNKNOWN_ID
from mlukit.pretraining.data.choice import CHOOSE_ENTITY, CHOOSE_WORD, share_of, smallest
from mlukit.pretraining.data.counter_random import Integers
from mlukit.pretraining.data.example_rows import ExampleRows, Flags

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Objective:
    """Predicts masked pieces of words, and masked entities.

    Attributes:
        with_entities: whether examples keep their entities; without entities, batches have no room for entities.
        untrained: the beginnings of the names of parameters that are not trained.
    """

    with_entities: bool = True
    untrained: tuple[str, ...] = ()

    def keep(self, rows: ExampleRows) -> ExampleRows:
        """The part of the rows that the model reads."""
        return rows if self.with_entities else rows.without_entities()

    def choose_entities(self, rows: ExampleRows, share: float) -> tuple[Integers, Integers]:
        """Chooses the entities to predict: an exact share, at least one entity of a row, and never [UNK].

        Returns:
            The entities, ascending, and how many each row has.
        """
        unknown = np.flatnonzero(rows.entity_ids == UNKNOWN_ID)
        row_of_unknown = np.searchsorted(rows.entity_offsets, unknown, side="right") - 1
        quotas = share_of(rows.entities - np.bincount(row_of_unknown, minlength=len(rows)), share)
        return smallest(rows.keys, CHOOSE_ENTITY, rows.entity_offsets, unknown, quotas), quotas

    def choose_words(
        self, rows: ExampleRows, share: float, forced: Integers, word_starts: Flags | None
    ) -> tuple[Integers, Integers]:
        """Chooses the pieces to predict: the forced pieces, and others up to an exact share, at least one of a row.

        Args:
            rows: the examples. <s> and </s> are never chosen.
            share: of the pieces.
            forced: pieces that are predicted in any case, ascending.
            word_starts: for each id of the vocabulary, whether the piece starts a word; None if the caller does not
                know it.

        Returns:
            The pieces, ascending, and how many each row has.
        """
        row_of_forced = np.searchsorted(rows.token_offsets, forced, side="right") - 1
        forced_numbers = np.bincount(row_of_forced, minlength=len(rows))
        quotas = np.maximum(share_of(rows.tokens - 2, share) - forced_numbers, 0)
        barred = np.concatenate([rows.token_offsets[:-1], rows.token_offsets[1:] - 1, forced])
        chosen = smallest(rows.keys, CHOOSE_WORD, rows.token_offsets, barred, quotas)
        return np.sort(np.concatenate([chosen, forced])) if len(forced) else chosen, quotas + forced_numbers

    def most_words(self, share: float, max_tokens: int) -> float:
        """The most pieces that `choose_words` chooses in an example without forced pieces."""
        return share * max_tokens + 1

    def trains(self, parameter: str) -> bool:
        """Whether the parameter of a name is trained."""
        return not parameter.startswith(self.untrained)

    def loss(self, words: "Tensor", entities: "Tensor") -> "Tensor":
        """The loss of a step.

        Args:
            words: the mean loss of the words that are predicted; 0 if no words are predicted.
            entities: the mean loss of the entities, likewise.
        """
        return words + entities
