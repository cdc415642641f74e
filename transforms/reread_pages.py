"""Reads the pages of a dump again, together with the articles made from them, for an audit."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from mlukit.corpus.dumps.pages import PageReader
from mlukit.corpus.dumps.ranges import DumpRange
from mlukit.corpus.languages.language import Language
from mlukit.corpus.languages.load import any_language, with_namespaces
from mlukit.corpus.titles.normalise import namespace_of
from mlukit.corpus.wikitext.read_page import redirect_title
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.storage import open_file
from mlukit.schemas.records import Page

A = TypeVar("A")
PageAndRevision: TypeAlias = tuple[int, int]  # ids of both, because a dump may have a page several times


@dataclass(frozen=True, slots=True)
class ArticleShards:
    """Consecutive shards of articles, and the range of a dump from which they were made."""

    first: int  # the number of the first shard
    files: tuple[tuple[str, ...], ...]  # for each shard, its train and validation files
    size: int  # approximate number of bytes to read
    dump_range: DumpRange | None  # None if the dump is missing


class DumpPages:
    """Reads the pages of a range in order, shard by shard."""

    def __init__(self, dump_range: DumpRange, namespaces: Mapping[int, str], heartbeat: Heartbeat) -> None:
        self.language: Language = with_namespaces(any_language(dump_range.language), namespaces)
        self._reader = PageReader(
            open_file, dump_range, "audit", namespace_of_title=lambda title: namespace_of(title, self.language)
        )
        self._heartbeat = heartbeat
        self._records = iter(self._reader)
        self._waiting = next(self._records, None)

    def of_shard(self, shard: int) -> Iterator[Page]:
        """The pages whose article is in the shard, or would be in the shard if there were one."""
        while self._waiting is not None and self._reader.shard <= shard:
            self._heartbeat.advance(pages=1)
            record, self._waiting = self._waiting, next(self._records, None)
            if isinstance(record, Page):
                yield record

    def is_redirect(self, page: Page) -> bool:
        """Whether the page is a redirect, from which no article is made."""
        return redirect_title(page, self.language) is not None


def beside_articles(
    pages: Iterable[Page], files: Sequence[Iterator[tuple[PageAndRevision, A]]]
) -> Iterator[tuple[Page, A | None]]:
    """Yields each page of a shard with the article that was made from it, or with None.

    Args:
        pages: the pages, in the order of the dump.
        files: the articles of each file of the shard, also in the order of the dump.

    Raises:
        ValueError: an article is not among the pages, or is in another order.
    """
    waiting = [next(file, None) for file in files]
    for page in pages:
        article = None
        for number, first in enumerate(waiting):
            if first is not None and first[0] == (page.page_id, page.revision_id):
                article, waiting[number] = first[1], next(files[number], None)
        yield page, article
    if left := [first[0] for first in waiting if first is not None]:
        page_id, revision_id = left[0]
        raise ValueError(f"revision {revision_id} of article {page_id} is not in the dump, or not at its position")
