"""Masks words and entities. Each example has its own random key, so its masks are the same in any batch, on any rank.

The objective of the run (the room `objectives`) chooses what is predicted. For words and entities, this follows LUKE's
code (studio-ousia/luke at 2516545, luke/pretraining/batch_generator.py, `_create_word_features` and
`_create_entity_features`) with the settings of [mLUKE]:

- an exact share of an example's pieces, except <s> and </s>, is predicted: max(1, round(share · pieces)), without
  replacement; each of them becomes <mask> (0.8), a random piece (0.1) or stays (0.1);
- an exact share of its entities is predicted, likewise at least one; each becomes [MASK];
- with `mask_mention_words`, the pieces under a masked mention are the first of the share, and are all predicted even if
  they are more; one random number decides for the whole mention whether its pieces become <mask>, random or stay.

Two things differ from LUKE's code. A random piece is never a special piece; in LUKE's code it may be </s>, <unk> or
<mask>. The unknown entity, [UNK], is never predicted: it stands for many entities.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlukit.corpus.entities.vocabulary import SPECIAL_ENTITIES
from mlukit.corpus.examples.tokenizer import SPECIAL_PIECES
from mlukit.pretraining.config import DataConfig
from mlukit.pretraining.data.choice import RANDOM_PIECE, REPLACE, keys_for
from mlukit.pretraining.data.counter_random import Integers, below, random_bits, unit_interval
from mlukit.pretraining.data.example_rows import ExampleRows, Flags, Ids, offsets_of, ranges

ENTITY_MASK_ID = SPECIAL_ENTITIES.index("[MASK]")

_ROWS_AT_ONCE = 64  # about 200 KB an array, which fits into a processor's cache


@dataclass(frozen=True, slots=True, eq=False)
class MaskedRows:
    """Examples, and which of their words and entities the model predicts.

    The word targets of row i are `word_targets[word_target_offsets[i] : word_target_offsets[i + 1]]`; entity targets
    likewise. Targets are indices into the tokens, and the entities, of all rows, in ascending order.
    """

    rows: ExampleRows  # before masking
    token_ids: Ids  # after masking
    entity_ids: Ids
    word_targets: Integers
    word_target_offsets: Integers
    entity_targets: Integers
    entity_target_offsets: Integers


def mask_rows(
    rows: ExampleRows, config: DataConfig, vocabulary_size: int, word_starts: Flags | None = None
) -> MaskedRows:
    """Masks examples by their keys.

    Args:
        rows: the examples, with their keys.
        config: the objective, and the shares to mask.
        vocabulary_size: the number of pieces; <mask> is the last piece.
        word_starts: for each id of the vocabulary, whether the piece starts a word; objectives of whole words
            need it.
    """
    objective = config.loaded_objective
    token_ids, entity_ids = rows.token_ids.copy(), rows.entity_ids.copy()
    word_targets, word_numbers, entity_targets, entity_numbers = [], [], [], []
    for first in range(0, len(rows), _ROWS_AT_ONCE):
        part = rows.part(first, first + _ROWS_AT_ONCE)
        first_token, first_entity = rows.token_offsets[first], rows.entity_offsets[first]
        entities, numbers = objective.choose_entities(part, config.entity_mask_share)
        entity_targets.append(entities + first_entity)
        entity_numbers.append(numbers)
        forced, drawn_by = _words_under(part, entities if config.mask_mention_words else entities[:0])
        words, numbers = objective.choose_words(part, config.word_mask_share, forced, word_starts)
        word_targets.append(words + first_token)
        word_numbers.append(numbers)
        token_ids[word_targets[-1]] = _replaced(part, words, numbers, drawn_by, config, vocabulary_size)
    entity_ids[(flat := concatenated(entity_targets))] = ENTITY_MASK_ID
    return MaskedRows(
        rows,
        token_ids,
        entity_ids,
        word_targets=concatenated(word_targets),
        word_target_offsets=offsets_of(concatenated(word_numbers)),
        entity_targets=flat,
        entity_target_offsets=offsets_of(concatenated(entity_numbers)),
    )


def concatenated(parts: Sequence[Integers]) -> Integers:
    """Concatenates arrays; returns an empty array if there are no arrays."""
    return np.concatenate([np.empty(0, np.int64), *parts])


def _words_under(rows: ExampleRows, entities: Integers) -> tuple[Integers, Integers]:
    """The tokens of the mentions of some entities; and for each token of the rows the token whose number it uses.

    That is the token itself, but under these mentions the first token of the mention.
    """
    starts = (rows.entity_starts + np.repeat(rows.token_offsets[:-1], rows.entities))[entities]
    lengths = (rows.entity_ends - rows.entity_starts)[entities].astype(np.int64)
    forced, drawn_by = ranges(starts, lengths), np.arange(len(rows.token_ids))
    drawn_by[forced] = np.repeat(starts, lengths)
    return forced, drawn_by


def _replaced(
    rows: ExampleRows,
    targets: Integers,
    numbers: Integers,
    drawn_by: Integers,
    config: DataConfig,
    vocabulary_size: int,
) -> Ids:
    """The token ids at the targets after masking.

    Args:
        rows: before masking.
        targets: the tokens to predict.
        numbers: how many targets each row has.
        drawn_by: for each token of the rows, the token whose random number decides between mask, random and unchanged.
        config: the shares of the three.
        vocabulary_size: number of pieces.
    """
    firsts = np.repeat(rows.token_offsets[:-1], numbers)
    drawn = random_bits(np.repeat(keys_for(rows.keys, REPLACE), numbers), drawn_by[targets] - firsts)
    piece_bits = random_bits(np.repeat(keys_for(rows.keys, RANDOM_PIECE), numbers), targets - firsts)
    pieces = below(piece_bits, vocabulary_size - len(SPECIAL_PIECES) - 1) + len(SPECIAL_PIECES)
    draws = unit_interval(drawn)
    masked = draws < config.word_mask_token_share
    random = draws < config.word_mask_token_share + config.word_random_share
    ids = np.where(masked, vocabulary_size - 1, np.where(random, pieces, rows.token_ids[targets]))
    return ids.astype(np.int32)
