"""Counts the anchors of a language in a shard of articles."""

from dataclasses import dataclass, replace
from typing import BinaryIO, ClassVar, cast

from mlukit.corpus.detection.count_anchors import COLUMNS, count_anchors
from mlukit.corpus.detection.find_anchors import AnchorFinder
from mlukit.corpus.detection.match_table import MatchTable
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.parquet_shards import read_shards
from mlukit.engine.step_results import Results
from mlukit.engine.storage import Storage
from mlukit.engine.task import Task
from mlukit.engine.task_transform import TaskTransform
from mlukit.schemas import layout
from mlukit.schemas.manifest import TaskResult
from mlukit.transforms.detection.build_match_table import anchors_of
from mlukit.transforms.open_title_index import local_file


@dataclass(frozen=True)
class SearchedShard(Task):
    """The articles of a range."""

    step: ClassVar[str] = "detect"
    articles: tuple[str, ...]  # the files
    anchors: tuple[int, ...] = ()  # the number of anchors in each shard of the mention dictionary


@dataclass(eq=False, repr=False)
class CountAnchors(TaskTransform[SearchedShard]):
    """PCollection of SearchedShard -> results: figures, a row group per mention shard; runs `after` `HashAnchors`."""

    task = SearchedShard
    kinds: frozenset[str]  # kinds of pages that count

    def complete(self, task: SearchedShard, earlier: Results) -> SearchedShard:
        """Adds the numbers of anchors of the language."""
        return replace(task, anchors=anchors_of(earlier[task.language]))

    def run(self, task: SearchedShard, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """See `corpus.detection.count_anchors.count_anchors`."""
        path = layout.anchor_figures(task.language, task.number)
        table = MatchTable.open(local_file(storage, layout.match_table(task.language)))
        batches = read_shards(storage, task.articles, COLUMNS, heartbeat.advance)
        with storage.write(path) as stream:
            finder = AnchorFinder(table, task.language)
            flows = count_anchors(batches, self.kinds, finder, task.anchors, cast(BinaryIO, stream))
        return TaskResult(task.name, (storage.shard(path, stream),), flows)
