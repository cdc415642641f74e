"""Counts remains of markup in shards of articles; the pages of the dump show which remains the author wrote."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar

from mlukit.corpus.audit.literal_markup import LiteralMarkup
from mlukit.corpus.audit.residue import find_residue, residue_classes
from mlukit.corpus.audit.residue_tally import ResidueTally
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.storage import Storage
from mlukit.engine.task import Task
from mlukit.engine.task_transform import TaskTransform
from mlukit.schemas import layout
from mlukit.schemas.manifest import TaskResult, dump_json
from mlukit.schemas.parquet import read_parquet
from mlukit.transforms.reread_pages import ArticleShards, DumpPages, PageAndRevision, beside_articles

_COLUMNS = ["page_id", "revision_id", "title", "text", "paragraphs"]


@dataclass(frozen=True)
class ShardsToAudit(Task):
    """Some shards of articles."""

    step: ClassVar[str] = "residue"
    shards: ArticleShards


@dataclass(eq=False, repr=False)
class AuditResidue(TaskTransform[ShardsToAudit]):
    """PCollection of ShardsToAudit -> results: tallies as JSON, of a few hundred lines for shards of any size."""

    task = ShardsToAudit
    namespaces: Mapping[str, Mapping[int, str]]  # names in the headers of the dumps, by language

    def run(self, task: ShardsToAudit, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """See `corpus.audit.residue_tally`."""
        tally, classes, some = ResidueTally(), residue_classes(task.language), task.shards
        pages = DumpPages(some.dump_range, self.namespaces[task.language], heartbeat) if some.dump_range else None
        for shard, paths in enumerate(some.files, some.first):
            for row, wikitext in self._articles(storage, paths, pages, shard, heartbeat):
                text, author = row["text"], None
                if pages is not None and any(find_residue(text, classes)):
                    author = LiteralMarkup(wikitext, pages.language, classes)
                starts = [span["start"] for span in row["paragraphs"]]
                tally.add_page(row["page_id"], row["title"], text, starts, classes, author)
        path = layout.residue_tally(task.language, task.number)
        with storage.write(path) as stream:
            stream.write(dump_json(tally.to_json()))
        counts = {"pages": tally.pages, "paragraphs": tally.paragraphs}
        return TaskResult(task.name, (storage.shard(path, stream),), counts=counts)

    @staticmethod
    def _articles(
        storage: Storage, paths: tuple[str, ...], pages: DumpPages | None, shard: int, heartbeat: Heartbeat
    ) -> Iterator[tuple[dict[str, Any], str]]:
        """The articles of a shard, each with the wikitext of its page; "" as wikitext if the dump is missing."""
        files = [_rows(storage, path, heartbeat) for path in paths]
        if pages is None:
            yield from ((row, "") for _, row in chain.from_iterable(files))
            return
        for page, article in beside_articles(pages.of_shard(shard), files):
            if article is not None:
                yield article, page.text


def _rows(storage: Storage, path: str, heartbeat: Heartbeat) -> Iterator[tuple[PageAndRevision, dict[str, Any]]]:
    """The articles of a file, by page and revision."""
    with storage.open(path) as stream:
        for batch in read_parquet(stream, columns=_COLUMNS):
            for row in range(batch.num_rows):
                article = {name: batch[name][row].as_py() for name in _COLUMNS}
                yield (article["page_id"], article["revision_id"]), article
            heartbeat.advance(pages=batch.num_rows)
