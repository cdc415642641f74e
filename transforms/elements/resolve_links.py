"""Resolves links: articles and their links get Wikidata items from the title indexes of a finished build."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa

from mlukit.corpus.examples.make_each import TEXT_BYTES
from mlukit.corpus.linking.repeated_pages import copies_that_stay, leave_out
from mlukit.corpus.linking.resolve_links import resolve_batch
from mlukit.corpus.linking.script_variants import variants_of
from mlukit.engine.counters import (
    ARTICLES_WITH_ITEM,
    ARTICLES_WITHOUT_ITEM,
    LINKS,
    LINKS_WITH_ITEM,
    PAGES,
    count,
    count_flow,
)
from mlukit.engine.storage import Storage
from mlukit.schemas.arrow import ARTICLE_ROWS, PARSED_ARTICLE_ROWS
from mlukit.schemas.manifest import Flow
from mlukit.schemas.records import Article, LinkedArticle
from mlukit.transforms.elements.batches import ArticleBatches
from mlukit.transforms.elements.joins import check_input, stage_record
from mlukit.transforms.open_title_index import open_indexes


@beam.typehints.with_input_types(Article)
@beam.typehints.with_output_types(LinkedArticle)
class ResolveLinks(beam.PTransform):
    """Looks up the links of articles in the title indexes of a finished build.

    Input: a PCollection of `Article`, in any languages of the build. Output: a PCollection of `LinkedArticle`. Each
    worker opens the indexes once, in OUT if OUT is local, otherwise in a copy on the disk of the worker. If the dump
    has several revisions of a page, earlier revisions are counted and left out; copies of the same revision are kept.

    Args:
        output: OUT, an output folder with a finished link stage. Its share of validation pages is used.
        text_bytes: approximate bytes of text of the articles that are looked up together.

    Raises:
        ValueError: the link stage of OUT is not finished.
    """

    def __init__(self, output: str, *, text_bytes: int = TEXT_BYTES) -> None:
        super().__init__()
        self._resolve = _ResolveArticles(output, stage_record(output, "link", "ResolveLinks"), text_bytes)

    def expand(self, articles: Any) -> beam.PCollection:
        """Resolves articles without a shuffle, many at a time."""
        check_input(self, articles)
        return articles | "Resolve" >> beam.ParDo(self._resolve).with_output_types(LinkedArticle)


class _ResolveArticles(ArticleBatches):
    """Resolves the links of batches of articles, and counts them."""

    def __init__(self, output: str, linked: Mapping[str, Any], text_bytes: int) -> None:
        super().__init__(text_bytes)
        self._output = output
        self._languages: tuple[str, ...] = tuple(linked["inputs"]["languages"])
        self._validation_share: float = linked["options"]["validation_share"]

    def setup(self) -> None:
        self._indexes = open_indexes(Storage(self._output), self._languages)
        self._variants = variants_of(self._languages)

    def make(self, articles: Sequence[Article]) -> Iterator[tuple[int, LinkedArticle]]:
        """Resolves a batch.

        Raises:
            ValueError: the build does not have the language of an article, so all its links would be lost.
        """
        if others := {article.language for article in articles}.difference(self._languages):
            built = ", ".join(self._languages)
            raise ValueError(f"an article is in {min(others)!r}, but {self._output} only has {built}")
        parsed = PARSED_ARTICLE_ROWS.to_batch(articles)
        stays = copies_that_stay(parsed, self._indexes)
        pages, links = Flow(), Flow()
        leave_out(parsed.filter(pa.array(~stays)), pages, links)
        count_flow(PAGES, pages)
        count_flow(LINKS, links)
        resolved = resolve_batch(parsed.filter(pa.array(stays)), self._indexes, self._validation_share, self._variants)
        for number, article in zip(np.flatnonzero(stays).tolist(), ARTICLE_ROWS.to_records(resolved), strict=True):
            _count(article)
            yield number, article


def _count(article: LinkedArticle) -> None:
    count(ARTICLES_WITHOUT_ITEM if article.qid is None else ARTICLES_WITH_ITEM)
    links = Flow(len(article.links))
    links.skipped.update(link.status for link in article.links if link.qid is None)
    links.out = links.entered - links.skipped.total()
    count_flow(LINKS_WITH_ITEM, links)
