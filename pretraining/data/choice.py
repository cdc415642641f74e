"""Chooses elements of lists by the random keys of the lists: the choice in a list does not depend on other lists."""

import numpy as np

from mlukit.pretraining.data.counter_random import Bits, Integers, random_bits
from mlukit.pretraining.data.example_rows import ranges

# Purposes of random numbers: an example's key gives a key for each purpose, and that key a number for each place.
CHOOSE_WORD, REPLACE, RANDOM_PIECE, CHOOSE_ENTITY = range(4)

_PLACE_BITS, _SCORE_BITS, _LIST_BITS = 16, 27, 20  # of 64; one bit between marks elements that are barred
_MOST_PLACES = 1 << _PLACE_BITS


def share_of(numbers: Integers, share: float) -> Integers:
    """max(1, round(share · number)) for each number; 0 where the number or the share is 0."""
    wanted = np.maximum(np.rint(numbers * share).astype(np.int64), 1)
    return np.where((numbers > 0) & (share > 0), wanted, 0)


def smallest(keys: Bits, purpose: int, offsets: Integers, barred: Integers, quotas: Integers) -> Integers:
    """Chooses elements of lists by random numbers: as many elements of each list as the quota of the list says.

    One sort is enough for all lists: by list, barred or not, the upper bits of the random number, place in the list.

    Args:
        keys: the key of each list.
        purpose: the purpose of the random numbers.
        offsets: where each list begins, and where the last list ends.
        barred: elements that are never chosen.
        quotas: how many elements of each list to choose; each list has at least so many elements that are not barred.

    Returns:
        The chosen elements, ascending.
    """
    lengths = np.diff(offsets)
    places = ranges(np.zeros_like(lengths), lengths)
    scores = _scores(keys, purpose, np.repeat(np.arange(len(lengths)), lengths), places)
    scores[barred] |= np.uint64(1 << _PLACE_BITS + _SCORE_BITS)
    scores.sort()
    chosen = scores[ranges(offsets[:-1], quotas)] & np.uint64(_MOST_PLACES - 1)
    return np.sort(chosen.view(np.int64) + np.repeat(offsets[:-1], quotas))


def random_order(keys: Bits, purpose: int, lists: Integers, places: Integers) -> Integers:
    """The indices of elements of lists in a random order within each list, one list after the other.

    Args:
        keys: the key of each list.
        purpose: the purpose of the random numbers.
        lists: the list of each element.
        places: the place of each element in its list; the random number of the element depends on it.
    """
    return np.argsort(_scores(keys, purpose, lists, places))


def _scores(keys: Bits, purpose: int, lists: Integers, places: Integers) -> Bits:
    """Numbers to sort elements by: the list, one free bit, the upper bits of the random number, the place."""
    if (most := int(places.max(initial=-1)) + 1) > _MOST_PLACES:
        raise ValueError(f"a row has {most:,} places; at most {_MOST_PLACES:,} can be sorted")
    scores = random_bits(keys_for(keys, purpose)[lists], places)
    scores >>= np.uint64(64 - _SCORE_BITS)
    scores <<= np.uint64(_PLACE_BITS)
    scores |= places.view(np.uint64)
    scores |= lists.view(np.uint64) << np.uint64(64 - _LIST_BITS)
    return scores


def keys_for(keys: Bits, purpose: int) -> Bits:
    """The key of each list for one purpose."""
    return random_bits(keys, np.full(len(keys), purpose))
