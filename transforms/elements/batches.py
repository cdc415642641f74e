"""A DoFn that processes articles in batches: a batch costs much less than its articles one by one."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput
from apache_beam.utils.windowed_value import WindowedValue

from mlukit.schemas.records import Article, Failure, LinkedArticle
from mlukit.transforms.elements.joins import FAILURES

_LEAST_BYTES = 256  # counted for each article, because an article without text also takes memory


class _Held(NamedTuple):
    """An article that waits for its batch, with its timestamp and window."""

    article: Any
    timestamp: Any
    window: Any


class ArticleBatches(beam.DoFn, ABC):
    """Collects articles of a bundle until their texts fill a batch or the bundle ends.

    The outputs of an article have the timestamp and window of the article.

    Args:
        text_bytes: approximate bytes of text in a batch.

    Raises:
        ValueError: `text_bytes` is less than 1.
    """

    def __init__(self, text_bytes: int) -> None:
        if text_bytes < 1:
            raise ValueError(f"text_bytes is {text_bytes}; accepted: 1 or more")
        self._text_bytes = text_bytes

    @abstractmethod
    def make(self, articles: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Processes a batch of at least one article; yields (number of an article, record or Failure)."""

    def start_bundle(self) -> None:
        """Discards articles that a failed bundle may have left."""
        self._held: list[_Held] = []
        self._held_bytes = 0

    def process(
        self,
        article: Article | LinkedArticle,
        timestamp: Any = beam.DoFn.TimestampParam,
        window: Any = beam.DoFn.WindowParam,
    ) -> Iterator[Any]:
        """Adds an article to the batch; yields the outputs of the batch if it is full."""
        self._held.append(_Held(article, timestamp, window))
        self._held_bytes += len(article.text.encode()) + _LEAST_BYTES
        if self._held_bytes >= self._text_bytes:
            yield from self._release()

    def finish_bundle(self) -> Iterator[Any]:
        """Yields the outputs of the last batch."""
        if self._held:
            yield from self._release()

    def _release(self) -> Iterator[Any]:
        """Yields the outputs of the batch; failures go to the tagged output."""
        held = self._held
        self.start_bundle()
        for number, record in self.make([one.article for one in held]):
            value = WindowedValue(record, held[number].timestamp, (held[number].window,))
            yield TaggedOutput(FAILURES, value) if isinstance(record, Failure) else value
