"""What the launcher makes of a pipeline's messages, and of what is on the board."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import psutil
import pytest

from mlukit.engine.errors import RefusedError, RunError
from mlukit.engine.launch.pipeline_process import Message, PipelineProcess
from mlukit.engine.launch.run_pipeline import FINISHED, _Watch
from mlukit.engine.launch.workers import Workers
from mlukit.engine.workplace import Workplace
from tests.workplaces import on_cluster, workplace


class Talker:
    """Stands in for the pipeline's process."""

    def __init__(self, *messages: Message) -> None:
        self._messages: Iterator[Message] = iter(messages)

    def message(self, seconds: float) -> Message | None:
        return next(self._messages, None)


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return on_cluster(tmp_path)


def watch(place: Workplace, *messages: Message) -> _Watch:
    process = cast(PipelineProcess, Talker(*messages))
    return _Watch(process, place, Workers("FlinkRunner", 0), "build", Path(place.root, "beam.log"))


def fault(place: Workplace, task: str, at: float, **more: Any) -> None:
    note = {"task": task, "kind": "OSError", "message": f"at {at}", "trace": "", "at": at, "refused": False, **more}
    place.notes.write_json(f"errors/{task}.json", note)


def test_a_job_that_was_left_by_its_workers_is_no_success(place: Workplace) -> None:
    one = watch(place, Message("begun"), Message("ended"))
    assert (one.is_over(), one.is_over()) == (False, True)
    with pytest.raises(RunError, match="the job ended before all steps were done"):
        one.check_finished()
    place.notes.write_json(FINISHED, {})
    one.check_finished()


def test_of_what_failed_the_last_is_told_that_was_not_done_after_all(place: Workplace) -> None:
    fault(place, "parse/en/00001", 3.0)
    fault(place, "parse/en/00002", 1.0)
    fault(place, "parse/de/00000", 5.0)
    place.storage.write_json("_work/results/parse/de/00000.json", {})  # a runner tried again, and it went well
    with pytest.raises(RunError, match=r"^parse/en/00001 failed: OSError: at 3\.0\. Finished work is kept"):
        watch(place, Message("failed", "the job failed")).is_over()


def test_without_a_fault_beam_s_own_line_is_told(place: Workplace) -> None:
    with pytest.raises(RunError, match=r"^the pipeline failed: no quota\. Finished work is kept"):
        watch(place, Message("failed", "no quota")).is_over()


def test_a_refusal_ends_the_run_while_the_cluster_would_try_again(place: Workplace) -> None:
    one = watch(place)
    assert not one.is_over()
    one._next_look = 0.0
    fault(place, "begin vocabulary", 1.0, refused=True, message="--min-count is 7: none is left")
    with pytest.raises(RefusedError, match=r"^--min-count is 7: none is left$"):
        one.is_over()


@pytest.mark.timeout(60)
def test_a_worker_that_beam_misses_first_is_named_all_the_same(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as worker:
        place = workplace(tmp_path)
        report = {"task": "parse/en/00001", "bytes": 2_000_000, "pages": 7}
        Path(place.board, f"worker-{worker.pid}.json").write_text(json.dumps(report))
        process = cast(PipelineProcess, Talker(Message("begun"), Message("failed", "Channel closed prematurely.")))
        one = _Watch(process, place, Workers("", 1), "build", tmp_path / "beam.log")
        one._seen = {worker.pid: psutil.Process(worker.pid)}
        assert not one.is_over()
        worker.kill()
        with pytest.raises(
            RunError, match=rf"^a worker process died while it worked on parse/en/00001 \(process {worker.pid}, "
        ):
            one.is_over()
