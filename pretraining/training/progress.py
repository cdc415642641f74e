"""The record of a run: lines for people, metrics.jsonl for programs, reports for curves."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import psutil
import torch

from mlukit.pretraining.config import RunConfig
from mlukit.pretraining.data.batch_counts import Counts, means_per_target, sums_over_targets
from mlukit.pretraining.training.flops import step_flops
from mlukit.pretraining.training.reports import open_reports
from mlukit.pretraining.training.run_folder import METRICS, append_lines
from mlukit.schemas.wording import counted


@dataclass(frozen=True, slots=True)
class Epochs:
    """The epochs of a run: an epoch is as many draws as there are examples to train on."""

    examples: int
    batch_size: int

    def after(self, steps: int) -> float:
        """The epochs done after some steps."""
        return steps * self.batch_size / self.examples

    def describe(self, steps: int) -> str:
        """A text such as "2.5 epochs of 369 examples"."""
        number = f"{self.after(steps):,.2f}".rstrip("0").rstrip(".")
        return f"{number} {'epoch' if number == '1' else 'epochs'} of {counted(self.examples, 'example')}"


class Progress:
    """Keeps the record of a run, on its first rank.

    metrics.jsonl and the curves have the losses of single steps, which do not depend on where a run was interrupted. A
    printed line has the means since the line before.
    """

    def __init__(
        self,
        run: Path,
        config: RunConfig,
        done: int,
        *,
        epochs: Epochs,
        peak: float | None,
        frozen: bool,
        out: TextIO | None = None,
    ) -> None:
        """Continues the record of a run.

        Args:
            run: the run's folder.
            config: the configuration of the run.
            done: steps done before.
            epochs: of the run.
            peak: floating point operations per second that the devices of all ranks can do; None if not known.
            frozen: as in `step_flops`.
            out: the stream for printed lines; None for stderr.
        """
        self._run, self._config, self._frozen, self._out = run, config, frozen, out or sys.stderr
        self._epochs, self._peak = epochs, peak
        self._reports = open_reports(config.training.report_to, run, config, done)
        self._since, self._sums = Counts(), [0.0] * 4
        self._time = time.monotonic()
        self._steps = done
        self._width = 0

    def trained(self, steps: int, counts: Counts, values: Mapping[str, float]) -> None:
        """Records a training step, and shows it if it is a multiple of the log interval or the last.

        Args:
            steps: done so far.
            counts: the counts of the step's batches.
            values: losses, accuracies, gradient norm and learning rate.
        """
        self._since = Counts.total([self._since.row(), counts.row()])
        self._sums = [a + b for a, b in zip(self._sums, sums_over_targets(values, counts), strict=True)]
        if steps % self._config.training.log_interval and steps != self._config.training.steps:
            return
        means = means_per_target(self._sums, self._since)
        line = {
            **{"step": steps, "kind": "train", "epoch": self._epochs.after(steps), **values},
            **{**self._speed(steps), "memory_gib": _memory() / 2**30},
        }
        self._write(line)
        self._show(steps, {**line, **means})

    def validated(self, steps: int, language: str, values: Mapping[str, float]) -> None:
        """Records losses and accuracies on the held-out pages of a language, or of "all"."""
        self._write({"step": steps, "kind": "validation", "language": language, **values})
        self.say(f"step {steps:,}, held-out {language}: {_losses(values)}")

    def say(self, text: str) -> None:
        """Prints a line that the next line does not overwrite."""
        print(f"\r{text:<{self._width}}" if self._width else text, file=self._out, flush=True)
        self._width = 0

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Keeps the time of what happens inside out of the measured speed."""
        begin = time.monotonic()
        yield
        self._time += time.monotonic() - begin

    def close(self) -> None:
        """Writes the remaining values of the curves."""
        for report in self._reports:
            report.close()

    def _speed(self, steps: int) -> dict[str, float]:
        """Speed and remaining time since the last call, and starts the next measurement."""
        seconds = max(time.monotonic() - self._time, 1e-9)
        counts, passed = self._since, steps - self._steps
        speed = {"tokens_per_second": counts.words / seconds}
        if self._peak:
            flops = step_flops(self._config.model, counts, frozen=self._frozen)
            speed["model_flops_utilisation"] = flops / seconds / self._peak
        speed["seconds_left"] = (self._config.training.steps - steps) * seconds / max(passed, 1)
        self._time, self._since, self._sums, self._steps = time.monotonic(), Counts(), [0.0] * 4, steps
        return speed

    def _write(self, line: dict[str, Any]) -> None:
        """Adds a line to metrics.jsonl, and its numbers to the curves."""
        append_lines(self._run / METRICS, [line])
        group = f"validation/{line['language']}" if line["kind"] == "validation" else "train"
        values = {f"{group}/{name}": value for name, value in line.items() if isinstance(value, float)}
        for report in self._reports:
            report.log(line["step"], values)

    def _show(self, steps: int, line: Mapping[str, Any]) -> None:
        """Prints a step; on a terminal the next step overwrites it."""
        mfu = f", MFU {line['model_flops_utilisation']:.1%}" if self._peak else ""
        parts = [
            f"step {steps:,}/{self._config.training.steps:,} (epoch {line['epoch']:.2f}): {_losses(line)}",
            f"{line['tokens_per_second']:,.0f} tokens/s{mfu}",
            f"learning rate {line['learning_rate']:.2e}",
            f"memory {line['memory_gib']:.1f} GiB",
            f"{duration(line['seconds_left'])} left",
        ]
        text = ", ".join(parts)
        if not self._out.isatty():
            print(text, file=self._out, flush=True)
            return
        print(f"\r{text:<{self._width}}", end="", file=self._out, flush=True)
        self._width = len(text)


def _memory() -> int:
    """Bytes of memory: the most that PyTorch had on the GPU since the start; without a GPU, what the process has."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    return int(psutil.Process().memory_info().rss)


def _losses(values: Mapping[str, float]) -> str:
    parts = []
    for kind in ("word", "entity"):
        if f"{kind}_loss" in values:
            parts.append(f"{kind} loss {values[f'{kind}_loss']:.4f} ({values[f'{kind}_accuracy']:.1%} right)")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """Converts 3,725 to "1:02:05"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours}:{minutes:02}:{rest:02}"
