"""A random sample of a stream of items. The sample does not depend on the order of items or the number of workers."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heappush, heapreplace, nlargest
from typing import Any

SIZE = 12


@dataclass
class HashSample:
    """A random sample of at most `size` items, drawn by a hash of each item's key."""

    size: int = SIZE
    _heap: list[tuple[int, str, Any]] = field(
        default_factory=list
    )  # (minus rank, key, item): the item to drop next is first

    def add(self, key: str, item: Any) -> None:
        """Offers an item; keys must be unique, and items values of JSON."""
        rank = -int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest())
        if len(self._heap) < self.size:
            heappush(self._heap, (rank, key, item))
        elif (rank, key) > self._heap[0][:2]:
            heapreplace(self._heap, (rank, key, item))

    def items(self) -> list[Any]:
        """The sample in the order of ranks, so that its first items are a sample too."""
        return [item for _, _, item in nlargest(self.size, self._heap, key=lambda entry: entry[:2])]

    def to_json(self) -> list[Any]:
        """The sample as [[key, item], …], in the order of ranks."""
        return [[key, item] for _, key, item in nlargest(self.size, self._heap, key=lambda entry: entry[:2])]

    def add_json(self, rows: Iterable[Any]) -> None:
        """Offers the items of another sample, from its `to_json`."""
        for key, item in rows:
            self.add(key, item)
