"""Counts remains of markup in shards of articles, and tells by the pages of the dump which of them the author wrote."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from mlukit.corpus.audit.literal_markup import LiteralMarkup
from mlukit.corpus.audit.residue import find_residue, residue_classes
from mlukit.corpus.audit.residue_tally import ResidueTally
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.parquet_shards import read_batches
from mlukit.engine.storage import Storage
from mlukit.engine.task import Task
from mlukit.schemas import layout
from mlukit.schemas.manifest import TaskResult
from mlukit.transforms.reread_pages import ArticleShards, DumpPages

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
        tally, classes, of = ResidueTally(), residue_classes(self.language), self.shards
        pages = DumpPages(of.dump_range, of.header_namespaces, heartbeat) if of.dump_range else None
        for shard, path in enumerate(of.paths, of.first):
            wikitext = None if pages is None else ((page.page_id, page.text) for page in pages.of_shard(shard))
            for row in self._articles(storage, path, heartbeat):
                text, author = row["text"], None
                if pages is not None and wikitext is not None:
                    written = _page(wikitext, row["page_id"])
                    if any(find_residue(text, classes)):
                        author = LiteralMarkup(written, pages.language, classes)
                starts = [span["start"] for span in row["paragraphs"]]
                tally.add_page(row["page_id"], row["title"], text, starts, classes, author)
        storage.write_json(self.path, tally.to_json())
        return TaskResult(self.name, counts={"pages": tally.pages, "paragraphs": tally.paragraphs})

    @staticmethod
    def _articles(storage: Storage, path: str, heartbeat: Heartbeat) -> Iterator[dict[str, Any]]:
        with storage.open(path) as stream:
            for batch in read_batches(stream, _COLUMNS):
                yield from ({name: batch[name][row].as_py() for name in _COLUMNS} for row in range(batch.num_rows))
                heartbeat.advance(pages=batch.num_rows)


def _page(wikitext: Iterator[tuple[int, str]], page_id: int) -> str:
    """The text of a page; both come in the dump's order, which has redirects besides."""
    text = next((text for number, text in wikitext if number == page_id), None)
    if text is None:
        raise ValueError(f"article {page_id} is not in the dump, or not in its place")
    return text
