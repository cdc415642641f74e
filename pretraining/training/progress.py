"""What a run says of itself: a line for people, metrics.jsonl for programs, TensorBoard for curves."""

import sys
import time
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from mlukit.pretraining.config import RunConfig
from mlukit.pretraining.data.batch_counts import Counts
from mlukit.pretraining.training.flops import peak_flops, step_flops
from mlukit.pretraining.training.run_folder import METRICS, TENSORBOARD, append_lines

# tensorboard's own switch: its stand-in instead of TensorFlow, which takes ten seconds and the memory of the GPU
sys.modules.setdefault("tensorboard.compat.notf", types.ModuleType("notf"))
from torch.utils.tensorboard import SummaryWriter  # noqa: E402


class Progress:
    """Keeps the record of a run; the first rank has one."""

    def __init__(
        self,
        run: Path,
        config: RunConfig,
        done: int,
        *,
        device: str,
        world: int,
        frozen: bool,
        out: TextIO | None = None,
    ) -> None:
        """Goes on with the record of a run.

        Args:
            done: steps done before.
            device: name of a GPU, "" for a CPU.
            frozen: as in `step_flops`.
        """
        self._run, self._config, self._frozen, self._out = run, config, frozen, out or sys.stderr
        peak = peak_flops(device) if config.training.precision == "bfloat16" else None
        self._peak = peak * world if peak else None
        self._board = SummaryWriter(str(run / TENSORBOARD), purge_step=done + 1)
        self._since = Counts()
        self._time = time.monotonic()
        self._steps = done
        self._width = 0

    def trained(self, steps: int, counts: Counts, values: Mapping[str, float]) -> None:
        """Takes what a step gave: how many are done, what its batches held, its losses and the like."""
        self._since = Counts.total([self._since.row(), counts.row()])
        if steps % self._config.training.log_interval and steps != self._config.training.steps:
            return
        line = {"step": steps, "kind": "train", **values, **self._speed(steps)}
        self._write(line)
        self._show(steps, line)

    def validated(self, steps: int, language: str, values: Mapping[str, float]) -> None:
        """Takes losses and accuracies on the validation split of a language, or of all of them."""
        self._write({"step": steps, "kind": "validation", "language": language, **values})
        self.say(f"step {steps:,}, held-out {language}: {_losses(values)}")

    def say(self, text: str) -> None:
        """Shows a line that stays."""
        print(f"\r{text:<{self._width}}" if self._width else text, file=self._out, flush=True)
        self._width = 0

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leaves what takes place within out of the speed."""
        begin = time.monotonic()
        yield
        self._time += time.monotonic() - begin

    def close(self) -> None:
        """Ends the line, and writes what TensorBoard still holds."""
        self._board.close()

    def _speed(self, steps: int) -> dict[str, float]:
        seconds = max(time.monotonic() - self._time, 1e-9)
        counts, passed = self._since, steps - self._steps
        speed = {"tokens_per_second": counts.words / seconds}
        if self._peak:
            flops = step_flops(self._config.model, counts, frozen=self._frozen)
            speed["model_flops_utilisation"] = flops / seconds / self._peak
        speed["seconds_left"] = (self._config.training.steps - steps) * seconds / max(passed, 1)
        self._time, self._since, self._steps = time.monotonic(), Counts(), steps
        return speed

    def _write(self, line: dict[str, Any]) -> None:
        append_lines(self._run / METRICS, [line])
        for name, value in line.items():
            if isinstance(value, float):
                where = f"validation/{line['language']}" if line["kind"] == "validation" else "train"
                self._board.add_scalar(f"{where}/{name}", value, line["step"])

    def _show(self, steps: int, line: Mapping[str, Any]) -> None:
        mfu = f", MFU {line['model_flops_utilisation']:.1%}" if self._peak else ""
        parts = [
            f"step {steps:,}/{self._config.training.steps:,}: {_losses(line)}",
            f"{line['tokens_per_second']:,.0f} tokens/s{mfu}",
            f"learning rate {line['learning_rate']:.2e}",
            f"{_duration(line['seconds_left'])} left",
        ]
        text = ", ".join(parts)
        if not self._out.isatty():
            print(text, file=self._out, flush=True)
            return
        print(f"\r{text:<{self._width}}", end="", file=self._out, flush=True)
        self._width = len(text)


def _losses(values: Mapping[str, float]) -> str:
    parts = []
    for kind in ("word", "entity"):
        if f"{kind}_loss" in values:
            parts.append(f"{kind} loss {values[f'{kind}_loss']:.4f} ({values[f'{kind}_accuracy']:.1%} right)")
    return ", ".join(parts)


def _duration(seconds: float) -> str:
    minutes, seconds_ = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours}:{minutes:02}:{seconds_:02}"
