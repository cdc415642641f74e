"""The batches of a run: a pure function of the seed, the stage and the step, read ahead in a thread.

A step has `batch_size` examples. Each rank takes its share of the draws of the step, reads the row groups of the share,
masks the examples and packs them. The examples of a step and their masks do not depend on the number of ranks.

The random keys and the order have two versions; a run keeps the version that it began with (`DataConfig.keys_version`).
In version 1, the stage is in no key, the order has one lane, and each rank reads all examples of the step: the ranks
then share the examples out by their tokens.
"""

import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from mlukit.pretraining.config import ConfigError, DataConfig
from mlukit.pretraining.data.batch import Batch
from mlukit.pretraining.data.counter_random import Integers, permutation, random_bits, random_key
from mlukit.pretraining.data.dataset import ExampleDataset, RowGroup
from mlukit.pretraining.data.example_rows import ExampleRows, concatenate, gather
from mlukit.pretraining.data.masking import MaskedRows, mask_rows
from mlukit.pretraining.data.packing import Capacities, capacities, deal, fill_batch, pack, sizes_of
from mlukit.pretraining.data.row_limits import RowLimits
from mlukit.pretraining.data.sampling import DrawnRows, OrderSettings, SamplingOrder

MOST_LANES = 64  # of the order: so many row groups of a language are mixed, and so many ranks read no row group twice
STEPS_AHEAD = 2

Item: TypeAlias = tuple[int, list[Batch]] | BaseException | None  # None: there are no more batches


@dataclass(frozen=True, slots=True, eq=False)
class _GroupDraws:
    """The rows drawn from one row group."""

    language: str
    key: np.uint64  # of the epoch; with the number of a row it makes the key that the row is masked by
    first_row: int  # the number of the group's first row among the rows of all shards of the language
    rows: ExampleRows  # all rows of the group
    indices: Integers  # of the drawn rows, among the group's rows

    def only(self, chosen: Integers) -> "_GroupDraws":
        """Some of the drawn rows."""
        return replace(self, indices=self.indices[chosen])


class BatchSource:
    """The batches of every step. Keeps a window of row groups of each lane in memory; for one thread at a time."""

    def __init__(self, dataset: ExampleDataset, config: DataConfig, stage: int) -> None:
        self._dataset, self._config = dataset, config
        self._purpose = key_purpose(config, stage)
        self._order = sampling_order(dataset, config, stage)
        self._kept: dict[str, _KeptGroups] = {language: _KeptGroups() for language in self._order.languages}

    def step(self, step: int, rank: int = 0, world: int = 1) -> list[Batch]:
        """Makes the micro-batches of a rank in a step; their number can differ between ranks and steps.

        Args:
            step: the number of the step, counted from 0.
            rank: the number of this rank.
            world: the number of ranks.

        Raises:
            ConfigError: there are more ranks than examples in a step.
            ExamplesError: a shard is damaged, or has rows outside the limits.
        """
        self._dataset.check_shards(rank, world)
        return _packed(_gathered(self._share(step, rank, world)), self._dataset, self._config, world)

    def examples(self, step: int, rank: int = 0, world: int = 1) -> list[list[tuple[str, int]]]:
        """Names the examples of each micro-batch of a step: language, and number among the rows of all its shards."""
        share = self._share(step, rank, world)
        masked = _masked(_gathered(share), self._dataset, self._config)
        names = [(part.language, part.first_row + index) for part in share for index in part.indices.tolist()]
        room = run_capacities(self._dataset, self._config, world)
        return [[names[row] for row in chosen] for chosen in pack(sizes_of(masked), room.limits)]

    @property
    def groups_in_memory(self) -> int:
        """The number of row groups in memory."""
        return sum(len(kept.groups) for kept in self._kept.values())

    def _share(self, step: int, rank: int, world: int) -> list[_GroupDraws]:
        """The examples of a rank in a step."""
        size = self._config.batch_size
        if size < world:
            raise ConfigError(f"batch_size {size} is less than the {world} ranks")
        if self._config.keys_version > 1:
            return self._read_draws(self._order.drawn_rows(step * size, size, rank, world))
        return _dealt(self._read_draws(self._order.drawn_rows(step * size, size)), rank, world)

    def _read_draws(self, draws: Iterator[DrawnRows]) -> list[_GroupDraws]:
        """Reads the row groups of drawn rows, and lets go of the row groups of earlier windows."""
        parts, languages = [], set()
        for drawn in draws:
            group, kept = self._dataset.groups[drawn.language][drawn.group], self._kept[drawn.language]
            if drawn.group not in kept.groups:
                kept.groups[drawn.group] = self._read(group)
            kept.windows.update(dict.fromkeys(drawn.lanes, drawn.window))
            key = random_key(self._config.seed, *self._purpose, "masks", drawn.language, drawn.epoch)
            parts.append(_GroupDraws(drawn.language, key, group.first_row, kept.groups[drawn.group], drawn.rows))
            languages.add(drawn.language)
        for language in languages:
            self._kept[language].forget()
        return parts

    def _read(self, group: RowGroup) -> ExampleRows:
        return read_rows(self._dataset, group, self._config)


class _KeptGroups:
    """The row groups of a language that are in memory: the last window of each lane."""

    def __init__(self) -> None:
        self.windows: dict[int, tuple[int, ...]] = {}  # by lane: the numbers of the row groups
        self.groups: dict[int, ExampleRows] = {}  # by number

    def forget(self) -> None:
        """Lets go of the row groups that are in no lane's last window."""
        needed = {number for window in self.windows.values() for number in window}
        self.groups = {number: rows for number, rows in self.groups.items() if number in needed}


def _gathered(parts: list[_GroupDraws]) -> ExampleRows:
    """The drawn rows, with the keys that they are masked by."""
    numbers = np.concatenate([part.first_row + part.indices for part in parts])
    keys = np.repeat(np.array([part.key for part in parts]), [len(part.indices) for part in parts])
    return gather([(part.rows, part.indices) for part in parts], random_bits(keys, numbers))


def _dealt(parts: list[_GroupDraws], rank: int, world: int) -> list[_GroupDraws]:
    """The share of a rank in the examples of a step, by the tokens of the examples."""
    if world == 1:
        return parts
    share = deal(np.concatenate([part.rows.tokens[part.indices] for part in parts]), world)[rank]
    firsts = np.cumsum([0, *(len(part.indices) for part in parts)])
    bounds = np.searchsorted(share, firsts)
    return [part.only(share[bounds[number] : bounds[number + 1]] - firsts[number]) for number, part in enumerate(parts)]


def key_purpose(config: DataConfig, stage: int) -> tuple[str | int, ...]:
    """The first words of the random keys of a run's batches, beside the seed."""
    return ("stage", stage) if config.keys_version > 1 else ()


def sampling_order(dataset: ExampleDataset, config: DataConfig, stage: int) -> SamplingOrder:
    """The order in which a run takes the examples to train on."""
    rows = {
        language: [group.rows if group.split == "train" else 0 for group in groups]
        for language, groups in dataset.groups.items()
    }
    first = config.keys_version == 1
    settings = OrderSettings(
        seed=config.seed,
        purpose=key_purpose(config, stage),
        exponent=config.language_exponent,
        window_groups=config.shuffled_groups if first else 1,
        lanes=1 if first else _lanes(dataset, rows, config.shuffle_megabytes << 20),
    )
    return SamplingOrder(rows, settings)


def _lanes(dataset: ExampleDataset, group_rows: Mapping[str, list[int]], most_bytes: int) -> int:
    """The largest number of lanes, a power of two, whose row groups fit into so many bytes, one group for each lane.

    The run's order depends on this number, so the calculation belongs to the version of the keys.
    """
    lanes = MOST_LANES
    while lanes > 1:
        needed = 0.0
        for language, rows in group_rows.items():
            mean = dataset.mean_lengths[language]
            example = 4 * mean.tokens + 12 * mean.entities + 24  # int32 lists, two offsets and a key
            needed += min(lanes, sum(n > 0 for n in rows)) * max(rows, default=0) * example
        if needed <= most_bytes:
            break
        lanes //= 2
    return lanes


def run_capacities(dataset: ExampleDataset, config: DataConfig, world: int = 1) -> Capacities:
    """The shapes of a run's batches, from the mean size of an example as languages are drawn."""
    weights = {language: n**config.language_exponent for language, n in dataset.train_examples.items() if n}
    total = sum(weights.values())
    tokens = sum(weight * dataset.mean_lengths[language].tokens for language, weight in weights.items()) / total
    entities = sum(weight * dataset.mean_lengths[language].entities for language, weight in weights.items()) / total
    return capacities(config, tokens, entities, world)


def read_rows(dataset: ExampleDataset, group: RowGroup, config: DataConfig) -> ExampleRows:
    """The part of a group's rows that the objective keeps."""
    rows = dataset.read(group, RowLimits.from_config(config, dataset.vocabulary_size, dataset.entity_vocabulary_size))
    return config.loaded_objective.keep(rows)


def _masked(rows: ExampleRows, dataset: ExampleDataset, config: DataConfig) -> MaskedRows:
    return mask_rows(rows, config, dataset.vocabulary_size, dataset.word_starts)


def _packed(rows: ExampleRows, dataset: ExampleDataset, config: DataConfig, world: int) -> list[Batch]:
    """Masks rows and packs them into micro-batches."""
    masked, room = _masked(rows, dataset, config), run_capacities(dataset, config, world)
    return [fill_batch(masked, examples, room) for examples in pack(sizes_of(masked), room.limits)]


def validation_batches(
    dataset: ExampleDataset, config: DataConfig, language: str, examples: int, world: int = 1
) -> Iterator[Batch]:
    """Batches of a language's held-out examples: the same at every call, and none if nothing is held out.

    Args:
        examples: the most examples to take; the seed decides in which order row groups are taken.
        world: number of ranks, which decides the shapes of a run's batches; the examples are all here for any number.
    """
    groups = dataset.groups[language]
    key = random_key(config.seed, "validation masks", language)
    remaining, parts = examples, []
    for number in permutation(random_key(config.seed, "validation", language), len(groups)).tolist():
        if remaining and groups[number].split == "validation":
            rows = read_rows(dataset, groups[number], config)
            indices = np.arange(min(len(rows), remaining))
            parts.append(rows.take(indices, random_bits(key, groups[number].first_row + indices)))
            remaining -= len(indices)
    if parts:
        yield from _packed(concatenate(parts), dataset, config, world)


def prefetch(
    source: BatchSource, first_step: int, steps: int, rank: int = 0, world: int = 1
) -> Iterator[tuple[int, list[Batch]]]:
    """The batches of `steps` steps from `first_step` on, made by a thread ahead of their use.

    An error in the thread is raised here. The thread ends when the iterator is closed or used up.
    """
    ready: queue.Queue[Item] = queue.Queue(maxsize=STEPS_AHEAD)
    closed = threading.Event()
    arguments = source, range(first_step, first_step + steps), rank, world, ready, closed
    thread = threading.Thread(target=_make_batches, args=arguments, name="batches", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        closed.set()
        thread.join()


def _make_batches(
    source: BatchSource, steps: range, rank: int, world: int, ready: queue.Queue[Item], closed: threading.Event
) -> None:
    """Puts the batches of each step into the queue, then None, or the error that ended the thread."""
    try:
        for step in steps:
            _put((step, source.step(step, rank, world)), ready, closed)
            if closed.is_set():
                return
        _put(None, ready, closed)
    except BaseException as error:  # of any kind: the waiting thread must learn of it
        _put(error, ready, closed)


def _put(item: Item, ready: queue.Queue[Item], closed: threading.Event) -> None:
    """Waits until the queue has room, or until nobody reads from it any more."""
    while not closed.is_set():
        with suppress(queue.Full):
            ready.put(item, timeout=0.1)
            break
