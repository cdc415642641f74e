"""The programs that draw a run's curves: TensorBoard, Weights & Biases, Trackio. metrics.jsonl has the same numbers."""

import sys
import types
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from mlukit.pretraining.config import NO_REPORT, RunConfig
from mlukit.pretraining.errors import PretrainingError
from mlukit.pretraining.training.run_folder import TENSORBOARD

_PROJECT = "mlukit"
_TENSORBOARD = "tensorboard"  # of config.REPORTS; the others are modules with the functions of wandb


class ReportError(PretrainingError):
    """A program of --report-to cannot be used; the text says what to do."""


class Report(Protocol):
    """Curves over the steps of a run."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Adds the values of a step, by the names of their curves."""

    def close(self) -> None:
        """Writes what is not written yet."""


def check_reports(report_to: str) -> None:
    """Raises ReportError if a program of `--report-to` is not installed."""
    for name in _names(report_to):
        _module(name)


def open_reports(report_to: str, run: Path, config: RunConfig, done: int) -> list[Report]:
    """Opens the curves of a run.

    Args:
        report_to: the setting, names with commas between them.
        run: the run's folder.
        config: the configuration of the run.
        done: steps done before.

    Raises:
        ReportError: a program is not installed, or refuses the run.
    """
    return [
        _TensorBoard(run, done) if name == _TENSORBOARD else _Tracker(name, run, config, done)
        for name in _names(report_to)
    ]


class _TensorBoard:
    """Files in the run's folder."""

    def __init__(self, run: Path, done: int) -> None:
        # a switch of tensorboard: a stand-in for TensorFlow, which would take ten seconds and the memory of the GPU
        sys.modules.setdefault("tensorboard.compat.notf", types.ModuleType("notf"))
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(run / TENSORBOARD), purge_step=done + 1)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        self._writer.close()


class _Tracker:
    """wandb or trackio: both have `init`, `log` and `finish`. Their environment variables say where the curves go."""

    def __init__(self, name: str, run: Path, config: RunConfig, done: int) -> None:
        self._module = _module(name)
        resume = "allow" if done else "never"  # another run may have a folder of the same name
        try:
            self._module.init(project=_PROJECT, name=run.resolve().name, config=config.to_json(), resume=resume)
        except Exception as error:  # of many kinds: no account, no network
            raise ReportError(f"--report-to {name}: {error}; --report-to {NO_REPORT} trains without") from error

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._module.log(dict(values), step=step)

    def close(self) -> None:
        self._module.finish()


def _names(report_to: str) -> list[str]:
    return [] if report_to == NO_REPORT else report_to.split(",")


def _module(name: str) -> Any:
    """The module of a program; ReportError if it is not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        install = f"{sys.executable} -m pip install {name}"
        raise ReportError(f"--report-to {name} needs {name}, which cannot be imported ({error}): {install}") from error
