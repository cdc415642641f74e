"""Writes the mention dictionary of a language as one file that programs map into memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, ClassVar, cast

import pyarrow as pa
import pyarrow.parquet as pq

from mlukit.corpus.detection import match_table
from mlukit.corpus.detection.array_file import ArrayFile, ArrayFileWriter
from mlukit.corpus.detection.mention_table import MentionSource, write_mention_table
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.step_results import Results
from mlukit.engine.storage import Storage
from mlukit.engine.task import Task
from mlukit.engine.task_transform import TaskTransform
from mlukit.schemas import layout
from mlukit.schemas.manifest import TaskResult
from mlukit.transforms.open_title_index import labels_in, local_file, titles_in


@dataclass(frozen=True)
class MentionDictionary(Task):
    """The mention dictionary of a language."""

    step: ClassVar[str] = "dictionary"
    mentions: tuple[str, ...] = ()  # the shards with figures


@dataclass(eq=False, repr=False)
class WriteDictionary(TaskTransform[MentionDictionary]):
    """PCollection of MentionDictionary -> results: files of dictionaries; runs `after` `MergeFigures`."""

    task = MentionDictionary

    def complete(self, task: MentionDictionary, earlier: Results) -> MentionDictionary:
        """Adds the shards of the language."""
        return replace(task, mentions=layout.paths(earlier[task.language].shards))

    def run(self, task: MentionDictionary, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """See `corpus.detection.mention_table.write_mention_table`."""
        path, table = layout.mention_dictionary(task.language), layout.match_table(task.language)
        titles = titles_in(storage, [task.language])
        labels = labels_in(storage, [task.language])

        def mentions(columns: list[str]) -> Iterator[pa.Table]:
            for name in task.mentions:
                heartbeat.advance()
                with storage.open(name) as stream:
                    yield pq.read_table(stream, columns=columns, use_threads=False)

        def titles_of(qids: Sequence[int]) -> Sequence[str | None]:
            heartbeat.advance()
            return titles(task.language, qids)

        def labels_of(qids: Sequence[int]) -> Sequence[str | None]:
            return [None] * len(qids) if labels is None else labels(task.language, qids)

        file = ArrayFile.open(local_file(storage, table), match_table.KIND, match_table.VERSION, match_table.ARRAYS)
        source = MentionSource(task.language, file, mentions, titles_of, labels_of)
        with storage.write(path) as stream:
            counts = write_mention_table(ArrayFileWriter(cast(BinaryIO, stream)), source)
            stream.rows = counts["candidates"]
        return TaskResult(task.name, (storage.shard(path, stream),), counts=counts)
