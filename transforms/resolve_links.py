"""Looks up the links of a shard of articles, and gives articles their own items."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

from corpus.resolve_links import BATCH_ARTICLES, resolve_articles
from schemas.arrow import ARTICLE_ROWS, PARSED_ARTICLE_ROWS
from schemas.manifest import Flow, Receipt
from schemas.records import LinkedArticle
from transforms.do_units import Unit
from transforms.monitor import Monitor
from transforms.open_index import open_indexes
from transforms.parse_articles import parsed_path
from transforms.storage import Storage
from transforms.write_shards import read_records, write_records


@dataclass(frozen=True)
class ResolveLinks(Unit):
    """A shard of parsed articles becomes a shard of linked ones."""

    phase: ClassVar[str] = "resolve"
    languages: tuple[str, ...]
    validation_share: float

    @property
    def path(self) -> str:
        """Where the shard is written."""
        return f"articles/{self.language}/articles-{self.number:05}.parquet"

    def run(self, storage: Storage, monitor: Monitor) -> Receipt:
        """See `corpus.resolve_links.resolve_articles`."""
        resolved, counts = Flow(), Counter[str]()
        with storage.write(self.path) as stream, write_records(stream, ARTICLE_ROWS) as writer:
            for article in self._articles(storage, monitor):
                writer.write(article, len(article.text))
                _count(article, resolved, counts)
        return Receipt(self.name, (storage.shard(self.path, stream),), {"links with item": resolved}, counts)

    def _articles(self, storage: Storage, monitor: Monitor) -> Iterator[LinkedArticle]:
        indexes = open_indexes(storage, self.languages)
        with storage.open(parsed_path(self.language, self.number)) as stream:
            articles = read_records(stream, PARSED_ARTICLE_ROWS)
            while batch := list(islice(articles, BATCH_ARTICLES)):
                monitor.advance(stream.tell(), pages=len(batch))
                yield from resolve_articles(batch, indexes, self.validation_share)


def _count(article: LinkedArticle, resolved: Flow, counts: Counter[str]) -> None:
    resolved.entered += len(article.links)
    for link in article.links:
        if link.qid is None:
            resolved.skipped[link.status] += 1
        else:
            resolved.out += 1
            counts[f"links {link.status}"] += 1
    counts["articles with item" if article.qid is not None else "articles without item"] += 1
    counts[f"articles {article.split}"] += 1
    counts[f"articles of kind {article.kind}"] += 1
