"""One article that fails among others."""

import pyarrow as pa

from mlukit.corpus.examples.make_each import make_each
from mlukit.corpus.examples.make_examples import ExampleBatch
from mlukit.schemas.arrow import ARTICLE_ROWS, EXAMPLE_ROWS
from mlukit.schemas.manifest import Flow
from mlukit.schemas.records import Failure, LinkedArticle


def article(page_id: int) -> LinkedArticle:
    return LinkedArticle("en", page_id, 1, f"Title {page_id}", None, "article", "train", "text", (), (), ())


def make(articles: pa.RecordBatch) -> ExampleBatch:
    """Fails on the third page."""
    if 3 in articles.column("page_id").to_pylist():
        raise ZeroDivisionError("of this test")
    return ExampleBatch(EXAMPLE_ROWS.to_batch([]), Flow(entered=articles.num_rows), Flow())


def test_all_at_once_where_none_fails() -> None:
    (made,) = make_each(ARTICLE_ROWS.to_batch([article(1), article(2)]), make, "examples")
    assert isinstance(made, tuple)
    assert (made[0], made[1].sentences.entered) == (2, 2)


def test_one_by_one_where_one_fails() -> None:
    made = list(make_each(ARTICLE_ROWS.to_batch(list(map(article, range(1, 5)))), make, "examples"))
    assert [one[0] if isinstance(one, tuple) else one.page_id for one in made] == [1, 1, 3, 1]
    (failure,) = (one for one in made if isinstance(one, Failure))
    assert failure.detail.rstrip().endswith("ZeroDivisionError: of this test")
    assert (failure.stage, failure.reason, failure.title) == ("examples", "example_error", "Title 3")
