"""The pages of a dump once more, beside the articles that were made of them: for an audit."""

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
PageAndRevision: TypeAlias = tuple[int, int]  # their ids: a dump may have a page several times


@dataclass(frozen=True, slots=True)
class ArticleShards:
    """Some shards of articles, and the range of a dump that they were made of."""

    first: int  # the number of the first
    files: tuple[tuple[str, ...], ...]  # of each shard, its train and validation files
    size: int  # bytes to read, about
    dump_range: DumpRange | None  # None where the dump is not there


class DumpPages:
    """The pages of a range one after the other."""

    def __init__(self, dump_range: DumpRange, namespaces: Mapping[int, str], heartbeat: Heartbeat) -> None:
        self.language: Language = with_namespaces(any_language(dump_range.language), namespaces)
        self._reader = PageReader(
            open_file, dump_range, "audit", namespace_of_title=lambda title: namespace_of(title, self.language)
        )
        self._heartbeat = heartbeat
        self._records = iter(self._reader)
        self._waiting = next(self._records, None)

    def of_shard(self, shard: int) -> Iterator[Page]:
        """Those whose article is in the shard, or would be."""
        while self._waiting is not None and self._reader.shard <= shard:
            self._heartbeat.advance(pages=1)
            record, self._waiting = self._waiting, next(self._records, None)
            if isinstance(record, Page):
                yield record

    def is_redirect(self, page: Page) -> bool:
        """Whether no article was made of it for this reason."""
        return redirect_title(page, self.language) is not None


def beside_articles(
    pages: Iterable[Page], files: Sequence[Iterator[tuple[PageAndRevision, A]]]
) -> Iterator[tuple[Page, A | None]]:
    """Each page of a shard with the article that was made of it, if one was.

    Args:
        pages: in the dump's order.
        files: of each file of the shard its articles, in the dump's order too.

    Raises:
        ValueError: an article is not among the pages, or not in its place.
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
        raise ValueError(f"revision {revision_id} of article {page_id} is not in the dump, or not in its place")
