"""What a user sees of a step while it runs, on a terminal and elsewhere."""

import io
from dataclasses import dataclass
from typing import ClassVar

import pytest

from mlukit.engine.heartbeat import Heartbeat, Report
from mlukit.engine.progress import Progress, duration
from mlukit.engine.storage import Storage
from mlukit.engine.task import Task
from mlukit.schemas.manifest import TaskResult


@dataclass(frozen=True)
class Parse(Task):
    step: ClassVar[str] = "parse"

    def run(self, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        raise NotImplementedError


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


UNITS = [Parse("de", 0, 4_000_000), Parse("de", 1, 4_000_000), Parse("en", 0, 8_000_000)]


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    clock = [1000.0]
    monkeypatch.setattr("mlukit.engine.progress.time.monotonic", lambda: clock[0])
    return clock


def test_a_terminal_shows_language_shards_pages_speed_and_time_left(now: list[float]) -> None:
    terminal = Terminal()
    progress = Progress("parse articles", UNITS, {"parse/de/00000"}, terminal)
    now[0] += 2
    progress.update(["parse/de/00000"], [Report(7, "parse/en/00000", 2_000_000, 150)])
    assert terminal.getvalue() == ("\rparse articles en: 1/3 shards, 150 pages in work, 1.0 MB/s, 0:10 left")
    progress.update([], [])  # too soon
    now[0] += 1
    terminal.truncate(0), terminal.seek(0)
    progress.update([task.name for task in UNITS], [])
    assert terminal.getvalue().rstrip() == "\rparse articles: 3/3 shards, 4.0 MB/s"
    terminal.truncate(0), terminal.seek(0)
    progress.close()
    cleared, last = terminal.getvalue().split("\r")[1:]
    assert cleared.strip() == ""
    assert last == "parse articles: 2 of 3 shards in 3.0 s (12.0 MB read, 4.0 MB/s), 1 were done before\n"


def test_elsewhere_there_is_one_line_at_the_end(now: list[float]) -> None:
    out = io.StringIO()
    progress = Progress("parse articles", UNITS, [], out)
    for _ in range(3):
        now[0] += 1
        progress.update([], [Report(7, "parse/en/00000", 2_000_000, 150)])
    progress.close()
    assert out.getvalue() == "parse articles: 3 of 3 shards in 3.0 s (16.0 MB read, 5.3 MB/s)\n"


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (59.6, "1:00"), (3599, "59:59"), (90061, "25:01:01")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
