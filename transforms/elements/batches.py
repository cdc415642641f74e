"""A DoFn that takes many articles at a time: looked up or encoded together they cost much less than one by one."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput
from apache_beam.utils.windowed_value import WindowedValue

from mlukit.schemas.records import Article, Failure, LinkedArticle
from mlukit.transforms.elements.joins import FAILURES

_LEAST_BYTES = 256  # an article without text takes memory, too


class _Held(NamedTuple):
    article: Any
    timestamp: Any
    window: Any


class ArticleBatches(beam.DoFn, ABC):
    """Holds articles of a bundle back until their texts are enough for a batch, or the bundle ends.

    What comes of an article has its timestamp and window.

    Args:
        text_bytes: of a batch, about.
    """

    def __init__(self, text_bytes: int) -> None:
        if text_bytes < 1:
            raise ValueError(f"a batch of {text_bytes} bytes of text; accepted: 1 or more")
        self._text_bytes = text_bytes

    @abstractmethod
    def make(self, articles: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """What comes of a batch of one article or more: the number of an article, and a record or a Failure."""

    def start_bundle(self) -> None:
        """Forgets what a bundle that failed may have left."""
        self._held: list[_Held] = []
        self._held_bytes = 0

    def process(
        self,
        article: Article | LinkedArticle,
        timestamp: Any = beam.DoFn.TimestampParam,
        window: Any = beam.DoFn.WindowParam,
    ) -> Iterator[Any]:
        """Takes an article, and gives what comes of a batch where it is full."""
        self._held.append(_Held(article, timestamp, window))
        self._held_bytes += len(article.text.encode()) + _LEAST_BYTES
        if self._held_bytes >= self._text_bytes:
            yield from self._release()

    def finish_bundle(self) -> Iterator[Any]:
        """Gives what comes of the last batch."""
        if self._held:
            yield from self._release()

    def _release(self) -> Iterator[Any]:
        held = self._held
        self.start_bundle()
        for number, record in self.make([one.article for one in held]):
            value = WindowedValue(record, held[number].timestamp, (held[number].window,))
            yield TaggedOutput(FAILURES, value) if isinstance(record, Failure) else value
