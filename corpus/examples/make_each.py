"""Makes examples from articles of which some may fail: a failed article becomes a Failure, no other article is lost."""

import traceback
from collections.abc import Callable, Iterator
from typing import TypeAlias

import pyarrow as pa

from mlukit.corpus.examples.make_examples import ExampleBatch
from mlukit.schemas.records import Failure

Maker: TypeAlias = Callable[[pa.RecordBatch], ExampleBatch]  # of articles: `make_examples` with the rest filled in

TEXT_BYTES = 2 << 20  # of articles that are done together: their words take some 25 times as much
EXAMPLE_ERROR = "example_error"  # no example could be made of an article, which is a defect of ours


def make_each(articles: pa.RecordBatch, make: Maker, stage: str) -> Iterator[tuple[int, ExampleBatch] | Failure]:
    """The number of articles and their examples; where that fails they are taken one by one, to find the bad one.

    Args:
        articles: as `make` takes them.
        stage: `Failure.stage`.
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
    """Called where the error is handled that it tells of."""
    language, page_id, title = (article.column(name)[0].as_py() for name in ("language", "page_id", "title"))
    return Failure(stage, EXAMPLE_ERROR, language, page_id, title, traceback.format_exc(limit=-3))
