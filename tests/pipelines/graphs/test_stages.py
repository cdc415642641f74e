"""The graph of all stages, as a cluster runs it: it may begin a job anew after a fault, at any place."""

from pathlib import Path

import apache_beam as beam
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner

from mlukit.engine.heartbeat import LAUNCHER
from mlukit.engine.storage import Storage
from mlukit.engine.workplace import Workplace
from mlukit.pipelines.graphs import link
from mlukit.pipelines.graphs.stages import STAGES, Build, StagesGraph
from mlukit.pipelines.settings import Settings
from tests.small_dumps import checksums, load


def done_by(graph: StagesGraph, output: Path, attempt: int) -> dict[str, tuple[int, int]]:
    """What an attempt at the job did: of each step the tasks that it did, and those that it found done."""
    board = output / f"_work/boards/{attempt}"
    place = Workplace(str(output), str(board), 0)
    place.notes.write_json(LAUNCHER, {})
    pipeline = beam.Pipeline(runner=FnApiRunner())
    graph(pipeline, place)
    pipeline.run().wait_until_finish()
    reports = [load(path) for path in (board / "reports").iterdir()]
    return {one["title"]: (one["measures"]["tasks_done"], one["measures"]["tasks_found_done"]) for one in reports}


def test_a_job_that_begins_anew_finds_the_tasks_of_finished_stages_done(
    dumps: Path, counted: Path, tmp_path: Path
) -> None:
    output = tmp_path / "OUT"
    settings = Settings(
        output=str(output),
        dumps=str(dumps),
        min_languages=1,
        validation_share=0.1,
        sentencepiece_model=str(dumps / "tokenizer.model"),
    )
    storage = Storage(str(output))
    build = Build(settings, storage, STAGES)
    link.STAGE.begin(storage, settings, build.inputs(link.STAGE))
    graph = build.graph(STAGES)
    first = done_by(graph, output, 1)
    assert {found for _, found in first.values()} == {0}
    assert done_by(graph, output, 2) == {step: (0, tasks) for step, (tasks, _) in first.items()}
    for stage in STAGES:
        stage.tidy(storage)
    storage.delete("_work/boards")
    assert checksums(output) == {path: sum_ for path, sum_ in checksums(counted).items() if path != "account.txt"}
