"""The limits of an example: a batch must have room for it, and the tables must have a row for each of its ids."""

from dataclasses import dataclass

import numpy as np

from mlukit.corpus.entities.vocabulary import SPECIAL_ENTITIES, UNKNOWN_ID
from mlukit.corpus.examples.tokenizer import BOS_ID, EOS_ID
from mlukit.pretraining.config import DataConfig
from mlukit.pretraining.data.example_rows import ExampleRows, Flags


@dataclass(frozen=True, slots=True)
class RowLimits:
    """The limits of a run."""

    max_tokens: int
    max_entities: int
    max_mention_tokens: int
    vocabulary_size: int
    entity_vocabulary_size: int

    @classmethod
    def from_config(cls, config: DataConfig, vocabulary_size: int, entity_vocabulary_size: int) -> "RowLimits":
        """The limits of a configuration and of the vocabularies of its examples."""
        sizes = config.max_tokens, config.max_entities, config.max_mention_tokens
        return cls(*sizes, vocabulary_size, entity_vocabulary_size)

    def check(self, rows: ExampleRows) -> None:
        """Checks every row.

        Raises:
            ValueError: a row is outside the limits; the text shows what was found and what is allowed.
        """
        self._check_lengths(rows)
        if not len(rows):
            return
        firsts, lasts = rows.token_ids[rows.token_offsets[:-1]], rows.token_ids[rows.token_offsets[1:] - 1]
        if (firsts != BOS_ID).any() or (lasts != EOS_ID).any():
            raise ValueError(f"an example does not begin with <s> ({BOS_ID}) and end with </s> ({EOS_ID})")
        if (worst := int(rows.token_ids.view(np.uint32).max())) >= self.vocabulary_size:
            raise ValueError(f"token id {worst} is not below the vocabulary's {self.vocabulary_size:,}")
        if len(rows.entity_ids):
            self._check_entities(rows)

    def _check_lengths(self, rows: ExampleRows) -> None:
        if (shortest := int(rows.tokens.min(initial=2))) < 2:
            raise ValueError(f"an example has {shortest} tokens; <s> and </s> are already two")
        for name, lengths, limit in (
            ("max_tokens", rows.tokens, self.max_tokens),
            ("max_entities", rows.entities, self.max_entities),
            ("max_mention_tokens", rows.entity_ends - rows.entity_starts, self.max_mention_tokens),
        ):
            if (longest := int(lengths.max(initial=0))) > limit:
                raise ValueError(
                    f"an example has {longest:,}, {name} is {limit:,}: raise {name}, or make shorter examples"
                )

    def _check_entities(self, rows: ExampleRows) -> None:
        ids, starts, ends = rows.entity_ids, rows.entity_starts, rows.entity_ends
        known: Flags = (ids == UNKNOWN_ID) | (ids >= len(SPECIAL_ENTITIES)) & (ids < self.entity_vocabulary_size)
        if not known.all():
            size = f"the vocabulary's {self.entity_vocabulary_size:,}"
            raise ValueError(f"entity id {ids[~known][0]} is special or not below {size}")
        least_starts = np.concatenate([[1], ends[:-1]])  # a mention starts after the one before it
        has_entities = rows.entities > 0
        least_starts[rows.entity_offsets[:-1][has_entities]] = 1  # after <s>
        inside = (starts >= least_starts) & (ends > starts) & (ends < np.repeat(rows.tokens, rows.entities))
        if not inside.all():
            number = int(np.flatnonzero(~inside)[0])
            raise ValueError(
                f"a mention of tokens {starts[number]} to {ends[number]} is empty, out of place or over another"
            )
