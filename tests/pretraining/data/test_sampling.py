"""The order in which a run takes its examples."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlukit.pretraining.data.sampling import BLOCK, SamplingOrder, quotas

GROUPS = {"de": [3, 0, 5], "en": [4, 4, 4, 1], "th": [1], "xx": [0, 0]}
GROUP_SIZES = st.lists(st.integers(0, 9), min_size=1, max_size=8).filter(any)


def rows_drawn(order: SamplingOrder, first: int, count: int) -> Counter[tuple[str, int, int, int]]:
    """The rows of a stretch of draws: language, epoch, group, row of the group."""
    return Counter(
        (drawn.language, drawn.epoch, group, row)
        for drawn in order.drawn_rows(first, count)
        for group, row in zip(drawn.groups.tolist(), drawn.rows.tolist(), strict=True)
    )


@pytest.mark.parametrize(
    ("weights", "total", "expected"),
    [
        ([1.0], 7, (7,)),
        ([1.0, 1.0, 1.0], 10, (4, 3, 3)),
        ([3.0, 1.0], 8, (6, 2)),
        ([1e9, 1.0], 10, (9, 1)),  # a language is never forgotten
        ([1e9, 1.0, 1.0], 3, (1, 1, 1)),
    ],
)
def test_quotas(weights: list[float], total: int, expected: tuple[int, ...]) -> None:
    assert quotas(weights, total) == expected


@given(st.lists(st.integers(1, 10**8), min_size=1, max_size=40), st.floats(0, 1))
def test_quotas_are_the_shares_to_a_draw(sizes: list[int], exponent: float) -> None:
    weights = [n**exponent for n in sizes]
    given_out = quotas(weights, BLOCK)
    assert sum(given_out) == BLOCK
    shares = [weight / sum(weights) * BLOCK for weight in weights]
    lifted = sum(share < 1 for share in shares)  # to one draw each, which others give away
    for share, quota in zip(shares, given_out, strict=True):
        assert quota >= 1
        assert abs(quota - share) <= 1 + lifted


@pytest.mark.parametrize("weights", [[], [1.0] * 5])
def test_quotas_that_cannot_be(weights: list[float]) -> None:
    with pytest.raises(ValueError, match=f"{len(weights)} languages have examples; 1 to 4 are possible"):
        quotas(weights, 4)


@settings(deadline=None)
@given(st.integers(0, 2**63), st.dictionaries(st.sampled_from("abc"), GROUP_SIZES, min_size=1), st.integers(1, 4))
def test_an_epoch_holds_every_row_once(seed: int, sizes: dict[str, list[int]], window: int) -> None:
    order = SamplingOrder(seed, sizes, 0.7, window, block=64)
    seen = rows_drawn(order, 0, 64 * 5)
    for language, rows in sizes.items():
        epochs = Counter(epoch for code, epoch, _, _ in seen if code == language)
        everything = {(group, row) for group, n in enumerate(rows) for row in range(n)}
        for epoch in sorted(epochs)[:-1]:  # the last one may have been cut off
            drawn = [(group, row) for code, number, group, row in seen if (code, number) == (language, epoch)]
            assert set(drawn) == everything and len(drawn) == len(everything)
    assert max(seen.values()) == 1


@settings(deadline=None)
@given(st.integers(0, 99), st.integers(0, 500), st.lists(st.integers(1, 60), min_size=1, max_size=6))
def test_a_stretch_is_the_same_however_it_is_cut(seed: int, first: int, counts: list[int]) -> None:
    order, same_order = SamplingOrder(seed, GROUPS, 0.7, 2, block=32), SamplingOrder(seed, GROUPS, 0.7, 2, block=32)
    borders = np.cumsum([first, *counts]).tolist()
    parts = [rows_drawn(same_order, start, end - start) for start, end in reversed(list(pairwise(borders)))]
    assert sum(parts, Counter()) == rows_drawn(order, first, sum(counts))


def test_every_block_holds_each_language_equally_often() -> None:
    order = SamplingOrder(1, GROUPS, 0.7, 2, block=100)
    assert order.languages == ("de", "en", "th")
    assert order.quotas == (38, 53, 9)  # 8, 13 and 1 examples, each to the power of 0.7: 4.29, 6.02, 1
    for block in range(3):
        seen = rows_drawn(order, 100 * block, 100)
        assert [sum(n for key, n in seen.items() if key[0] == code) for code in order.languages] == [38, 53, 9]


def test_windows_mix_a_few_groups_and_no_more() -> None:
    order = SamplingOrder(5, {"en": [10] * 12}, 0.7, 3)
    groups = [
        group for start in range(0, 120, 30) for drawn in order.drawn_rows(start, 30) for group in [set(drawn.groups)]
    ]
    assert [len(group) for group in groups] == [3, 3, 3, 3]
    assert len(set().union(*groups)) == 12
    assert {group for drawn in order.drawn_rows(0, 8) for group in drawn.groups.tolist()} == groups[0]


def test_seeds_epochs_and_blocks_differ() -> None:
    def rows(seed: int, first: int) -> list[tuple[int, int]]:
        drawn = next(SamplingOrder(seed, {"en": [20, 20]}, 0.7, 2).drawn_rows(first, 40))
        return list(zip(drawn.groups.tolist(), drawn.rows.tolist(), strict=True))

    assert rows(1, 0) != rows(2, 0)
    assert rows(1, 0) != rows(1, 40)
    assert sorted(rows(1, 0)) == sorted(rows(1, 40)) == sorted(rows(2, 0))


def test_the_order_of_a_run_never_changes() -> None:
    found = [
        (drawn.language, drawn.epoch, drawn.groups.tolist(), drawn.rows.tolist())
        for drawn in SamplingOrder(1, GROUPS, 0.7, 2, block=16).drawn_rows(20, 8)
    ]
    assert found == [
        ("de", 1, [0, 0, 0], [2, 0, 1]),
        ("de", 1, [2], [1]),
        ("en", 0, [1, 1], [1, 2]),
        ("en", 1, [1], [1]),
        ("th", 1, [0], [0]),
    ]


def test_a_late_place_costs_no_more_than_the_first() -> None:
    order = SamplingOrder(1, GROUPS, 0.7, 2)
    assert sum(rows_drawn(order, 10**12, 50).values()) == 50


def test_no_examples() -> None:
    with pytest.raises(ValueError, match="0 languages have examples"):
        SamplingOrder(1, {"en": [0]}, 0.7, 2)
