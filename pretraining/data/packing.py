"""Packs examples into micro-batches of fixed capacity, and fills the tensors of a `Batch` with them.

Capacities follow from the configuration and from the mean size of an example in the manifests, so all shapes of a run
are the same. An example that does not fit into the remaining room of a micro-batch goes into another micro-batch: no
example is left out.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from mlukit.corpus.entities.vocabulary import SPECIAL_ENTITIES
from mlukit.corpus.examples.tokenizer import PAD_ID
from mlukit.pretraining.config import DataConfig
from mlukit.pretraining.data.batch import IGNORED, Batch
from mlukit.pretraining.data.counter_random import Integers
from mlukit.pretraining.data.example_rows import offsets_of, ranges
from mlukit.pretraining.data.masking import MaskedRows

_ENTITY_ROOM = 1.25  # times the mean number of entities of a micro-batch's words: lists have more
_EXAMPLE_ROOM = 1.5  # times the mean number of examples of a micro-batch's words: short pages make more
_DEVIATION = 1 / 3  # of an example's tokens, as a share of the mean
_DEVIATIONS = 1.5  # of a step's tokens: more of them in one step of fifteen
_WORD_ALIGNMENT = 128
_MENTION_TOKENS = 4  # room for each entity: [mLUKE]'s mentions have two to three
ENTITY_PAD_ID = SPECIAL_ENTITIES.index("[PAD]")
_ROUNDING = 1e-9  # of sums of shares; a share itself is a millionth at least


@dataclass(frozen=True, slots=True)
class Capacities:
    """The sizes of a batch's tensors, and how many examples it can hold."""

    words: int  # W
    entities: int  # E
    mention_tokens: int  # M
    examples: int
    word_targets: int  # PW
    entity_targets: int  # PE
    longest: int  # the most places of an example

    @property
    def limits(self) -> tuple[int, ...]:
        """The capacities in the order of the columns of `sizes_of`."""
        return self.words, self.entities, self.mention_tokens, self.examples, self.word_targets, self.entity_targets

    @property
    def sequences(self) -> int:
        """S: the examples, and the sequences that unused places can need."""
        return self.examples + -(-(self.words + self.entities) // self.longest)


def capacities(config: DataConfig, mean_tokens: float, mean_entities: float, world: int = 1) -> Capacities:
    """The sizes of micro-batches: room for one example of the largest size, and for many of mean size.

    Args:
        config: the limits of an example, the tokens of a micro-batch, and what is masked.
        mean_tokens: the mean number of tokens of an example, as examples are drawn.
        mean_entities: the mean number of entities of an example, as examples are drawn.
        world: number of ranks that share a step's examples.
    """
    words = _words(config, mean_tokens, world)
    examples = words / max(mean_tokens, 3)
    objective = config.loaded_objective
    with_entities = objective.with_entities
    entities = max(config.max_entities, _rounded(_ENTITY_ROOM * examples * mean_entities)) if with_entities else 0
    mention_tokens = max(config.max_tokens, _MENTION_TOKENS * entities) if with_entities else 0
    share = config.entity_mask_share
    entity_targets = max(share * entities + examples, share * config.max_entities + 1) if with_entities else 0
    most_words = objective.most_words(config.word_mask_share, config.max_tokens)
    if config.mask_mention_words:  # the words of an example's masked mentions may be all it has
        most_words = config.max_tokens
    return Capacities(
        words=words,
        entities=entities,
        mention_tokens=min(words, mention_tokens),
        examples=_rounded(_EXAMPLE_ROOM * examples),
        word_targets=min(words, _rounded(max(most_words, config.word_mask_share * words))),
        entity_targets=min(entities, _rounded(entity_targets)),
        longest=config.max_tokens + config.max_entities * with_entities,
    )


def _words(config: DataConfig, mean_tokens: float, world: int) -> int:
    """The words of a micro-batch: so few that the last micro-batch of a step is about as full as the others."""
    examples = config.batch_size / world
    deviations = _DEVIATIONS
    if (
        config.keys_version > 1
    ):  # the examples are not shared out by their tokens; the largest share of all ranks counts
        deviations = math.sqrt(_DEVIATIONS**2 + 2 * math.log(world))
    expected = examples * mean_tokens * (1 + deviations * _DEVIATION / math.sqrt(examples))
    number = max(1, math.ceil(expected / config.micro_batch_tokens))
    aligned = _WORD_ALIGNMENT * math.ceil(expected / number / _WORD_ALIGNMENT)
    return min(config.micro_batch_tokens, max(config.max_tokens, aligned))


def _rounded(number: float) -> int:
    """The number rounded up to a multiple of 8, which tensor cores like."""
    return 8 * math.ceil(number / 8)


def sizes_of(masked: MaskedRows) -> Integers:
    """How much of each capacity each example needs: a row for each example, columns as `Capacities.limits`."""
    rows = masked.rows
    lengths = rows.entity_ends - rows.entity_starts
    row_of_entity = np.repeat(np.arange(len(rows)), rows.entities)
    columns = (
        rows.tokens,
        rows.entities,
        np.bincount(row_of_entity, lengths, minlength=len(rows)).astype(np.int64),
        np.ones(len(rows), np.int64),
        np.diff(masked.word_target_offsets),
        np.diff(masked.entity_target_offsets),
    )
    return np.stack(columns, axis=1)


def deal(tokens: Integers, world: int) -> list[Integers]:
    """Shares examples out to ranks: each rank gets about equally many tokens, and equally many examples to within one.

    The longest examples go to the ranks first, forth and back (0 1 2 2 1 0 …). Only keys of version 1 use it.

    Returns:
        The examples of each rank, in ascending order.
    """
    order = np.argsort(-tokens, kind="stable")
    turn, position = np.divmod(np.arange(len(order)), world)
    ranks = np.where(turn % 2, world - 1 - position, position)
    return [np.sort(order[ranks == rank]) for rank in range(world)]


def pack(sizes: Integers, limits: Sequence[int]) -> list[Integers]:
    """Shares examples out to micro-batches.

    There are as few micro-batches as the sums allow, and one more whenever an example fits into no micro-batch. The
    longest examples come first. Each example goes to the micro-batch whose fullest capacity stays least full, so all
    micro-batches have the same mixture of sizes.

    Args:
        sizes: a row for each example and a column for each limit, no value above its limit.
        limits: the capacities of a micro-batch.

    Returns:
        The examples of each micro-batch, in ascending order.
    """
    shares = np.ascontiguousarray(sizes / np.maximum(limits, 1))[:, :, None]
    loads = np.zeros((len(limits), max(1, math.ceil(shares.sum(axis=0).max(initial=0) - _ROUNDING))))
    placed = np.empty(len(sizes), np.int64)
    for example in np.argsort(-sizes[:, 0], kind="stable").tolist():
        fullest = np.maximum.reduce(loads + shares[example])
        best = int(fullest.argmin())
        if fullest[best] > 1 + _ROUNDING:
            best, loads = loads.shape[1], np.pad(loads, ((0, 0), (0, 1)))
        loads[:, best] += shares[example, :, 0]
        placed[example] = best
    return [np.flatnonzero(placed == number) for number in range(loads.shape[1]) if (placed == number).any()]


def fill_batch(masked: MaskedRows, examples: Integers, room: Capacities) -> Batch:
    """Makes a batch of some examples; the capacities must have room for the examples."""
    rows = masked.rows
    words, entities = rows.tokens[examples], rows.entities[examples]
    token_indices = ranges(rows.token_offsets[examples], words)
    entity_indices = ranges(rows.entity_offsets[examples], entities)
    first_word, first_entity = offsets_of(words), offsets_of(entities)
    word_places = ranges(np.zeros_like(words), words)
    mention_lengths = (rows.entity_ends - rows.entity_starts)[entity_indices].astype(np.int64)
    word_targets, word_numbers = _targets(masked.word_targets, masked.word_target_offsets, examples)
    entity_targets, entity_numbers = _targets(masked.entity_targets, masked.entity_target_offsets, examples)
    masked_words = word_targets + np.repeat(first_word[:-1] - rows.token_offsets[examples], word_numbers)
    masked_entities = entity_targets + np.repeat(first_entity[:-1] - rows.entity_offsets[examples], entity_numbers)
    starts = first_word + first_entity  # of the examples in the stream, and the end of the last one
    return Batch(
        token_ids_W=_filled(masked.token_ids[token_indices], room.words, PAD_ID),
        token_positions_W=_filled(word_places + (PAD_ID + 1), room.words, PAD_ID),
        entity_ids_E=_filled(masked.entity_ids[entity_indices], room.entities, ENTITY_PAD_ID),
        mention_positions_M=_filled(
            ranges(rows.entity_starts[entity_indices], mention_lengths), room.mention_tokens, 0
        ),
        mention_entities_M=_filled(
            np.repeat(np.arange(len(entity_indices)), mention_lengths), room.mention_tokens, room.entities
        ),
        word_slots_W=_slots(ranges(starts[:-1], words), room.words, int(starts[-1])),
        entity_slots_E=_slots(
            ranges(starts[:-1] + words, entities), room.entities, int(starts[-1]) + room.words - int(first_word[-1])
        ),
        sequence_starts_S1=_sequence_starts(starts, room),
        masked_words_PW=_filled(masked_words, room.word_targets, 0),
        word_labels_PW=_filled(rows.token_ids[word_targets], room.word_targets, IGNORED),
        masked_entities_PE=_filled(masked_entities, room.entity_targets, 0),
        entity_labels_PE=_filled(rows.entity_ids[entity_targets], room.entity_targets, IGNORED),
        longest=room.longest,
        examples=len(examples),
        words=len(token_indices),
        entities=len(entity_indices),
        word_targets=len(masked_words),
        entity_targets=len(masked_entities),
    )


def _targets(targets: Integers, offsets: Integers, examples: Integers) -> tuple[Integers, Integers]:
    """The targets of some examples, and how many each example has."""
    numbers = np.diff(offsets)[examples]
    return targets[ranges(offsets[examples], numbers)], numbers


def _filled(values: npt.NDArray[np.signedinteger], size: int, filler: int) -> torch.Tensor:
    """The values, then `filler` up to `size`."""
    whole = np.full(size, filler, np.int64)
    whole[: len(values)] = values
    return torch.from_numpy(whole)


def _slots(used: Integers, size: int, next_unused: int) -> torch.Tensor:
    """Places in the stream: the used ones, then unused ones from `next_unused` on, up to `size`."""
    return torch.from_numpy(np.concatenate([used, np.arange(next_unused, next_unused + size - len(used))]))


def _sequence_starts(starts: Integers, room: Capacities) -> torch.Tensor:
    """Where sequences begin: the examples, then the unused places in pieces, then empty sequences."""
    end = room.words + room.entities
    padding = np.arange(int(starts[-1]), end, room.longest)[1:]  # its first piece begins where the last example ends
    whole = np.full(room.sequences + 1, end, np.int32)
    whole[: len(starts)] = starts
    whole[len(starts) : len(starts) + len(padding)] = padding
    return torch.from_numpy(whole)
