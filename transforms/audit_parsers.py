"""Reads a sample of a dump's pages with mlukit's parser and with mwparserfromhell, and compares the two."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from mlukit.corpus.audit.parser_tally import ParserTally, is_in_sample
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.storage import Storage
from mlukit.engine.task import Task
from mlukit.engine.task_transform import TaskTransform
from mlukit.schemas import layout
from mlukit.schemas.manifest import TaskResult, dump_json
from mlukit.transforms.reread_pages import ArticleShards, DumpPages


@dataclass(frozen=True)
class PagesToCompare(Task):
    """The pages of a range of a dump."""

    step: ClassVar[str] = "parsers"
    shards: ArticleShards  # with a range
    share: float  # of pages that are in the sample


@dataclass(eq=False, repr=False)
class CompareParsers(TaskTransform[PagesToCompare]):
    """PCollection of PagesToCompare -> results: tallies as JSON, of a few hundred lines for ranges of any size."""

    task = PagesToCompare
    namespaces: Mapping[str, Mapping[int, str]]  # names in the headers of the dumps, by language

    def run(self, task: PagesToCompare, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """See `corpus.audit.parser_tally`."""
        tally, some = ParserTally(), task.shards
        if some.dump_range is None:
            raise ValueError(f"{task.name} has no range of a dump")
        pages = DumpPages(some.dump_range, self.namespaces[task.language], heartbeat)
        for shard in range(some.first, some.first + len(some.files)):
            for page in pages.of_shard(shard):
                if is_in_sample(page.page_id, task.share) and not pages.is_redirect(page):
                    tally.add_page(page, pages.language)
        path = layout.parser_tally(task.language, task.number)
        with storage.write(path) as stream:
            stream.write(dump_json(tally.to_json()))
        return TaskResult(task.name, (storage.shard(path, stream),), counts={"pages compared": tally.pages})
