"""Which example stands at which place of a run: known for any step without reading what comes before it.

The run is an endless sequence of draws; a step is `batch_size` of them. Every block of 65,536 draws holds each language
equally often, in proportion to its examples ^ exponent ([mLUKE] section 2.1; Conneau and Lample, NeurIPS 2019), to a
draw; the languages' order within a block is a permutation of its own. So the number of a language's draws before any
place is one block's, times the blocks, plus a count within one block.

The k-th draw of a language with n examples is row k mod n of its epoch k div n. An epoch's order is a permutation of
the row groups, cut into windows of a few groups, and a permutation of all rows of a window: a batch then holds pages
of several places of the Wikipedia, while a reader holds a window and no more. Every row stands in an epoch once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mlukit.pretraining.data.counter_random import Integers, permutation, random_key

BLOCK = 1 << 16  # draws


@dataclass(frozen=True, slots=True, eq=False)
class DrawnRows:
    """Examples of one language, one epoch and one window, in the order of the draws."""

    language: str
    epoch: int
    groups: Integers  # for each example, which row group it lies in
    rows: Integers  # and which of the group's train rows it is


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
        """`group_rows` has the number of train rows in each row group of each language; 0 is possible.

        Raises:
            ValueError: no language has a row, or there are more languages than draws in a block.
        """
        self._seed, self._block, self._window_groups = seed, block, window_groups
        self._group_rows = {language: np.asarray(rows, np.int64) for language, rows in group_rows.items() if any(rows)}
        self.languages = tuple(self._group_rows)
        self._examples = [int(rows.sum()) for rows in self._group_rows.values()]
        self.quotas = quotas([n**exponent for n in self._examples], block)  # draws of a block, by language
        self._permutation = lru_cache(maxsize=4 * len(self.languages))(permutation)  # an epoch's and a window's of each

    def drawn_rows(self, first: int, count: int) -> Iterator[DrawnRows]:
        """What stands at the places `first` to `first + count` - 1, language by language."""
        languages, numbers = self._numbered(first, count)
        for index, language in enumerate(self.languages):
            own = numbers[languages == index]
            epochs, places = np.divmod(own, self._examples[index])
            for epoch in np.unique(epochs).tolist():
                yield from self._drawn_of_epoch(language, epoch, places[epochs == epoch])

    def _numbered(self, first: int, count: int) -> tuple[Integers, Integers]:
        """For each place its language, and the how-manieth draw of that language it is."""
        places = np.arange(first, first + count)
        blocks = range(first // self._block, (first + count - 1) // self._block + 1)
        parts = [_block_order(self._seed, block, self.quotas) for block in blocks]
        inside = places - blocks[0] * self._block
        languages = np.concatenate([part[0] for part in parts])[inside]
        before = np.concatenate([part[1] for part in parts])[inside]
        return languages, places // self._block * np.asarray(self.quotas)[languages] + before

    def _drawn_of_epoch(self, language: str, epoch: int, places: Integers) -> Iterator[DrawnRows]:
        rows = self._group_rows[language]
        groups = self._permutation(random_key(self._seed, "groups", language, epoch), len(rows))
        ends = np.cumsum(rows[groups])
        windows = np.searchsorted(ends, places, side="right") // self._window_groups
        for window in np.unique(windows).tolist():
            first_group = window * self._window_groups
            first, own_ends = ends[first_group] - rows[groups[first_group]], ends[first_group:][: self._window_groups]
            key = random_key(self._seed, "rows", language, epoch, window)
            at = self._permutation(key, int(own_ends[-1] - first))[places[windows == window] - first] + first
            of = first_group + np.searchsorted(own_ends, at, side="right")
            yield DrawnRows(language, epoch, groups[of], at - (ends[of] - rows[groups[of]]))


def quotas(weights: Sequence[float], total: int) -> tuple[int, ...]:
    """`total` shared out in proportion to weights, by largest remainder, with at least 1 for each.

    Raises:
        ValueError: there is no weight, or more of them than `total`.
    """
    if not 0 < len(weights) <= total:
        raise ValueError(f"{len(weights)} languages have examples; 1 to {total:,} are possible")
    shares = np.asarray(weights) / sum(weights) * total
    given = np.floor(shares).astype(np.int64)
    given[np.argsort(given - shares, kind="stable")[: total - int(given.sum())]] += 1
    given = np.maximum(given, 1)
    while given.sum() > total:
        given[given.argmax()] -= 1
    return tuple(given.tolist())


@lru_cache(maxsize=8)
def _block_order(seed: int, block: int, language_quotas: tuple[int, ...]) -> tuple[Integers, Integers]:
    """The languages of a block's draws, and how many draws of the same language the block has before each."""
    size = sum(language_quotas)
    sorted_languages = np.repeat(np.arange(len(language_quotas)), language_quotas)
    languages = sorted_languages[permutation(random_key(seed, "languages", block), size)]
    before = np.empty(size, np.int64)
    firsts = np.cumsum(language_quotas) - language_quotas
    before[np.argsort(languages, kind="stable")] = np.arange(size) - firsts[sorted_languages]
    return languages, before
