"""The order in which a run takes its examples."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlukit.pretraining.data.sampling import BLOCK, OrderSettings, SamplingOrder, quotas

GROUPS = {"de": [3, 0, 5], "en": [4, 4, 4, 1], "th": [1], "xx": [0, 0]}
GROUP_SIZES = st.lists(st.integers(0, 9), min_size=1, max_size=8).filter(any)


LANES = st.sampled_from([1, 2, 8])


def order_of(
    sizes: Mapping[str, Sequence[int]], *, seed: int = 1, window: int = 1, lanes: int = 1, block: int = BLOCK
) -> SamplingOrder:
    return SamplingOrder(sizes, OrderSettings(seed=seed, exponent=0.7, window_groups=window, lanes=lanes, block=block))


def rows_drawn(
    order: SamplingOrder, first: int, count: int, rank: int = 0, world: int = 1
) -> Counter[tuple[str, int, int, int]]:
    """The rows of a stretch of draws: language, epoch, group, row of the group."""
    return Counter(
        (drawn.language, drawn.epoch, drawn.group, row)
        for drawn in order.drawn_rows(first, count, rank, world)
        for row in drawn.rows.tolist()
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
@given(
    st.integers(0, 2**63),
    st.dictionaries(st.sampled_from("abc"), GROUP_SIZES, min_size=1),
    st.integers(1, 4),
    LANES,
    st.integers(0, 400),
)
def test_an_epoch_holds_every_row_once(
    seed: int, sizes: dict[str, list[int]], window: int, lanes: int, count: int
) -> None:
    seen = rows_drawn(order_of(sizes, seed=seed, window=window, lanes=lanes, block=64), 0, count)
    assert sum(seen.values()) == count and max(seen.values(), default=1) == 1
    for language, rows in sizes.items():
        draws = sum(code == language for code, _, _, _ in seen)
        everything = {(group, row) for group, n in enumerate(rows) for row in range(n)}
        for epoch in range(draws // len(everything)):
            drawn = {(group, row) for code, number, group, row in seen if (code, number) == (language, epoch)}
            assert drawn == everything
        assert all(epoch <= draws // len(everything) for code, epoch, _, _ in seen if code == language)


@settings(deadline=None)
@given(st.integers(0, 99), st.integers(0, 500), st.lists(st.integers(1, 60), min_size=1, max_size=6), LANES)
def test_a_stretch_is_the_same_however_it_is_cut(seed: int, first: int, counts: list[int], lanes: int) -> None:
    order, same_order = (order_of(GROUPS, seed=seed, window=2, lanes=lanes, block=32) for _ in range(2))
    borders = np.cumsum([first, *counts]).tolist()
    parts = [rows_drawn(same_order, start, end - start) for start, end in reversed(list(pairwise(borders)))]
    assert sum(parts, Counter()) == rows_drawn(order, first, sum(counts))


@settings(deadline=None)
@given(st.integers(0, 99), st.integers(0, 500), st.integers(1, 60), st.integers(1, 20), LANES)
def test_ranks_share_a_stretch(seed: int, first: int, count: int, world: int, lanes: int) -> None:
    order = order_of(GROUPS, seed=seed, lanes=lanes, block=32)
    shares = [rows_drawn(order, first, count, rank, world) for rank in range(world)]
    assert sum(shares, Counter()) == rows_drawn(order, first, count)
    assert {sum(share.values()) for share in shares} <= {count // world, count // world + 1}


@pytest.mark.parametrize("world", [1, 2, 4, 8, 16])
def test_a_rank_needs_its_share_of_the_row_groups_and_one_more(world: int) -> None:
    order = order_of({"en": [100] * 96}, lanes=16)
    for epoch in range(3):
        needed = [{group for _, _, group, _ in rows_drawn(order, 9_600 * epoch, 9_600, r, world)} for r in range(world)]
        assert all(len(groups) <= 96 // world + 2 for groups in needed)
        assert sum(map(len, needed)) <= 96 + world
    whole = {group for _, _, group, _ in rows_drawn(order, 0, 9_600, 1, 3)}  # 3 ranks do not divide the lanes
    assert len(whole) == 96


def test_lanes_that_meet_at_a_row_group_are_there_at_the_same_time() -> None:
    order, last = order_of({"en": [100] * 96}, lanes=16), dict[int, int]()
    returns = 0
    for step in range(96):
        for group in {group for _, _, group, _ in rows_drawn(order, 100 * step, 100)}:
            returns += step - last.get(group, step) > 8  # a group of a lane's own lasts 16 steps, 6 rows in each
            last[group] = step
    assert returns == 0


def test_lanes_mix_all_parts_of_a_language() -> None:
    order = order_of({"en": [100] * 96}, lanes=16)
    groups = [group for _, _, group, _ in rows_drawn(order, 5_000, 64)]
    assert len(set(groups)) >= 12 and max(Counter(groups).values()) <= 12


@pytest.mark.parametrize("lanes", [0, 3, 12])
def test_lanes_that_cannot_be(lanes: int) -> None:
    with pytest.raises(ValueError, match=f"{lanes} lanes; the number of lanes is a power of two"):
        order_of(GROUPS, lanes=lanes)


def test_every_block_holds_each_language_equally_often() -> None:
    order = order_of(GROUPS, window=2, block=100)
    assert order.languages == ("de", "en", "th")
    assert order.quotas == (38, 53, 9)  # 8, 13 and 1 examples, each to the power of 0.7: 4.29, 6.02, 1
    for block in range(3):
        seen = rows_drawn(order, 100 * block, 100)
        assert [sum(n for key, n in seen.items() if key[0] == code) for code in order.languages] == [38, 53, 9]


def test_windows_mix_a_few_groups_and_no_more() -> None:
    order = order_of({"en": [10] * 12}, seed=5, window=3)
    groups = [{group for _, _, group, _ in rows_drawn(order, start, 30)} for start in range(0, 120, 30)]
    assert [len(group) for group in groups] == [3, 3, 3, 3]
    assert len(set().union(*groups)) == 12
    assert {drawn.group for drawn in order.drawn_rows(0, 8)} == groups[0]
    assert all(set(drawn.window) == groups[0] for drawn in order.drawn_rows(0, 8))


def test_seeds_epochs_and_blocks_differ() -> None:
    def rows(seed: int, first: int) -> list[tuple[int, int]]:
        drawn = order_of({"en": [20, 20]}, seed=seed, window=2).drawn_rows(first, 40)
        return [(part.group, row) for part in drawn for row in part.rows.tolist()]

    assert rows(1, 0) != rows(2, 0)
    assert rows(1, 0) != rows(1, 40)
    assert sorted(rows(1, 0)) == sorted(rows(1, 40)) == sorted(rows(2, 0))


def test_the_order_of_a_run_never_changes() -> None:
    found = [
        (drawn.language, drawn.epoch, drawn.group, drawn.rows.tolist())
        for drawn in order_of(GROUPS, window=2, block=16).drawn_rows(20, 8)
    ]
    assert found == [
        ("de", 1, 0, [2, 0, 1]),
        ("de", 1, 2, [1]),
        ("en", 0, 1, [1, 2]),
        ("en", 1, 1, [1]),
        ("th", 1, 0, [0]),
    ]


def test_the_order_of_a_run_with_lanes_never_changes() -> None:
    settings = OrderSettings(seed=1, purpose=("stage", 2), exponent=0.7, window_groups=1, lanes=4, block=16)
    found = [
        (drawn.language, drawn.epoch, drawn.group, drawn.rows.tolist(), drawn.lanes)
        for drawn in SamplingOrder(GROUPS, settings).drawn_rows(20, 8)
    ]
    assert found == [
        ("de", 0, 2, [2], (2,)),
        ("de", 1, 0, [0], (1,)),
        ("de", 1, 2, [1], (3,)),
        ("en", 0, 2, [2], (0,)),
        ("en", 1, 1, [1], (0,)),
        ("en", 1, 2, [3], (2,)),
        ("en", 1, 3, [0], (1,)),
        ("en", 1, 0, [3], (3,)),
    ]


def test_a_late_place_costs_no_more_than_the_first() -> None:
    for lanes in (1, 16):
        assert sum(rows_drawn(order_of(GROUPS, window=2, lanes=lanes), 10**12, 50).values()) == 50


def test_no_examples() -> None:
    with pytest.raises(ValueError, match="0 languages have examples"):
        order_of({"en": [0]})
