"""The random numbers that decide a run's data."""

import numpy as np

from mlukit.pretraining.data.counter_random import below, permutation, random_bits, random_key, unit_interval


def test_numbers_are_those_of_splitmix64() -> None:
    # the outputs of Vigna's splitmix64.c (prng.di.unimi.it) from state 0, which others print too
    first = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F, 0xF88BB8A8724C81EC]
    assert random_bits(np.uint64(0), np.arange(4)).tolist() == first


def test_a_key_for_each_number_gives_what_one_key_gives() -> None:
    keys, counters = np.array([7, 7, 9], np.uint64), np.array([0, 5, 5])
    one_by_one = [int(random_bits(np.uint64(k), np.array([c]))[0]) for k, c in ((7, 0), (7, 5), (9, 5))]
    assert random_bits(keys, counters).tolist() == one_by_one
    assert counters.tolist() == [0, 5, 5]


def test_keys_differ_by_seed_and_purpose_and_never_change() -> None:
    # the first 8 bytes of `printf 1/rows/de/0 | sha256sum`
    assert random_key(1, "rows", "de", 0) == np.uint64(0x70C23C671A5DB542)
    keys = {int(random_key(*key)) for key in ((1, "a", 1), (1, "a", 11), (1, "a", "1", 1), (2, "a", 1))}
    assert len(keys) == 4


def test_a_permutation_never_changes() -> None:
    assert permutation(np.uint64(1), 8).tolist() == [4, 3, 7, 0, 1, 5, 6, 2]


def test_ranges() -> None:
    extremes = np.array([0, 2**64 - 1], np.uint64)
    assert below(extremes, 250_000).tolist() == [0, 249_999]
    assert unit_interval(extremes).tolist() == [0.0, 1 - 2**-53]


def test_below_is_even() -> None:
    counts = np.bincount(below(random_bits(np.uint64(3), np.arange(100_000)), 10), minlength=10)
    assert counts.min() > 9_600 and counts.max() < 10_400
