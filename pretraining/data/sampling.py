"""The order in which a run takes its examples: any step is known without reading the steps before it.

The run is an endless sequence of draws; a step is `batch_size` of them. Every block of 65,536 draws holds each language
equally often, in proportion to its examples ^ exponent ([mLUKE] section 2.1; Conneau and Lample, NeurIPS 2019), to a
draw; each block has its own random order of languages. So the number of a language's draws before any position is its
draws in one block, times the blocks, plus a count within one block.

The k-th draw of a language with n examples is row k mod n of its epoch k div n. An epoch's order is a permutation of
the row groups, cut into windows of a few groups, and a permutation of all rows of each window: a batch then holds pages
from several parts of the Wikipedia, while a reader keeps one window in memory. An epoch has every row once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mlukit.pretraining.data.counter_random import Integers, permutation, random_key

BLOCK = 1 << 16  # draws


@dataclass(frozen=True, slots=True, eq=False)
class DrawnRows:
    """The rows drawn from one window of one language in one epoch, in the order of the draws."""

    language: str
    epoch: int
    groups: Integers  # the row group of each drawn row
    rows: Integers  # the index of each drawn row among its group's train rows


class SamplingOrder:
    """The order of the train examples of all languages."""

    def __init__(
        self,
        seed: int,
        group_rows: Mapping[str, Sequence[int]],
        exponent: float,
        window_groups: int,
        block: int = BLOCK,
    ) -> None:
        """Prepares the order; nothing is drawn yet.

        Args:
            seed: of the run.
            group_rows: the number of train rows in each row group of each language; 0 is possible.
            exponent: languages are drawn in proportion to their examples to this power.
            window_groups: row groups in a window.
            block: draws in a block.

        Raises:
            ValueError: no language has a row, or there are more languages than draws in a block.
        """
        self._seed, self._block, self._window_groups = seed, block, window_groups
        self._group_rows = {language: np.asarray(rows, np.int64) for language, rows in group_rows.items() if any(rows)}
        self.languages = tuple(self._group_rows)
        self._examples = [int(rows.sum()) for rows in self._group_rows.values()]
        self.quotas = quotas([n**exponent for n in self._examples], block)  # draws of a block, by language
        # for each language: the groups of an epoch, the rows of a window, and room for the next epoch and window
        self._permutation = lru_cache(maxsize=4 * len(self.languages))(permutation)

    def drawn_rows(self, first: int, count: int) -> Iterator[DrawnRows]:
        """The rows of the draws `first` to `first + count` - 1, language by language."""
        languages, draw_numbers = self._language_draws(first, count)
        for index, language in enumerate(self.languages):
            epochs, positions = np.divmod(draw_numbers[languages == index], self._examples[index])
            for epoch in np.unique(epochs).tolist():
                yield from self._epoch_rows(language, epoch, positions[epochs == epoch])

    def _language_draws(self, first: int, count: int) -> tuple[Integers, Integers]:
        """The language of each draw, and its index among that language's draws."""
        draws = np.arange(first, first + count)
        blocks = range(first // self._block, (first + count - 1) // self._block + 1)
        parts = [_block_order(self._seed, block, self.quotas) for block in blocks]
        offsets = draws - blocks[0] * self._block
        languages = np.concatenate([part[0] for part in parts])[offsets]
        before = np.concatenate([part[1] for part in parts])[offsets]
        return languages, draws // self._block * np.asarray(self.quotas)[languages] + before

    def _epoch_rows(self, language: str, epoch: int, positions: Integers) -> Iterator[DrawnRows]:
        """The rows at some positions of an epoch's order, window by window."""
        rows = self._group_rows[language]
        groups = self._permutation(random_key(self._seed, "groups", language, epoch), len(rows))
        ends = np.cumsum(rows[groups])
        windows = np.searchsorted(ends, positions, side="right") // self._window_groups
        for window in np.unique(windows).tolist():
            first_group = window * self._window_groups
            first = ends[first_group] - rows[groups[first_group]]
            window_ends = ends[first_group:][: self._window_groups]
            key = random_key(self._seed, "rows", language, epoch, window)
            order = self._permutation(key, int(window_ends[-1] - first))
            chosen = order[positions[windows == window] - first] + first
            places = first_group + np.searchsorted(window_ends, chosen, side="right")  # in the order of groups
            yield DrawnRows(language, epoch, groups[places], chosen - (ends[places] - rows[groups[places]]))


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


@lru_cache(maxsize=8)
def _block_order(seed: int, block: int, language_quotas: tuple[int, ...]) -> tuple[Integers, Integers]:
    """The language of each draw of a block, and how many earlier draws of the block have the same language."""
    size = sum(language_quotas)
    sorted_languages = np.repeat(np.arange(len(language_quotas)), language_quotas)
    languages = sorted_languages[permutation(random_key(seed, "languages", block), size)]
    before = np.empty(size, np.int64)
    firsts = np.cumsum(language_quotas) - language_quotas
    before[np.argsort(languages, kind="stable")] = np.arange(size) - firsts[sorted_languages]
    return languages, before
