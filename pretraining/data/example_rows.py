"""Rows of examples as flat arrays, from a row group of Parquet or a TFRecord file."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlukit.pretraining.data.counter_random import Bits, Integers
from mlukit.schemas.arrow import EXAMPLES
from mlukit.schemas.records import Split

Ids: TypeAlias = npt.NDArray[np.int32]
Flags: TypeAlias = npt.NDArray[np.bool_]

LISTS = ("token_ids", "entity_ids", "entity_starts", "entity_ends")


def ranges(starts: Integers | Ids, lengths: Integers) -> Integers:
    """Returns the integers of `range(start, start + length)` for each start and length, one range after the other."""
    ends = np.cumsum(lengths)
    flat = np.repeat(starts - (ends - lengths), lengths)
    flat += np.arange(len(flat))
    return flat


def offsets_of(lengths: Integers) -> Integers:
    """The offsets at which consecutive lists of these lengths begin, and at which the last one ends."""
    return np.concatenate([[0], np.cumsum(lengths)])


@dataclass(frozen=True, slots=True, eq=False)
class ExampleRows:
    """Examples. Row i has the tokens `token_ids[token_offsets[i] : token_offsets[i + 1]]`; entities likewise."""

    token_ids: Ids
    token_offsets: Integers
    entity_ids: Ids
    entity_starts: Ids  # into the row's tokens
    entity_ends: Ids
    entity_offsets: Integers
    keys: Bits  # by row: the key of the random numbers that mask it; 0 until a key is drawn

    @property
    def tokens(self) -> Integers:
        """The number of tokens of each row."""
        return np.diff(self.token_offsets)

    @property
    def entities(self) -> Integers:
        """The number of entities of each row."""
        return np.diff(self.entity_offsets)

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, rows: Integers, keys: Bits | None = None) -> Self:
        """Copies the given rows, in the given order; `keys` replace their keys."""
        tokens, entities = self.tokens[rows], self.entities[rows]
        entity_indices = ranges(self.entity_offsets[rows], entities)
        return type(self)(
            token_ids=self.token_ids[ranges(self.token_offsets[rows], tokens)],
            token_offsets=offsets_of(tokens),
            entity_ids=self.entity_ids[entity_indices],
            entity_starts=self.entity_starts[entity_indices],
            entity_ends=self.entity_ends[entity_indices],
            entity_offsets=offsets_of(entities),
            keys=self.keys[rows] if keys is None else keys,
        )

    def part(self, first: int, end: int) -> Self:
        """The rows from `first` to before `end`, without a copy."""
        tokens, entities = self.token_offsets[first : end + 1], self.entity_offsets[first : end + 1]
        inside = slice(entities[0], entities[-1])
        return type(self)(
            token_ids=self.token_ids[tokens[0] : tokens[-1]],
            token_offsets=tokens - tokens[0],
            entity_ids=self.entity_ids[inside],
            entity_starts=self.entity_starts[inside],
            entity_ends=self.entity_ends[inside],
            entity_offsets=entities - entities[0],
            keys=self.keys[first:end],
        )

    def without_entities(self) -> Self:
        """The rows without their entities."""
        empty = np.empty(0, np.int32)
        offsets = np.zeros_like(self.token_offsets)
        return type(self)(self.token_ids, self.token_offsets, empty, empty, empty, offsets, self.keys)


def concatenate(parts: Sequence[ExampleRows]) -> ExampleRows:
    """The rows of several parts, in order."""
    flat = {
        f.name: np.concatenate([getattr(part, f.name) for part in parts])
        for f in fields(ExampleRows)
        if not f.name.endswith("_offsets")
    }
    tokens = offsets_of(np.concatenate([part.tokens for part in parts]))
    entities = offsets_of(np.concatenate([part.entities for part in parts]))
    return ExampleRows(**flat, token_offsets=tokens, entity_offsets=entities)


def gather(parts: Sequence[tuple[ExampleRows, Integers]], keys: Bits) -> ExampleRows:
    """Copies some rows of each part, in order. Fast for many parts with a few rows each.

    Args:
        parts: rows, and the indices of those to copy.
        keys: the key of each copied row.
    """
    tokens, entities, starts, ends = [], [], [], []
    token_numbers, entity_numbers = [], []
    for rows, indices in parts:
        firsts, lasts = rows.token_offsets[indices], rows.token_offsets[indices + 1]
        token_numbers.append(lasts - firsts)
        tokens += [rows.token_ids[first:last] for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True)]
        firsts, lasts = rows.entity_offsets[indices], rows.entity_offsets[indices + 1]
        entity_numbers.append(lasts - firsts)
        for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
            entities.append(rows.entity_ids[first:last])
            starts.append(rows.entity_starts[first:last])
            ends.append(rows.entity_ends[first:last])
    return ExampleRows(
        token_ids=np.concatenate(tokens),
        token_offsets=offsets_of(np.concatenate(token_numbers)),
        entity_ids=np.concatenate(entities),
        entity_starts=np.concatenate(starts),
        entity_ends=np.concatenate(ends),
        entity_offsets=offsets_of(np.concatenate(entity_numbers)),
        keys=keys,
    )


def rows_from_table(table: pa.Table, split: Split) -> ExampleRows:
    """Makes rows of a table that has the columns of `LISTS`, and the column `split`.

    Args:
        table: the table.
        split: the split of all rows.

    Raises:
        ValueError: a column has another type, or a row is of another split.
    """
    for name in LISTS:
        if (found := table.schema.field(name).type) != (expected := EXAMPLES.field(name).type):
            raise ValueError(f"{name} has the type {found}, not {expected}")
    splits = pc.unique(table.column("split")).to_pylist()
    if others := [repr(other) for other in splits if other != split]:
        raise ValueError(f"an example has the split {others[0]}, the file's name says {split!r}")
    return _rows_from_lists({name: _flat(table.column(name)) for name in LISTS})


def _flat(column: pa.ChunkedArray) -> tuple[Ids, Integers]:
    """The values and the offsets of a column of lists."""
    lists = column.combine_chunks()
    return lists.flatten().to_numpy(), offsets_of(lists.value_lengths().to_numpy())


def _rows_from_lists(lists: dict[str, tuple[Ids, Integers]]) -> ExampleRows:
    """Rows of the values and offsets of each column; ValueError if an entity lacks a start or an end."""
    offsets = lists["entity_ids"][1]
    for name in ("entity_starts", "entity_ends"):
        if not np.array_equal(offsets, lists[name][1]):
            raise ValueError(f"{name} and entity_ids have different lengths")
    return ExampleRows(
        token_ids=lists["token_ids"][0],
        token_offsets=lists["token_ids"][1],
        entity_ids=lists["entity_ids"][0],
        entity_starts=lists["entity_starts"][0],
        entity_ends=lists["entity_ends"][0],
        entity_offsets=offsets,
        keys=np.zeros(len(offsets) - 1, np.uint64),
    )
