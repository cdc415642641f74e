"""Masks words and entities, each example by the random numbers of its own key: the same in any batch, on any rank.

What is masked follows LUKE's code (studio-ousia/luke at 2516545, luke/pretraining/batch_generator.py,
`_create_word_features` and `_create_entity_features`) with the settings of [mLUKE]:

- an exact share of an example's pieces, <s> and </s> aside: max(1, round(share · pieces)), without replacement; each of
  them becomes <mask> (0.8), a random piece (0.1) or stays (0.1), and is to be predicted;
- an exact share of its entities, likewise at least one, each of them as [MASK];
- with `mask_mention_words`, all pieces under a masked mention count first towards the pieces to predict, be they more,
  and one draw decides for the whole mention what becomes of its pieces.

Two things are otherwise here. A random piece is never a special one: LUKE's may be </s>, <unk> or <mask>. An unknown
entity, [UNK], is never to be predicted: it is many entities.
"""

from dataclasses import dataclass

import numpy as np

from corpus.tokenizer import SPECIAL_PIECES
from corpus.vocabulary import SPECIAL_ENTITIES, UNKNOWN_ID
from pretraining.config import DataConfig
from pretraining.counter_random import Bits, Integers, below, random_bits, unit_interval
from pretraining.example_rows import ExampleRows, Flags, Ids, ranges

ENTITY_MASK_ID = SPECIAL_ENTITIES.index("[MASK]")

# What a random number is for: example keys give a number for each purpose and place.
_CHOOSE_WORD, _REPLACE, _RANDOM_PIECE, _CHOOSE_ENTITY, _PURPOSES = range(5)

_PLACE_BITS, _SCORE_BITS, _ROW_BITS = 16, 27, 20  # of 64, with one between for what must not be chosen
MAX_ROWS, MAX_PLACES = 1 << _ROW_BITS, 1 << _PLACE_BITS


@dataclass(frozen=True, slots=True, eq=False)
class MaskedRows:
    """Examples, and which of their words and entities are to be predicted."""

    rows: ExampleRows  # as they were
    token_ids: Ids  # after masking
    entity_ids: Ids
    word_targets: Integers  # into the tokens of all rows, ascending
    entity_targets: Integers  # into the entities of all rows, ascending


def mask_rows(rows: ExampleRows, config: DataConfig, vocabulary_size: int) -> MaskedRows:
    """Masks examples by their keys; `vocabulary_size` is that of the pieces, <mask> its last."""
    entity_targets = _choose_entities(rows, config.entity_mask_share)
    entity_ids = rows.entity_ids.copy()
    entity_ids[entity_targets] = ENTITY_MASK_ID
    mentions = entity_targets if config.mask_mention_words else entity_targets[:0]
    forced, first_pieces = _words_under(rows, mentions)
    word_targets = _choose_words(rows, config.word_mask_share, forced)
    drawn_by = np.arange(len(rows.token_ids))  # the place whose number decides what becomes of a piece
    drawn_by[forced] = first_pieces
    token_ids = rows.token_ids.copy()
    token_ids[word_targets] = _replaced(rows, word_targets, drawn_by[word_targets], config, vocabulary_size)
    return MaskedRows(rows, token_ids, entity_ids, word_targets, entity_targets)


def _choose_entities(rows: ExampleRows, share: float) -> Integers:
    row_of, places = _row_and_place(rows.entity_offsets)
    known = rows.entity_ids != UNKNOWN_ID
    numbers = np.bincount(row_of[known], minlength=len(rows))
    bits = random_bits(rows.keys[row_of], places * _PURPOSES + _CHOOSE_ENTITY)
    return _smallest(bits, ~known, row_of, places, rows.entity_offsets, _share_of(numbers, share))


def _words_under(rows: ExampleRows, entities: Integers) -> tuple[Integers, Integers]:
    """The tokens of the mentions of entities, and for each the first one of its mention."""
    row_of = np.repeat(np.arange(len(rows)), rows.entities)[entities]
    starts = rows.entity_starts[entities] + rows.token_offsets[row_of]
    lengths = (rows.entity_ends - rows.entity_starts)[entities].astype(np.int64)
    return ranges(starts, lengths), np.repeat(starts, lengths)


def _choose_words(rows: ExampleRows, share: float, forced: Integers) -> Integers:
    """The forced ones, and of the others as many as the share asks for."""
    row_of, places = _row_and_place(rows.token_offsets)
    quotas = _share_of(rows.tokens - 2, share) - np.bincount(row_of[forced], minlength=len(rows))
    barred = np.zeros(len(row_of), np.bool_)
    barred[rows.token_offsets[:-1]] = barred[rows.token_offsets[1:] - 1] = barred[forced] = True
    bits = random_bits(rows.keys[row_of], places * _PURPOSES + _CHOOSE_WORD)
    chosen = _smallest(bits, barred, row_of, places, rows.token_offsets, np.maximum(quotas, 0))
    return np.sort(np.concatenate([chosen, forced])) if len(forced) else chosen


def _share_of(numbers: Integers, share: float) -> Integers:
    """max(1, round(share · number)) of each; none of none, and none where the share is 0."""
    wanted = np.maximum(np.rint(numbers * share).astype(np.int64), 1)
    return np.where((numbers > 0) & (share > 0), wanted, 0)


def _row_and_place(offsets: Integers) -> tuple[Integers, Integers]:
    """For each element of lists: which list it is in, and where there."""
    lengths = np.diff(offsets)
    row_of = np.repeat(np.arange(len(lengths)), lengths)
    return row_of, np.arange(len(row_of)) - np.repeat(offsets[:-1], lengths)


def _smallest(
    bits: Bits, barred: Flags, row_of: Integers, places: Integers, offsets: Integers, quotas: Integers
) -> Integers:
    """The elements with the smallest numbers of each row, `quotas` of them, never a barred one; ascending.

    One sort does it for all rows: by row, barred, upper bits of the number, place. A row has that many unbarred ones.
    """
    if len(quotas) > MAX_ROWS or places.max(initial=0) >= MAX_PLACES:
        raise ValueError(
            f"{len(quotas):,} rows of {places.max(initial=0) + 1:,} places, over {MAX_ROWS:,} or {MAX_PLACES:,}"
        )
    scores = bits >> np.uint64(64 - _SCORE_BITS)
    scores |= barred.astype(np.uint64) << np.uint64(_SCORE_BITS)
    scores |= row_of.astype(np.uint64) << np.uint64(_SCORE_BITS + 1)
    scores <<= np.uint64(_PLACE_BITS)
    scores |= places.astype(np.uint64)
    scores.sort()
    chosen = scores[ranges(offsets[:-1], quotas)] & np.uint64(MAX_PLACES - 1)
    return np.sort(chosen.astype(np.int64) + np.repeat(offsets[:-1], quotas))


def _replaced(
    rows: ExampleRows, targets: Integers, drawn_by: Integers, config: DataConfig, vocabulary_size: int
) -> Ids:
    """What stands at the targets after masking."""
    row_of = np.searchsorted(rows.token_offsets, targets, side="right") - 1
    keys, first = rows.keys[row_of], rows.token_offsets[row_of]
    drawn = unit_interval(random_bits(keys, (drawn_by - first) * _PURPOSES + _REPLACE))
    piece_bits = random_bits(keys, (targets - first) * _PURPOSES + _RANDOM_PIECE)
    pieces = below(piece_bits, vocabulary_size - len(SPECIAL_PIECES) - 1) + len(SPECIAL_PIECES)
    masked = drawn < config.word_mask_token_share
    random = drawn < config.word_mask_token_share + config.word_random_share
    ids = np.where(masked, vocabulary_size - 1, np.where(random, pieces, rows.token_ids[targets]))
    return ids.astype(np.int32)
