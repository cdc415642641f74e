"""What a user sees of a step while it runs, on a terminal and elsewhere."""

import io
import json
import os
from pathlib import Path

import pytest

from mlukit.engine.launch.progress import Progress, duration
from mlukit.engine.measures import Measures
from mlukit.engine.workplace import Workplace
from tests.workplaces import workplace

TITLE = "parse articles"
COSTS = {"parse/de/00000": 4_000_000, "parse/de/00001": 4_000_000, "parse/en/00000": 8_000_000}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def take(self) -> str:
        """What was written since the last time."""
        said = self.getvalue()
        self.truncate(0), self.seek(0)
        return said


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    clock = [1000.0]
    for name in ("monotonic", "time"):
        monkeypatch.setattr(f"mlukit.engine.launch.progress.time.{name}", lambda: clock[0])
    return clock


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    """With the plan of a step on its board, of which one task was done before."""
    place = workplace(tmp_path / "out", tmp_path / "board")
    place.notes.write_json("plans/parse.json", {"title": TITLE, "costs": COSTS, "began": 1000.0})
    finish(place, "parse/de/00000")
    return place


def finish(place: Workplace, task: str) -> None:
    place.storage.write_json(f"_work/results/{task}.json", {})


def report(place: Workplace, *lines: str) -> None:
    measures = Measures(2, 1, 3.0, 2.5, 12_000_000, 7, 8).to_json()
    note = {"stage": "link", "title": TITLE, "began": 1000.0, "measures": measures, "lines": lines}
    place.notes.write_json("reports/parse.json", note)


def test_a_terminal_shows_language_shards_pages_speed_and_time_left(place: Workplace, now: list[float]) -> None:
    terminal = Terminal()
    progress = Progress("in one process", out=terminal)
    progress.look(place)
    assert terminal.take() == "\rparse articles: 1/3 shards, 0.0 MB/s"
    now[0] += 2
    worker = {"task": "parse/en/00000", "bytes": 2_000_000, "pages": 150}
    Path(place.board, f"worker-{os.getpid()}.json").write_text(json.dumps(worker))
    progress.look(place)
    assert terminal.take() == "\rparse articles en: 1/3 shards, 150 pages in progress, 1.0 MB/s, 0:10 left"
    progress.look(place)  # too soon
    assert terminal.take() == ""
    for task in COSTS:
        finish(place, task)
    now[0] += 2
    progress.look(place)
    assert terminal.take().rstrip() == "\rparse articles: 3/3 shards, 3.0 MB/s"
    report(place)
    progress.look(place, at_end=True)
    cleared, last = terminal.take().split("\r")[1:]
    assert cleared.strip() == ""
    assert last == (
        "parse articles: 2 of 3 shards in 3.0 s (12.0 MB read, 4.0 MB/s) in one process, 1 were done earlier\n"
    )


def test_elsewhere_there_is_one_line_at_the_end_and_what_the_step_has_to_tell(
    place: Workplace, now: list[float]
) -> None:
    out = io.StringIO()
    progress = Progress("on FlinkRunner", out=out)
    for _ in range(3):
        now[0] += 1
        progress.look(place)
    assert out.getvalue() == ""
    report(place, "tokenizer: 6,002 pieces", "en: no items")
    progress.look(place, at_end=True)
    progress.look(place, at_end=True)
    assert out.getvalue().splitlines() == [
        "parse articles: 2 of 3 shards in 3.0 s (12.0 MB read, 4.0 MB/s) on FlinkRunner, 1 were done earlier",
        "tokenizer: 6,002 pieces",
        "en: no items",
    ]
    (step,) = progress.reports
    assert (step.stage, step.title, step.ended, step.measures.cpu_seconds) == ("link", TITLE, 1003.0, 2.5)


def test_elsewhere_there_is_a_line_of_progress_every_half_minute(place: Workplace, now: list[float]) -> None:
    out = io.StringIO()
    progress = Progress("in one process", out=out)
    for seconds in (29, 2, 28, 2):
        now[0] += seconds
        progress.look(place)
    assert out.getvalue().splitlines() == ["parse articles: 1/3 shards, 0.0 MB/s"] * 2


def test_a_board_that_is_not_of_this_machine_is_read_now_and_then(place: Workplace, now: list[float]) -> None:
    far, out = Workplace(place.root, place.board, 0), io.StringIO()
    progress = Progress("on FlinkRunner", out=out)
    progress.look(far)
    report(far)
    for _ in range(3):
        now[0] += 0.5
        progress.look(far)
    assert out.getvalue() == ""
    now[0] += 0.5
    progress.look(far)
    assert out.getvalue().count("\n") == 1


def test_what_a_look_finds_wrong_ends_the_run(place: Workplace) -> None:
    def check() -> None:
        raise OSError("the lease is lost")

    with pytest.raises(OSError, match="lease"):
        Progress("", check).look(place)


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (59.6, "1:00"), (3599, "59:59"), (90061, "25:01:01")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
