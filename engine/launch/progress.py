"""Shows the progress of a pipeline from its board: a line that is updated on a terminal, and a final line per step.

If the output is not a terminal but, for example, a file, a new line of progress is written from time to time.
"""

import logging
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from mlukit.engine.heartbeat import Report, read_reports
from mlukit.engine.logs import is_shown, say
from mlukit.engine.measures import Measures
from mlukit.engine.steps import PLANS, REPORTS
from mlukit.engine.workplace import Workplace
from mlukit.schemas import layout
from mlukit.schemas.layout import ALL_LANGUAGES
from mlukit.schemas.wording import counted

_INTERVAL = 0.5  # seconds between two lines on a terminal
_INTERVAL_ELSEWHERE = 30.0
_LISTING_INTERVAL = 2.0  # seconds between two looks at what is finished, and at a board that is not of this machine


@dataclass(frozen=True, slots=True)
class StepReport:
    """What a step took."""

    stage: str
    title: str
    measures: Measures
    began: float  # seconds since the epoch

    @property
    def has_tasks(self) -> bool:
        """Whether there was anything to do, or had been."""
        return bool(self.measures.tasks_done + self.measures.tasks_found_done)

    @property
    def ended(self) -> float:
        """In seconds since the epoch."""
        return self.began + self.measures.wall_seconds


@dataclass(slots=True)
class _Plan:
    """A step that goes on."""

    title: str
    costs: dict[str, int]  # by the name of the task
    began: float
    before: frozenset[str] = frozenset()  # tasks that were done before
    done: list[str] = field(default_factory=list)


class Progress:
    """Shows the steps of a pipeline.

    Args:
        where: its tasks are done, in words.
        check: called at each look; what it raises ends the run.
    """

    def __init__(self, where: str, check: Callable[[], None] = lambda: None, out: TextIO | None = None) -> None:
        self._where, self._check, self._out = where, check, out or sys.stderr
        self._noted: set[str] = set()  # notes of the board that were read
        self._running: dict[str, _Plan] = {}  # by title
        self.reports: list[StepReport] = []  # of steps that are done, in their order
        self._on_terminal = self._out.isatty() and (self._out is not sys.stderr or is_shown(logging.INFO))
        self._next_listing = 0.0
        self._next_line = 0.0 if self._on_terminal else time.monotonic() + _INTERVAL_ELSEWHERE
        self._width = 0

    def look(self, workplace: Workplace, at_end: bool = False) -> None:
        """Shows what is new on the board; the last look is to be `at_end`."""
        self._check()
        now = time.monotonic()
        listing = now >= self._next_listing or at_end
        if listing:
            self._next_listing = now + _LISTING_INTERVAL
        if workplace.is_local or at_end:
            self._read_board(workplace)
        elif listing:
            with suppress(OSError):  # a store that fails for a while: the job may go on all the same
                self._read_board(workplace)
        if self._running and not at_end and now >= self._next_line:
            self._next_line = now + (_INTERVAL if self._on_terminal else _INTERVAL_ELSEWHERE)
            self._show_newest(workplace, listing or not self._on_terminal)

    def _show_newest(self, workplace: Workplace, listing: bool) -> None:
        """Shows how far the step has come that began last; `listing`: after a look at what is finished."""
        plan = max(self._running.values(), key=lambda one: one.began)
        if listing:
            with suppress(OSError):
                plan.done = _done(workplace, plan)
        reports = read_reports(Path(workplace.board)) if workplace.is_local else []
        line = _line(plan, reports, time.time() - plan.began)
        if self._on_terminal:
            self._show(line)
        else:
            self._print(line)

    def _read_board(self, workplace: Workplace) -> None:
        notes = workplace.notes
        for path in notes.sizes(PLANS):
            if path not in self._noted:
                plan = _Plan(**notes.read_json(path))
                self._noted.add(path)
                with suppress(OSError):
                    plan.before = frozenset(_done(workplace, plan))
                self._running[plan.title] = plan
        new = [path for path in notes.sizes(REPORTS) if path not in self._noted]
        reports = sorted(map(notes.read_json, new), key=lambda one: float(one["began"]))
        self._noted.update(new)
        for report in reports:
            self._close(report)

    def _close(self, report: dict[str, Any]) -> None:
        """Says what was done, how fast and where, and what the step has to tell."""
        self._running.pop(report["title"], None)
        measures = Measures(**report["measures"])
        self.reports.append(StepReport(report["stage"], report["title"], measures, report["began"]))
        self._show("")
        if measures.tasks_done:
            self._print(closing_line(report["title"], measures, self._where))
        for line in report["lines"]:
            self._print(line)

    def _print(self, line: str) -> None:
        if self._out is sys.stderr:
            say(line)
        else:
            print(line, file=self._out, flush=True)

    def _show(self, line: str) -> None:
        if self._on_terminal:
            print("\r" + line.ljust(self._width), end="" if line else "\r", file=self._out, flush=True)
            self._width = len(line)


def _done(workplace: Workplace, plan: _Plan) -> list[str]:
    """The tasks of a plan that have left their results."""
    names = {layout.task_result(name): name for name in plan.costs}
    steps = {name.partition("/")[0] for name in plan.costs}
    written = (workplace.storage.sizes(layout.step_results(step)) for step in steps)
    return [names[path] for of_step in written for path in of_step if path in names]


def closing_line(title: str, measures: Measures, where: str) -> str:
    """What a step that did something says at its end."""
    tasks, seconds, megabytes = measures.tasks_done, measures.wall_seconds, measures.bytes_read / 1e6
    skipped = f", {measures.tasks_found_done} were done before" if measures.tasks_found_done else ""
    return (
        f"{title}: {tasks} of {tasks + measures.tasks_found_done} shards in {seconds:.1f} s"
        f" ({megabytes:.1f} MB read, {megabytes / max(seconds, 1e-9):.1f} MB/s) {where}{skipped}"
    )


def _line(plan: _Plan, reports: Sequence[Report], seconds: float) -> str:
    costs, done = plan.costs, set(plan.done)
    running = [(report.task, report) for report in reports if report.task in costs and report.task not in done]
    now = sum(costs[task] for task in done) + sum(min(report.bytes, costs[task]) for task, report in running)
    speed = (now - sum(costs[task] for task in plan.before)) / max(seconds, 1e-9)
    total = sum(costs.values())
    left = f", {duration((total - now) / speed)} left" if speed > 0 and now < total else ""
    number = sum(report.pages for _, report in running)
    pages = f", {counted(number, 'page')} in work" if number else ""
    where = _languages(task for task, _ in running)
    return f"{plan.title}{where}: {len(done)}/{len(costs)} shards{pages}, {speed / 1e6:.1f} MB/s{left}"


def _languages(tasks: Iterable[str]) -> str:
    codes = sorted({task.split("/")[1] for task in tasks} - {ALL_LANGUAGES})
    return f" {','.join(codes)}" if codes else ""


def duration(seconds: float) -> str:
    """3723 -> "1:02:03"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
