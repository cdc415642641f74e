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
_INTERVAL_ELSEWHERE = 30.0  # seconds between two lines in a file
_LISTING_INTERVAL = 2.0  # seconds between two listings of finished tasks, and of a board on another machine


@dataclass(frozen=True, slots=True)
class StepReport:
    """The measures of a finished step."""

    stage: str
    title: str
    measures: Measures
    began: float  # seconds since the epoch

    @property
    def has_tasks(self) -> bool:
        """Whether the step had tasks, done now or in an earlier run."""
        return bool(self.measures.tasks_done + self.measures.tasks_found_done)

    @property
    def ended(self) -> float:
        """The end of the step, in seconds since the epoch."""
        return self.began + self.measures.wall_seconds


@dataclass(slots=True)
class _Plan:
    """A step that is running."""

    title: str
    costs: dict[str, int]  # by task name
    began: float
    before: frozenset[str] = frozenset()  # tasks that an earlier run has done
    done: list[str] = field(default_factory=list)


class Progress:
    """Shows the steps of a pipeline.

    Args:
        where: where the tasks run, as words for the user.
        check: called by each `look`; an exception ends the run.
        out: the stream for the lines; standard error by default.
    """

    def __init__(self, where: str, check: Callable[[], None] = lambda: None, out: TextIO | None = None) -> None:
        self._where, self._check, self._out = where, check, out or sys.stderr
        self._noted: set[str] = set()  # paths of notes on the board that were read
        self._running: dict[str, _Plan] = {}  # by title
        self.reports: list[StepReport] = []  # of finished steps, in order
        self._on_terminal = self._out.isatty() and (self._out is not sys.stderr or is_shown(logging.INFO))
        self._next_listing = 0.0
        self._next_line = 0.0 if self._on_terminal else time.monotonic() + _INTERVAL_ELSEWHERE
        self._width = 0

    def look(self, workplace: Workplace, at_end: bool = False) -> None:
        """Shows what is new on the board. The last call must have `at_end`."""
        self._check()
        now = time.monotonic()
        listing = now >= self._next_listing or at_end
        if listing:
            self._next_listing = now + _LISTING_INTERVAL
        if workplace.is_local or at_end:
            self._read_board(workplace)
        elif listing:
            with suppress(OSError):  # the store may fail for a while without stopping the job
                self._read_board(workplace)
        if self._running and not at_end and now >= self._next_line:
            self._next_line = now + (_INTERVAL if self._on_terminal else _INTERVAL_ELSEWHERE)
            self._show_newest(workplace, listing or not self._on_terminal)

    def _show_newest(self, workplace: Workplace, listing: bool) -> None:
        """Shows the progress of the step that began last; `listing` updates its finished tasks first."""
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
        """Reads new plans and reports of steps; a report ends its step."""
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
        """Prints the closing line of a step, and the lines of the step itself."""
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
        """Replaces the progress line on a terminal; an empty line removes it."""
        if self._on_terminal:
            print("\r" + line.ljust(self._width), end="" if line else "\r", file=self._out, flush=True)
            self._width = len(line)


def _done(workplace: Workplace, plan: _Plan) -> list[str]:
    """The tasks of a plan that have written their results."""
    names = {layout.task_result(name): name for name in plan.costs}
    steps = {name.partition("/")[0] for name in plan.costs}
    written = (workplace.storage.sizes(layout.step_results(step)) for step in steps)
    return [names[path] for of_step in written for path in of_step if path in names]


def closing_line(title: str, measures: Measures, where: str) -> str:
    """The line that a step with finished tasks shows at its end."""
    tasks, seconds, megabytes = measures.tasks_done, measures.wall_seconds, measures.bytes_read / 1e6
    skipped = f", {measures.tasks_found_done} were done earlier" if measures.tasks_found_done else ""
    return (
        f"{title}: {tasks} of {tasks + measures.tasks_found_done} shards in {seconds:.1f} s"
        f" ({megabytes:.1f} MB read, {megabytes / max(seconds, 1e-9):.1f} MB/s) {where}{skipped}"
    )


def _line(plan: _Plan, reports: Sequence[Report], seconds: float) -> str:
    """The progress line of a step that has run for some seconds; the speed excludes tasks done before the run."""
    costs, done = plan.costs, set(plan.done)
    running = [(report.task, report) for report in reports if report.task in costs and report.task not in done]
    now = sum(costs[task] for task in done) + sum(min(report.bytes, costs[task]) for task, report in running)
    speed = (now - sum(costs[task] for task in plan.before)) / max(seconds, 1e-9)
    total = sum(costs.values())
    left = f", {duration((total - now) / speed)} left" if speed > 0 and now < total else ""
    number = sum(report.pages for _, report in running)
    pages = f", {counted(number, 'page')} in progress" if number else ""
    where = _languages(task for task, _ in running)
    return f"{plan.title}{where}: {len(done)}/{len(costs)} shards{pages}, {speed / 1e6:.1f} MB/s{left}"


def _languages(tasks: Iterable[str]) -> str:
    codes = sorted({task.split("/")[1] for task in tasks} - {ALL_LANGUAGES})
    return f" {','.join(codes)}" if codes else ""


def duration(seconds: float) -> str:
    """Formats seconds: 3723 -> "1:02:03"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
