"""Counts remains of markup in shards of articles, and tells by the pages of the dump which of them the author wrote."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from corpus.author_marks import AuthorMarks
from corpus.residue import find_residue, residue_classes
from corpus.residue_tally import ResidueTally
from schemas.manifest import Receipt
from transforms.do_units import Unit
from transforms.monitor import Monitor
from transforms.reread_pages import ArticleShards, DumpPages
from transforms.storage import WORK, Storage
from transforms.write_shards import read_batches

_COLUMNS = ["page_id", "title", "text", "paragraphs"]


@dataclass(frozen=True)
class AuditResidue(Unit):
    """Writes what was found as JSON: a few hundred lines, whatever the size of the shards."""

    phase: ClassVar[str] = "residue"
    shards: ArticleShards

    @property
    def path(self) -> str:
        """Where the tally is written."""
        return f"{WORK}/residue/{self.language}/{self.number:05}.json"

    def run(self, storage: Storage, monitor: Monitor) -> Receipt:
        """See `corpus.residue_tally`."""
        tally, classes, of = ResidueTally(), residue_classes(self.language), self.shards
        pages = DumpPages(of.dump_range, of.header_namespaces, monitor) if of.dump_range else None
        for shard, path in enumerate(of.paths, of.first):
            wikitext = None if pages is None else ((page.page_id, page.text) for page in pages.of_shard(shard))
            for row in self._articles(storage, path, monitor):
                text, author = row["text"], None
                if pages is not None and wikitext is not None:
                    written = _page(wikitext, row["page_id"])
                    if any(find_residue(text, classes)):
                        author = AuthorMarks(written, pages.language, classes)
                starts = [span["start"] for span in row["paragraphs"]]
                tally.add_page(row["page_id"], row["title"], text, starts, classes, author)
        storage.write_json(self.path, tally.to_json())
        return Receipt(self.name, counts={"pages": tally.pages, "paragraphs": tally.paragraphs})

    @staticmethod
    def _articles(storage: Storage, path: str, monitor: Monitor) -> Iterator[dict[str, Any]]:
        with storage.open(path) as stream:
            for batch in read_batches(stream, _COLUMNS):
                yield from ({name: batch[name][row].as_py() for name in _COLUMNS} for row in range(batch.num_rows))
                monitor.advance(pages=batch.num_rows)


def _page(wikitext: Iterator[tuple[int, str]], page_id: int) -> str:
    """The text of a page; both come in the dump's order, which has redirects besides."""
    text = next((text for number, text in wikitext if number == page_id), None)
    if text is None:
        raise ValueError(f"article {page_id} is not in the dump, or not in its place")
    return text
