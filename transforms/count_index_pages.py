"""Counts the pages in the indexes of multistream dumps."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from mlukit.corpus.dumps.inventories import count_index_pages
from mlukit.corpus.dumps.ranges import DumpRange, read_chunks
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.storage import Storage, open_file
from mlukit.engine.task import Task
from mlukit.engine.task_transform import TaskTransform
from mlukit.schemas.manifest import TaskResult
from mlukit.schemas.summaries import IndexedPages


@dataclass(frozen=True)
class IndexFile(Task):
    """The index of a dump or of a part of a dump. The task has the same number as the task of the dump."""

    step: ClassVar[str] = "page_index"
    path: str


@dataclass(eq=False, repr=False)
class CountIndexPages(TaskTransform[IndexFile]):
    """PCollection of IndexFile -> results, whose summary is the number of pages."""

    task = IndexFile

    def run(self, task: IndexFile, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """Reads the file once; an unreadable file is not an error, because only a count is lost."""
        try:
            found = IndexedPages(count_index_pages(_content(task, heartbeat)))
        except (OSError, ValueError) as error:
            found = IndexedPages(problem=str(error))
        return TaskResult(task.name, summary=found)


def _content(task: IndexFile, heartbeat: Heartbeat) -> Iterator[bytes]:
    """The text of an index.

    Raises:
        ValueError: the file cannot be decompressed.
    """
    for chunk in read_chunks(open_file, DumpRange(task.language, task.path, task.cost, 0, task.cost, 0)):
        if chunk.problem:
            raise ValueError(f"it is damaged at byte {chunk.position:,} ({chunk.problem})")
        heartbeat.advance(chunk.position)
        yield chunk.data
