"""Counts remains of markup in shards of articles, and tells by the pages of the dump which of them the author wrote."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar

from mlukit.corpus.audit.literal_markup import LiteralMarkup
from mlukit.corpus.audit.residue import find_residue, residue_classes
from mlukit.corpus.audit.residue_tally import ResidueTally
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.storage import Storage
from mlukit.engine.task import Task
from mlukit.schemas import layout
from mlukit.schemas.manifest import TaskResult
from mlukit.schemas.parquet import read_parquet
from mlukit.transforms.reread_pages import ArticleShards, DumpPages, beside_articles

_COLUMNS = ["page_id", "title", "text", "paragraphs"]


@dataclass(frozen=True)
class AuditResidue(Task):
    """Writes what was found as JSON: a few hundred lines, whatever the size of the shards."""

    step: ClassVar[str] = "residue"
    shards: ArticleShards

    @property
    def path(self) -> str:
        """Where the tally is written."""
        return layout.residue_tally(self.language, self.number)

    def run(self, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """See `corpus.audit.residue_tally`."""
        tally, classes, some = ResidueTally(), residue_classes(self.language), self.shards
        pages = DumpPages(some.dump_range, some.header_namespaces, heartbeat) if some.dump_range else None
        for shard, paths in enumerate(some.files, some.first):
            for row, wikitext in self._articles(storage, paths, pages, shard, heartbeat):
                text, author = row["text"], None
                if pages is not None and any(find_residue(text, classes)):
                    author = LiteralMarkup(wikitext, pages.language, classes)
                starts = [span["start"] for span in row["paragraphs"]]
                tally.add_page(row["page_id"], row["title"], text, starts, classes, author)
        storage.write_json(self.path, tally.to_json())
        return TaskResult(self.name, counts={"pages": tally.pages, "paragraphs": tally.paragraphs})

    @staticmethod
    def _articles(
        storage: Storage, paths: tuple[str, ...], pages: DumpPages | None, shard: int, heartbeat: Heartbeat
    ) -> Iterator[tuple[dict[str, Any], str]]:
        """The articles of a shard, each with the wikitext of its page; "" where the dump is not there."""
        files = [_rows(storage, path, heartbeat) for path in paths]
        if pages is None:
            yield from ((row, "") for _, row in chain.from_iterable(files))
            return
        for page, article in beside_articles(pages.of_shard(shard), files):
            if article is not None:
                yield article, page.text


def _rows(storage: Storage, path: str, heartbeat: Heartbeat) -> Iterator[tuple[int, dict[str, Any]]]:
    """The articles of a file with their page ids."""
    with storage.open(path) as stream:
        for batch in read_parquet(stream, columns=_COLUMNS):
            for row in range(batch.num_rows):
                article = {name: batch[name][row].as_py() for name in _COLUMNS}
                yield article["page_id"], article
            heartbeat.advance(pages=batch.num_rows)
