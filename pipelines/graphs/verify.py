"""The graph of the verification: reads finished shards again, and writes the problems to a file."""

from dataclasses import dataclass

import apache_beam as beam
from apache_beam.pvalue import AsDict

from mlukit.engine.step_results import Results
from mlukit.engine.steps import Once, Step
from mlukit.engine.storage import Storage
from mlukit.engine.workplace import Workplace
from mlukit.schemas import layout
from mlukit.schemas.summaries import VerifiedShard
from mlukit.transforms.verify_shards import FinishedShard, VerifyShards


@dataclass(frozen=True, slots=True)
class VerifyGraph:
    """The graph of `mlukit verify`.

    Args:
        root: the output folder to verify; results go to the output folder of the pipeline.
        tasks: a task for each shard.
    """

    root: str
    tasks: tuple[FinishedShard, ...]

    def __call__(self, pipeline: beam.Pipeline, workplace: Workplace) -> list[beam.PCollection]:
        """Applies the transforms, and returns the output of the last one."""
        verified = pipeline | Step("verify", "verify", self.plan, [VerifyShards(workplace, self.root)])
        write = WriteProblems(workplace.storage, self.tasks)
        return [pipeline | Once(workplace, "write problems", write, [AsDict(verified)])]

    def plan(self) -> list[FinishedShard]:
        """Returns the tasks."""
        return list(self.tasks)


@dataclass(frozen=True, slots=True)
class WriteProblems:
    """Writes the problems of shards, by path, for the launcher."""

    storage: Storage
    tasks: tuple[FinishedShard, ...]

    def __call__(self, verified: Results) -> None:
        """Writes the file."""
        texts = {task.shard.path: verified[task.language].summary(task.name, VerifiedShard) for task in self.tasks}
        problems = {path: one.problem for path, one in texts.items() if one.problem}
        self.storage.write_json(layout.VERIFY_REPORT, problems)
