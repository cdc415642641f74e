"""Samples do not depend on the order in which items come."""

import random

from hypothesis import given
from hypothesis import strategies as st

from mlukit.corpus.audit.hash_sample import SIZE, HashSample


@given(st.sets(st.integers(0, 10_000), max_size=60), st.randoms(use_true_random=False))
def test_the_same_few_in_any_order(numbers: set[int], order: random.Random) -> None:
    one, other, rest = HashSample(), HashSample(), HashSample()
    shuffled = sorted(numbers)
    order.shuffle(shuffled)
    for number in sorted(numbers):
        one.add(str(number), number)
    for place, number in enumerate(shuffled):
        (other if place % 2 else rest).add(str(number), number)
    other.add_json(rest.to_json())
    assert one.items() == other.items()
    assert len(one.items()) == min(SIZE, len(numbers))
    assert set(one.items()) <= numbers


def test_a_shorter_sample_is_the_beginning_of_a_longer_one() -> None:
    short, long = HashSample(3), HashSample(9)
    for number in range(100):
        short.add(str(number), number)
        long.add(str(number), number)
    assert short.items() == long.items()[:3]
