"""The order in which a run takes its examples: any step is known without reading the steps before it.

The run is an endless sequence of draws; a step is `batch_size` of them. Every block of 65,536 draws holds each language
equally often, in proportion to its examples ^ exponent ([mLUKE] section 2.1; Conneau and Lample, NeurIPS 2019), to a
draw; each block has its own random order of languages. So the number of a language's draws before any position is its
draws in one block, times the blocks, plus a count within one block.

Draw d belongs to lane d mod `lanes`, and in every block a language has equally many draws of each lane, to a draw. Of
`world` ranks, a rank takes every `world`-th draw. So it takes whole lanes if `world` divides `lanes`.

A language with n examples begins a new epoch every n draws. An epoch permutes the row groups of the language, cuts them
into windows of a few groups, and permutes all rows of each window. The rows in this order are cut into runs, one for
each lane, as long as the epoch has draws of the lane. So an epoch has every row once, and a lane reads only the row
groups of its run. Together the lanes read as many row groups at once, from all parts of the Wikipedia.

The runs of a rank are side by side, and every second run is read from its end. So two lanes are at the same time at a
row group that both have rows of, and a rank reads it once: in an epoch, a rank reads its share of a language and one
row group more, on average.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from mlukit.pretraining.data.counter_random import Integers, permutation, random_bits, random_key

BLOCK = 1 << 16  # draws


@dataclass(frozen=True, slots=True, eq=False)
class DrawnRows:
    """The rows drawn from one row group of one language in one epoch, in the order of the draws."""

    language: str
    epoch: int
    lanes: tuple[int, ...]  # the lanes whose last draw is from the window
    window: tuple[int, ...]  # the row groups of the window
    group: int  # one of them
    rows: Integers  # the index of each drawn row among the group's train rows


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSettings:
    """The choices that decide an order.

    Attributes:
        seed: the seed of the run.
        purpose: the first words of every random key, beside the seed.
        exponent: languages are drawn in proportion to their examples to this power.
        window_groups: the number of row groups in a window.
        lanes: the number of lanes: a power of two that divides `block`.
        block: the number of draws in a block.
    """

    seed: int
    purpose: tuple[str | int, ...] = ()
    exponent: float
    window_groups: int
    lanes: int = 1
    block: int = BLOCK

    def key(self, *purpose: str | int) -> np.uint64:
        """The random key for a purpose."""
        return random_key(self.seed, *self.purpose, *purpose)


class _Runs(NamedTuple):
    """The runs of rows that an epoch of a language is cut into, by lane."""

    starts: Integers  # the place, in the order of the epoch, of the row that is drawn first
    directions: Integers  # 1, or -1 if the run is read from its end
    draws_before: Integers  # draws of the language and the lane before the epoch

    def places(self, lanes: Integers, lane_numbers: Integers) -> Integers:
        """The places of draws, by lane and number of earlier draws of the lane."""
        return self.starts[lanes] + self.directions[lanes] * (lane_numbers - self.draws_before[lanes])


class SamplingOrder:
    """The order of the train examples of all languages."""

    def __init__(self, group_rows: Mapping[str, Sequence[int]], settings: OrderSettings) -> None:
        """Prepares the order; nothing is drawn yet.

        Args:
            group_rows: the number of train rows in each row group of each language; 0 is possible.
            settings: the choices that decide the order.

        Raises:
            ValueError: no language has a row, there are more languages than draws in a block, or the number of lanes is
                no power of two.
        """
        self._settings = settings
        self._run_lanes = _bits_reversed(settings.lanes)  # the lane of each run
        self._group_rows = {language: np.asarray(rows, np.int64) for language, rows in group_rows.items() if any(rows)}
        self.languages = tuple(self._group_rows)
        self._examples = [int(rows.sum()) for rows in self._group_rows.values()]
        weights = [n**settings.exponent for n in self._examples]
        self.quotas = quotas(weights, settings.block)  # draws of a block, by language
        self._lane_quotas = _lane_quotas(self.quotas, settings.lanes)
        # for each language: an epoch and the window of each lane, and as much room for the next ones
        epochs = 2 * len(self.languages)
        self._permutation = lru_cache(maxsize=epochs * settings.lanes)(self._permuted)
        self._group_order = lru_cache(maxsize=epochs)(self._ordered_groups)
        self._runs = lru_cache(maxsize=epochs)(self._cut_epoch)

    def drawn_rows(self, first: int, count: int, rank: int = 0, world: int = 1) -> Iterator[DrawnRows]:
        """The rows of the draws `first` to `first + count` - 1 that a rank takes, language by language."""
        draws = np.arange(first + (rank - first) % world, first + count, world)
        for index, (numbers, lanes, lane_numbers) in self._language_draws(draws):
            epochs = numbers // self._examples[index]
            for epoch in np.unique(epochs).tolist():
                chosen = epochs == epoch
                places = self._runs(index, epoch).places(lanes[chosen], lane_numbers[chosen])
                yield from self._epoch_rows(self.languages[index], epoch, places, lanes[chosen])

    def _language_draws(self, draws: Integers) -> Iterator[tuple[int, tuple[Integers, Integers, Integers]]]:
        """Each language's draws, in order.

        Yields:
            The index of a language, and for each of its draws: the number of earlier draws of the language, the lane,
            and the number of earlier draws of the language and the lane.
        """
        if not len(draws):
            return
        block, lanes = self._settings.block, self._settings.lanes
        numbers, offsets = np.divmod(draws, block)
        parts = [self._block(number) for number in range(int(numbers[0]), int(numbers[-1]) + 1)]
        offsets += (numbers - numbers[0]) * block
        languages, before, lane_before = (np.concatenate(arrays)[offsets] for arrays in zip(*parts, strict=True))
        lane = draws % lanes
        before = before + numbers * np.asarray(self.quotas)[languages]
        lane_before = lane_before + numbers * self._lane_quotas[languages, lane]
        for index in range(len(self.languages)):
            if len(chosen := np.flatnonzero(languages == index)):
                yield index, (before[chosen], lane[chosen], lane_before[chosen])

    def _block(self, block: int) -> tuple[Integers, Integers, Integers]:
        return _block_order(self._settings.key("languages", block), self.quotas, self._settings.lanes)

    def _cut_epoch(self, index: int, epoch: int) -> _Runs:
        """The runs of an epoch: as many rows for each lane as the epoch has draws of the lane."""
        examples = self._examples[index]
        before, after = (self._lane_draws(index, number * examples) for number in (epoch, epoch + 1))
        sizes = (after - before)[self._run_lanes]  # by run
        starts, directions = np.empty_like(before), np.ones_like(before)
        starts[self._run_lanes] = np.cumsum(sizes) - sizes
        backwards = self._run_lanes[1::2]
        starts[backwards] += sizes[1::2] - 1
        directions[backwards] = -1
        return _Runs(starts, directions, before)

    def _lane_draws(self, index: int, draws: int) -> Integers:
        """The number of draws of each lane among the first draws of a language."""
        lanes = self._settings.lanes
        if lanes == 1:
            return np.array([draws])
        block, rest = divmod(draws, self.quotas[index])
        counts: Integers = block * self._lane_quotas[index]
        if rest:
            places = np.flatnonzero(self._block(block)[0] == index)[:rest]
            counts = counts + np.bincount(places % lanes, minlength=lanes)
        return counts

    def _epoch_rows(self, language: str, epoch: int, places: Integers, lanes: Integers) -> Iterator[DrawnRows]:
        """The rows at some places of an epoch's order, window by window."""
        rows, width = self._group_rows[language], self._settings.window_groups
        groups, ends = self._group_order(language, epoch)
        windows = np.searchsorted(ends, places, side="right") // width
        staying: dict[int, list[int]] = {}  # the lanes that have their last draw in a window
        for lane, window in dict(zip(lanes.tolist(), windows.tolist(), strict=True)).items():
            staying.setdefault(window, []).append(lane)
        by_window = np.argsort(windows, kind="stable")
        places, windows = places[by_window], windows[by_window]
        borders = [0, *(np.flatnonzero(np.diff(windows)) + 1).tolist(), len(windows)]
        for start, end in pairwise(borders):
            window = int(windows[start])
            numbers = groups[window * width : (window + 1) * width]
            sizes = rows[numbers]
            first = int(ends[window * width] - sizes[0])
            order = self._permutation(int(sizes.sum()), "rows", language, epoch, window)
            chosen = order[places[start:end] - first]
            for group, group_rows in _by_group(numbers, sizes, chosen):
                stay = tuple(staying.get(window, ()))
                yield DrawnRows(language, epoch, stay, tuple(numbers.tolist()), group, group_rows)

    def _ordered_groups(self, language: str, epoch: int) -> tuple[Integers, Integers]:
        """The row groups in the order of an epoch, and the place after the last row of each."""
        groups = self._permuted(len(self._group_rows[language]), "groups", language, epoch)
        return groups, np.cumsum(self._group_rows[language][groups])

    def _permuted(self, size: int, *purpose: str | int) -> Integers:
        return permutation(self._settings.key(*purpose), size)


def _by_group(groups: Integers, sizes: Integers, chosen: Integers) -> Iterator[tuple[int, Integers]]:
    """Splits rows of a window, which are numbered from its first row on, by row group, in ascending order of groups."""
    if len(groups) == 1:
        yield int(groups[0]), chosen
        return
    ends = np.cumsum(sizes)
    drawn = np.searchsorted(ends, chosen, side="right")
    for index in np.unique(drawn)[np.argsort(groups[np.unique(drawn)])].tolist():
        yield int(groups[index]), chosen[drawn == index] - (ends[index] - sizes[index])


def quotas(weights: Sequence[float], total: int) -> tuple[int, ...]:
    """Shares `total` out in proportion to weights, by largest remainder, with at least 1 for each weight.

    Raises:
        ValueError: there are no weights, or more weights than `total`.
    """
    if not 0 < len(weights) <= total:
        raise ValueError(f"{len(weights)} languages have examples; 1 to {total:,} are possible")
    shares = np.asarray(weights) / sum(weights) * total
    quota = np.floor(shares).astype(np.int64)
    quota[np.argsort(quota - shares, kind="stable")[: total - int(quota.sum())]] += 1
    quota = np.maximum(quota, 1)
    while quota.sum() > total:
        quota[quota.argmax()] -= 1
    return tuple(quota.tolist())


def _lane_quotas(language_quotas: tuple[int, ...], lanes: int) -> Integers:
    """The draws of a block by language (rows) and lane (columns): a language's draws go round the lanes."""
    languages = np.repeat(np.arange(len(language_quotas)), language_quotas)
    numbers = np.bincount(languages * lanes + np.arange(len(languages)) % lanes, minlength=len(language_quotas) * lanes)
    return numbers.reshape(-1, lanes)


def _bits_reversed(size: int) -> Integers:
    """The numbers below a power of two in the order of their bits read backwards: those equal mod 2, 4, … are together.

    Raises:
        ValueError: the size is no power of two.
    """
    if size < 1 or size & (size - 1):
        raise ValueError(f"{size} lanes; the number of lanes is a power of two")
    order = np.zeros(1, np.int64)
    while len(order) < size:
        order = np.concatenate([2 * order, 2 * order + 1])
    return order


@lru_cache(maxsize=8)
def _block_order(key: np.uint64, language_quotas: tuple[int, ...], lanes: int) -> tuple[Integers, Integers, Integers]:
    """The language of each draw of a block, and how many earlier draws of the block have the same language.

    Returns:
        The languages; the numbers of earlier draws of the same language; the numbers of earlier draws of the same
        language and lane.
    """
    languages = np.repeat(np.arange(len(language_quotas)), language_quotas)
    bits = random_bits(key, np.arange(len(languages))).reshape(-1, lanes)
    languages = np.take_along_axis(languages.reshape(-1, lanes), np.argsort(bits, axis=0, kind="stable"), 0).ravel()
    before = _earlier_equals(languages)
    if lanes == 1:
        return languages, before, before
    return languages, before, _earlier_equals(languages * lanes + np.arange(len(languages)) % lanes)


def _earlier_equals(values: Integers) -> Integers:
    """How many earlier values are equal, for each value."""
    order = np.argsort(values, kind="stable")
    counts = np.bincount(values)
    before = np.empty(len(values), np.int64)
    before[order] = np.arange(len(values)) - np.repeat(np.cumsum(counts) - counts, counts)
    return before
