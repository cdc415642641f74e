from pathlib import Path

from mlukit.engine.manifests import add_failures, publish_manifest, shards_of
from mlukit.engine.measures import Measures
from mlukit.engine.parquet_shards import write_failures
from mlukit.engine.step_results import StepResults
from mlukit.engine.storage import Storage
from mlukit.schemas.arrow import FAILURES
from mlukit.schemas.manifest import FolderContents, Shard, TaskResult
from mlukit.schemas.records import Failure


def failed(storage: Storage, stage: str, number: int = 0) -> TaskResult:
    """The result of a task with one failure."""
    failure = Failure(stage, "x", "en", number, "T", "")
    shards = write_failures(storage, f"failures/en/{stage}-{number:05}.parquet", [failure])
    return TaskResult(f"{stage}/en/{number:05}", tuple(shards))


def of(*results: TaskResult) -> StepResults:
    return StepResults.sum(StepResults.of_task(result, Measures()) for result in results)


def link_again(storage: Storage, *results: TaskResult) -> None:
    contents = FolderContents("failures", FAILURES, "en", options={}, inputs={})
    assert publish_manifest(storage, contents, of(*results), stage="link") == "failures/en"


def names(shards: list[Shard]) -> list[str]:
    return [shard.path.rpartition("/")[2] for shard in shards]


def test_a_stage_done_again_keeps_the_failures_of_later_ones(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    link_again(storage, failed(storage, "link", 0), failed(storage, "link", 1))
    add_failures(storage, "en", "examples", of(failed(storage, "examples")))
    everything = ["link-00000.parquet", "link-00001.parquet", "examples-00000.parquet"]
    assert names(shards_of(storage, "failures/en")) == everything
    link_again(storage, failed(storage, "link", 0))
    assert names(shards_of(storage, "failures/en")) == ["link-00000.parquet", "examples-00000.parquet"]
    assert not storage.exists("failures/en/link-00001.parquet")
    add_failures(storage, "en", "examples", of())
    assert names(shards_of(storage, "failures/en")) == ["link-00000.parquet"]


def test_a_shard_that_has_gone_is_named_no_more(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    link_again(storage)
    add_failures(storage, "en", "examples", of(failed(storage, "examples")))
    storage.delete("failures/en/examples-00000.parquet")
    link_again(storage)
    assert shards_of(storage, "failures/en") == []
