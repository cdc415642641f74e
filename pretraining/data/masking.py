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

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlukit.corpus.entities.vocabulary import SPECIAL_ENTITIES, UNKNOWN_ID
from mlukit.corpus.examples.tokenizer import SPECIAL_PIECES
from mlukit.pretraining.config import DataConfig
from mlukit.pretraining.data.counter_random import Bits, Integers, below, random_bits, unit_interval
from mlukit.pretraining.data.example_rows import ExampleRows, Ids, offsets_of, ranges

ENTITY_MASK_ID = SPECIAL_ENTITIES.index("[MASK]")

# What random numbers are for: an example's key gives a key for each purpose, and that a number for each place.
_CHOOSE_WORD, _REPLACE, _RANDOM_PIECE, _CHOOSE_ENTITY = range(4)

_PLACE_BITS, _SCORE_BITS, _ROW_BITS = 16, 27, 20  # of 64, with one between for what must not be chosen
_MOST_PLACES = 1 << _PLACE_BITS
_ROWS_AT_ONCE = 64  # some 200 KB an array: what a processor's cache holds


@dataclass(frozen=True, slots=True, eq=False)
class MaskedRows:
    """Examples, and which of their words and entities are to be predicted.

    Row i is to predict the tokens `word_targets[word_target_offsets[i] : word_target_offsets[i + 1]]`, entities
    likewise; targets count through the tokens, and the entities, of all rows, and ascend.
    """

    rows: ExampleRows  # as they were
    token_ids: Ids  # after masking
    entity_ids: Ids
    word_targets: Integers
    word_target_offsets: Integers
    entity_targets: Integers
    entity_target_offsets: Integers


def mask_rows(rows: ExampleRows, config: DataConfig, vocabulary_size: int) -> MaskedRows:
    """Masks examples by their keys; `vocabulary_size` is that of the pieces, <mask> its last."""
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
    """The numbers of several arrays, of none as well."""
    return np.concatenate([np.empty(0, np.int64), *parts])


def _choose_entities(rows: ExampleRows, share: float) -> tuple[Integers, Integers]:
    """Which entities are to be predicted, and how many of each row."""
    unknown = np.flatnonzero(rows.entity_ids == UNKNOWN_ID)
    row_of_unknown = np.searchsorted(rows.entity_offsets, unknown, side="right") - 1
    quotas = _share_of(rows.entities - np.bincount(row_of_unknown, minlength=len(rows)), share)
    return _smallest(rows.keys, _CHOOSE_ENTITY, rows.entity_offsets, unknown, quotas), quotas


def _words_under(rows: ExampleRows, entities: Integers) -> tuple[Integers, Integers]:
    """The tokens of the mentions of entities; and for each token of the rows, whose number decides what becomes of it:

    its own, but under these mentions that of the mention's first.
    """
    starts = (rows.entity_starts + np.repeat(rows.token_offsets[:-1], rows.entities))[entities]
    lengths = (rows.entity_ends - rows.entity_starts)[entities].astype(np.int64)
    forced, drawn_by = ranges(starts, lengths), np.arange(len(rows.token_ids))
    drawn_by[forced] = np.repeat(starts, lengths)
    return forced, drawn_by


def _choose_words(rows: ExampleRows, share: float, forced: Integers) -> tuple[Integers, Integers]:
    """Which words are to be predicted, and how many of each row: those forced, and others up to the share."""
    row_of_forced = np.searchsorted(rows.token_offsets, forced, side="right") - 1
    forced_numbers = np.bincount(row_of_forced, minlength=len(rows))
    quotas = np.maximum(_share_of(rows.tokens - 2, share) - forced_numbers, 0)
    barred = np.concatenate([rows.token_offsets[:-1], rows.token_offsets[1:] - 1, forced])
    chosen = _smallest(rows.keys, _CHOOSE_WORD, rows.token_offsets, barred, quotas)
    return np.sort(np.concatenate([chosen, forced])) if len(forced) else chosen, quotas + forced_numbers


def _share_of(numbers: Integers, share: float) -> Integers:
    """max(1, round(share · number)) of each; none of none, and none where the share is 0."""
    wanted = np.maximum(np.rint(numbers * share).astype(np.int64), 1)
    return np.where((numbers > 0) & (share > 0), wanted, 0)


def _smallest(keys: Bits, purpose: int, offsets: Integers, barred: Integers, quotas: Integers) -> Integers:
    """Chooses by random numbers among the elements of lists: `quotas` of each, never a barred one; ascending.

    One sort does it for all lists: by list, barred, the number's upper bits, place in the list. Lists have at least as
    many elements that are not barred.
    """
    lengths = np.diff(offsets)
    if (longest := int(lengths.max(initial=0))) > _MOST_PLACES:
        raise ValueError(f"a row of {longest:,} places; {_MOST_PLACES:,} can be sorted")
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
    return random_bits(keys, np.full(len(keys), purpose))


def _replaced(
    rows: ExampleRows,
    targets: Integers,
    numbers: Integers,
    drawn_by: Integers,
    config: DataConfig,
    vocabulary_size: int,
) -> Ids:
    """What stands at the targets after masking, of which each row has so many."""
    firsts = np.repeat(rows.token_offsets[:-1], numbers)
    drawn = random_bits(np.repeat(_keys_for(rows.keys, _REPLACE), numbers), drawn_by[targets] - firsts)
    piece_bits = random_bits(np.repeat(_keys_for(rows.keys, _RANDOM_PIECE), numbers), targets - firsts)
    pieces = below(piece_bits, vocabulary_size - len(SPECIAL_PIECES) - 1) + len(SPECIAL_PIECES)
    draws = unit_interval(drawn)
    masked = draws < config.word_mask_token_share
    random = draws < config.word_mask_token_share + config.word_random_share
    ids = np.where(masked, vocabulary_size - 1, np.where(random, pieces, rows.token_ids[targets]))
    return ids.astype(np.int32)
