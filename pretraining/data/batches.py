"""The batches of a run: a pure function of the seed and the step, read ahead in a thread.

A step has `batch_size` examples. Each rank reads the row groups that the step needs, takes its share of the examples,
masks and packs them. How an example is masked does not depend on the number of ranks.
"""

import queue
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple, TypeAlias

import numpy as np

from mlukit.pretraining.config import ConfigError, DataConfig
from mlukit.pretraining.data.batch import Batch
from mlukit.pretraining.data.counter_random import Bits, Integers, permutation, random_bits, random_key
from mlukit.pretraining.data.dataset import ExampleDataset, RowGroup
from mlukit.pretraining.data.example_rows import ExampleRows, concatenate
from mlukit.pretraining.data.masking import mask_rows
from mlukit.pretraining.data.packing import Capacities, capacities, deal, fill_batch, pack, sizes_of
from mlukit.pretraining.data.row_limits import RowLimits
from mlukit.pretraining.data.sampling import DrawnRows, SamplingOrder

STEPS_AHEAD = 2

Item: TypeAlias = tuple[int, list[Batch]] | BaseException | None  # None: there are no more batches


class _GroupDraws(NamedTuple):
    """The rows drawn from one row group."""

    language: str
    rows: ExampleRows  # all rows of the group
    indices: Integers  # of the drawn rows, among the group's rows
    numbers: Integers  # of the drawn rows, among the rows of all shards of the language
    keys: Bits  # of the drawn rows

    def take(self, chosen: Integers) -> ExampleRows:
        """Some of the drawn rows, with their keys."""
        return self.rows.take(self.indices[chosen], self.keys[chosen])


class BatchSource:
    """The batches of every step. Keeps a window of row groups of each language in memory; for one thread at a time."""

    def __init__(self, dataset: ExampleDataset, config: DataConfig) -> None:
        self._dataset, self._config = dataset, config
        rows = {
            language: [group.rows if group.split == "train" else 0 for group in groups]
            for language, groups in dataset.groups.items()
        }
        self._order = SamplingOrder(config.seed, rows, config.language_exponent, config.shuffled_groups)
        self._kept: dict[str, OrderedDict[RowGroup, ExampleRows]] = {
            name: OrderedDict() for name in self._order.languages
        }

    def step(self, step: int, rank: int = 0, world: int = 1) -> list[Batch]:
        """The micro-batches of a rank in a step; their number can differ between ranks and steps.

        Args:
            step: counted from 0.

        Raises:
            ConfigError: there are more ranks than examples in a step.
            ExamplesError: a shard is damaged, or has rows outside the limits.
        """
        rows, _ = self._share(step, rank, world)
        return _packed(rows, self._dataset, self._config, world)

    def examples(self, step: int, rank: int = 0, world: int = 1) -> list[list[tuple[str, int]]]:
        """Which examples `step` puts into each micro-batch: language, and number among the rows of all its shards."""
        rows, row_numbers = self._share(step, rank, world)
        masked = mask_rows(rows, self._config, self._dataset.vocabulary_size)
        names = [(language, number) for language, numbers in row_numbers for number in numbers.tolist()]
        room = run_capacities(self._dataset, self._config, world)
        return [[names[row] for row in chosen] for chosen in pack(sizes_of(masked), room.limits)]

    def _share(self, step: int, rank: int, world: int) -> tuple[ExampleRows, list[tuple[str, Integers]]]:
        """A rank's examples in a step, and in the same order their languages and row numbers."""
        if self._config.batch_size < world:
            raise ConfigError(f"batch_size {self._config.batch_size} is less than the {world} ranks")
        parts = [
            part
            for drawn in self._order.drawn_rows(step * self._config.batch_size, self._config.batch_size)
            for part in self._group_draws(drawn)
        ]
        share = deal(np.concatenate([part.rows.tokens[part.indices] for part in parts]), world)[rank]
        firsts = np.cumsum([0, *(len(part.indices) for part in parts)])
        bounds = np.searchsorted(share, firsts)
        rows, row_numbers = [], []
        for number, part in enumerate(parts):
            chosen = share[bounds[number] : bounds[number + 1]] - firsts[number]
            rows.append(part.take(chosen))
            row_numbers.append((part.language, part.numbers[chosen]))
        return concatenate(rows), row_numbers

    def _group_draws(self, drawn: DrawnRows) -> Iterator[_GroupDraws]:
        """Splits drawn rows by row group, reads the groups and adds the keys that the rows are masked by."""
        groups = self._dataset.groups[drawn.language]
        key = random_key(self._config.seed, "masks", drawn.language, drawn.epoch)
        for number in np.unique(drawn.groups).tolist():
            rows = self._read(drawn.language, groups[number])
            indices = drawn.rows[drawn.groups == number]
            numbers = groups[number].first_row + indices
            yield _GroupDraws(drawn.language, rows, indices, numbers, random_bits(key, numbers))

    def _read(self, language: str, group: RowGroup) -> ExampleRows:
        """A group's rows, from memory if it was read lately; the group used least lately makes room for a new one."""
        kept = self._kept[language]
        if group not in kept:
            if len(kept) >= self._config.shuffled_groups:
                kept.popitem(last=False)
            kept[group] = read_rows(self._dataset, group, self._config)
        kept.move_to_end(group)
        return kept[group]


def run_capacities(dataset: ExampleDataset, config: DataConfig, world: int = 1) -> Capacities:
    """The shapes of a run's batches, from the mean size of an example as languages are drawn."""
    weights = {language: n**config.language_exponent for language, n in dataset.train_examples.items() if n}
    total = sum(weights.values())
    tokens = sum(weight * dataset.mean_lengths[language].tokens for language, weight in weights.items()) / total
    entities = sum(weight * dataset.mean_lengths[language].entities for language, weight in weights.items()) / total
    return capacities(config, tokens, entities, world)


def read_rows(dataset: ExampleDataset, group: RowGroup, config: DataConfig) -> ExampleRows:
    """A group's rows, without entities if only words are predicted."""
    rows = dataset.read(group, RowLimits.from_config(config, dataset.vocabulary_size, dataset.entity_vocabulary_size))
    return rows.without_entities() if config.objective == "words" else rows


def _packed(rows: ExampleRows, dataset: ExampleDataset, config: DataConfig, world: int) -> list[Batch]:
    """Masks rows and packs them into micro-batches."""
    masked, room = mask_rows(rows, config, dataset.vocabulary_size), run_capacities(dataset, config, world)
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
