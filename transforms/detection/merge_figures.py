"""Adds the figures of all articles of a language to the shards of its mention dictionary."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, ClassVar, cast

from mlukit.corpus.detection.merge_figures import merge_figures
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.step_results import Results
from mlukit.engine.storage import Storage
from mlukit.engine.task import Task
from mlukit.engine.task_transform import TaskTransform
from mlukit.schemas import layout
from mlukit.schemas.manifest import TaskResult


@dataclass(frozen=True)
class FiguresPart(Task):
    """A shard of a mention dictionary."""

    step: ClassVar[str] = "figures"
    mentions: str  # the file
    first_row: int  # the row of its first anchor
    figures: tuple[str, ...] = ()  # the figures of each shard of articles


@dataclass(eq=False, repr=False)
class MergeFigures(TaskTransform[FiguresPart]):
    """PCollection of FiguresPart -> results: shards of mention dictionaries; runs `after` `CountAnchors`."""

    task = FiguresPart

    def complete(self, task: FiguresPart, earlier: Results) -> FiguresPart:
        """Adds the files with the figures of the language."""
        return replace(task, figures=layout.paths(earlier[task.language].shards))

    def run(self, task: FiguresPart, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """See `corpus.detection.merge_figures.merge_figures`."""
        path = layout.figures_shard(task.language, task.number)
        with storage.open(task.mentions) as mentions, storage.write(path) as merged:
            figures = _opened(storage, task.figures, heartbeat)
            merged.rows = merge_figures(mentions, figures, task.number, task.first_row, cast(BinaryIO, merged))
        return TaskResult(task.name, (storage.shard(path, merged),), counts={"mentions": merged.rows})


def _opened(storage: Storage, paths: tuple[str, ...], heartbeat: Heartbeat) -> Iterator[BinaryIO]:
    """Opens one file after the other; a file is closed before the next file is opened."""
    for path in paths:
        heartbeat.advance()
        with storage.open(path) as stream:
            yield stream
