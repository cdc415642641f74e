"""Makes examples from articles, some of which may fail: a failed article becomes a Failure, and no other is lost."""

import traceback
from collections.abc import Callable, Iterator
from typing import TypeAlias

import pyarrow as pa

from mlukit.corpus.examples.make_examples import ExampleBatch
from mlukit.schemas.records import Failure

Maker: TypeAlias = Callable[[pa.RecordBatch], ExampleBatch]  # of articles: `make_examples` with the rest filled in

TEXT_BYTES = 2 << 20  # of articles that are processed together: their words need some 25 times as much memory
EXAMPLE_ERROR = "example_error"  # making examples of an article failed, which is a defect of mlukit


def make_each(articles: pa.RecordBatch, make: Maker, stage: str) -> Iterator[tuple[int, ExampleBatch] | Failure]:
    """Makes the examples of articles together or, if that fails, one article at a time.

    Args:
        articles: the input of `make`.
        make: makes the examples of some articles.
        stage: `Failure.stage`.

    Yields:
        (number of articles, their examples), or a Failure for an article that fails alone.
    """
    try:
        batch = make(articles)
    except Exception:  # one article must not end the run, and its failure is recorded
        if articles.num_rows > 1:
            for i in range(articles.num_rows):
                yield from make_each(articles.slice(i, 1), make, stage)
        else:
            yield _failure(articles, stage)
    else:
        yield articles.num_rows, batch


def _failure(article: pa.RecordBatch, stage: str) -> Failure:
    """The Failure of one article; must be called while its error is handled, because it formats the traceback."""
    language, page_id, title = (article.column(name)[0].as_py() for name in ("language", "page_id", "title"))
    return Failure(stage, EXAMPLE_ERROR, language, page_id, title, traceback.format_exc(limit=-3))
