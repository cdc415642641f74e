"""The progress line: what is done, how fast, and how long it will take; quiet where nobody watches."""

import sys
import time
from collections.abc import Collection, Sequence
from typing import TextIO

from mlukit.engine.heartbeat import Report
from mlukit.engine.task import Task
from mlukit.schemas.layout import ALL_LANGUAGES

_INTERVAL = 0.5  # seconds between two lines


class Progress:
    """Shows one step of a run on a terminal, and a closing line anywhere."""

    def __init__(self, title: str, tasks: Sequence[Task], done: Collection[str], out: TextIO | None = None) -> None:
        self._title, self._out = title, out or sys.stderr
        self._tasks = {task.name: task for task in tasks}
        self._before = frozenset(done)
        self._start = time.monotonic()
        self._next = 0.0
        self._width = 0

    def update(self, done: Collection[str], reports: Sequence[Report]) -> None:
        """Shows where the step stands, if somebody watches and it is time."""
        if not self._out.isatty() or (now := time.monotonic()) < self._next:
            return
        self._next = now + _INTERVAL
        self._show(self._line(done, reports, now - self._start))

    def close(self, where: str = "") -> None:
        """Removes the progress line and says what was done, how fast and where."""
        self._show("")
        seconds = time.monotonic() - self._start
        fresh = [u for name, u in self._tasks.items() if name not in self._before]
        megabytes = sum(u.cost for u in fresh) / 1e6
        skipped = f", {len(self._before)} were done before" if self._before else ""
        print(
            f"{self._title}: {len(fresh)} of {len(self._tasks)} shards in {seconds:.1f} s"
            f" ({megabytes:.1f} MB read, {megabytes / max(seconds, 1e-9):.1f} MB/s){where and ' '}{where}{skipped}",
            file=self._out,
            flush=True,
        )

    def _line(self, done: Collection[str], reports: Sequence[Report], seconds: float) -> str:
        total = sum(task.cost for task in self._tasks.values())
        before = sum(self._tasks[name].cost for name in self._before)
        finished = sum(self._tasks[name].cost for name in done)
        running = [(self._tasks[r.task], r) for r in reports if r.task in self._tasks and r.task not in done]
        now = finished + sum(min(r.bytes, task.cost) for task, r in running)
        speed = (now - before) / max(seconds, 1e-9)
        left = f", {duration((total - now) / speed)} left" if speed > 0 and now < total else ""
        pages = f", {sum(r.pages for _, r in running):,} pages in work" if any(r.pages for _, r in running) else ""
        languages = sorted({u.language for u, _ in running if u.language != ALL_LANGUAGES})
        where = f" {','.join(languages)}" if languages else ""
        return f"{self._title}{where}: {len(done)}/{len(self._tasks)} shards{pages}, {speed / 1e6:.1f} MB/s{left}"

    def _show(self, line: str) -> None:
        if self._out.isatty():
            print("\r" + line.ljust(self._width), end="" if line else "\r", file=self._out, flush=True)
            self._width = len(line)


def duration(seconds: float) -> str:
    """3723 -> "1:02:03"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
