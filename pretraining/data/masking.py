"""Masks words and entities. Each example has its own random key, so its masks are the same in any batch, on any rank.

The choice of masks follows LUKE's code (studio-ousia/luke at 2516545, luke/pretraining/batch_generator.py,
`_create_word_features` and `_create_entity_features`) with the settings of [mLUKE]:

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

from mlukit.corpus.entities.vocabulary import SPECIAL_ENTITIES, UNKNOWN_ID
from mlukit.corpus.examples.tokenizer import SPECIAL_PIECES
from mlukit.pretraining.config import DataConfig
from mlukit.pretraining.data.counter_random import Bits, Integers, below, random_bits, unit_interval
from mlukit.pretraining.data.example_rows import ExampleRows, Ids, offsets_of, ranges

ENTITY_MASK_ID = SPECIAL_ENTITIES.index("[MASK]")

# Purposes of random numbers: an example's key gives a key for each purpose, and that key a number for each place.
_CHOOSE_WORD, _REPLACE, _RANDOM_PIECE, _CHOOSE_ENTITY = range(4)

_PLACE_BITS, _SCORE_BITS, _ROW_BITS = 16, 27, 20  # of 64; one bit between marks elements that are barred
_MOST_PLACES = 1 << _PLACE_BITS
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


def mask_rows(rows: ExampleRows, config: DataConfig, vocabulary_size: int) -> MaskedRows:
    """Masks examples by their keys.

    Args:
        rows: the examples, with their keys.
        config: the shares to mask.
        vocabulary_size: the number of pieces; <mask> is the last piece.
    """
    token_ids, entity_ids = rows.token_ids.copy(), rows.entity_ids.copy()
    word_targets, word_numbers, entity_targets, entity_numbers = [], [], [], []
    for first in range(0, len(rows), _ROWS_AT_ONCE):
        part = rows.part(first, first + _ROWS_AT_ONCE)
        first_token, first_entity = rows.token_offsets[first], rows.entity_offsets[first]
        entities, numbers = _choose_entities(part, config.entity_mask_share)
        entity_targets.append(entities + first_entity)
        entity_numbers.append(numbers)
        forced, drawn_by = _words_under(part, entities if config.mask_mention_words else entities[:0])
        words, numbers = _choose_words(part, config.word_mask_share, forced)
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


def _choose_entities(rows: ExampleRows, share: float) -> tuple[Integers, Integers]:
    """The entities to predict, and how many each row has."""
    unknown = np.flatnonzero(rows.entity_ids == UNKNOWN_ID)
    row_of_unknown = np.searchsorted(rows.entity_offsets, unknown, side="right") - 1
    quotas = _share_of(rows.entities - np.bincount(row_of_unknown, minlength=len(rows)), share)
    return _smallest(rows.keys, _CHOOSE_ENTITY, rows.entity_offsets, unknown, quotas), quotas


def _words_under(rows: ExampleRows, entities: Integers) -> tuple[Integers, Integers]:
    """The tokens of the mentions of some entities; and for each token of the rows the token whose number it uses.

    That is the token itself, but under these mentions the first token of the mention.
    """
    starts = (rows.entity_starts + np.repeat(rows.token_offsets[:-1], rows.entities))[entities]
    lengths = (rows.entity_ends - rows.entity_starts)[entities].astype(np.int64)
    forced, drawn_by = ranges(starts, lengths), np.arange(len(rows.token_ids))
    drawn_by[forced] = np.repeat(starts, lengths)
    return forced, drawn_by


def _choose_words(rows: ExampleRows, share: float, forced: Integers) -> tuple[Integers, Integers]:
    """The words to predict, and how many each row has: the forced ones, and others up to the share."""
    row_of_forced = np.searchsorted(rows.token_offsets, forced, side="right") - 1
    forced_numbers = np.bincount(row_of_forced, minlength=len(rows))
    quotas = np.maximum(_share_of(rows.tokens - 2, share) - forced_numbers, 0)
    barred = np.concatenate([rows.token_offsets[:-1], rows.token_offsets[1:] - 1, forced])
    chosen = _smallest(rows.keys, _CHOOSE_WORD, rows.token_offsets, barred, quotas)
    return np.sort(np.concatenate([chosen, forced])) if len(forced) else chosen, quotas + forced_numbers


def _share_of(numbers: Integers, share: float) -> Integers:
    """max(1, round(share · number)) for each number; 0 where the number or the share is 0."""
    wanted = np.maximum(np.rint(numbers * share).astype(np.int64), 1)
    return np.where((numbers > 0) & (share > 0), wanted, 0)


def _smallest(keys: Bits, purpose: int, offsets: Integers, barred: Integers, quotas: Integers) -> Integers:
    """Chooses elements of lists by random numbers: as many elements of each list as the quota of the list says.

    One sort is enough for all lists: by list, barred or not, the upper bits of the random number, place in the list.

    Args:
        keys: the key of each list.
        purpose: the purpose of the random numbers.
        offsets: where each list begins, and where the last list ends.
        barred: elements that are never chosen.
        quotas: how many elements of each list to choose; each list has at least so many elements that are not barred.

    Returns:
        The chosen elements, ascending.
    """
    lengths = np.diff(offsets)
    if (longest := int(lengths.max(initial=0))) > _MOST_PLACES:
        raise ValueError(f"a row has {longest:,} places; at most {_MOST_PLACES:,} can be sorted")
    places = ranges(np.zeros_like(lengths), lengths)
    scores = random_bits(np.repeat(_keys_for(keys, purpose), lengths), places)
    scores >>= np.uint64(64 - _SCORE_BITS)
    scores[barred] |= np.uint64(1 << _SCORE_BITS)
    scores <<= np.uint64(_PLACE_BITS)
    scores |= places.view(np.uint64)
    scores |= np.repeat(np.arange(len(lengths), dtype=np.uint64) << np.uint64(64 - _ROW_BITS), lengths)
    scores.sort()
    chosen = scores[ranges(offsets[:-1], quotas)] & np.uint64(_MOST_PLACES - 1)
    return np.sort(chosen.view(np.int64) + np.repeat(offsets[:-1], quotas))


def _keys_for(keys: Bits, purpose: int) -> Bits:
    """The key of each example for one purpose."""
    return random_bits(keys, np.full(len(keys), purpose))


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
    drawn = random_bits(np.repeat(_keys_for(rows.keys, _REPLACE), numbers), drawn_by[targets] - firsts)
    piece_bits = random_bits(np.repeat(_keys_for(rows.keys, _RANDOM_PIECE), numbers), targets - firsts)
    pieces = below(piece_bits, vocabulary_size - len(SPECIAL_PIECES) - 1) + len(SPECIAL_PIECES)
    draws = unit_interval(drawn)
    masked = draws < config.word_mask_token_share
    random = draws < config.word_mask_token_share + config.word_random_share
    ids = np.where(masked, vocabulary_size - 1, np.where(random, pieces, rows.token_ids[targets]))
    return ids.astype(np.int32)
