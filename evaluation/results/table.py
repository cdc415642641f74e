"""Tables of runs: tests x variants, mean and spread over seeds, and a paired bootstrap where there are W and E."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import isfinite
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from mlukit.evaluation.errors import EvaluationError, warn
from mlukit.evaluation.metrics.bootstrap import RESAMPLES, SEED, Bootstrap, paired_bootstrap
from mlukit.evaluation.results.choice import chosen_results
from mlukit.evaluation.results.run_config import check_files, read_data
from mlukit.evaluation.results.run_folder import (
    Result,
    RunError,
    predictions_file,
    read_config,
    read_predictions,
    read_results,
)
from mlukit.evaluation.tasks.table import load_task
from mlukit.evaluation.tasks.task import DEV, Numbers, Task, TaskData
from mlukit.schemas.wording import counted

_NAMED = 6  # tests whose mean is named by all of them


@dataclass(frozen=True, slots=True)
class Cell:
    """A metric over the seeds of a variant: the mean, and the sample standard deviation (None for one seed)."""

    mean: float
    spread: float | None

    @classmethod
    def from_values(cls, values: Sequence[float]) -> "Cell":
        """The cell of the values of all seeds."""
        return cls(mean(values), stdev(values) if len(values) > 1 else None)


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        title: the task and the metric.
        in_percent: whether the numbers are shares, shown in %.
        columns: a name for each run and variant.
        rows: for each test, the cells of the columns; None where a run has no such test.
        compared: for each test, how much better entities are than words, for the runs that have both, by run.
        notes: the caption: seeds, learning rates, and what deviates from the paper's values.
        heading: of the names of the rows.
        difference: what is compared, such as "entities - words".
    """

    title: str
    in_percent: bool
    columns: list[str]
    rows: dict[str, list[Cell | None]]
    compared: dict[str, list[Bootstrap | None]]
    compared_columns: list[str]
    notes: list[str]
    heading: str = "test"
    difference: str = ""

    @property
    def full_title(self) -> str:
        """The title with the unit."""
        return f"{self.title}, in %" if self.in_percent else self.title

    @property
    def scale(self) -> int:
        """By what the numbers are multiplied to be shown."""
        return 100 if self.in_percent else 1

    def shown(self, value: float) -> str:
        """A number as the table shows it: the share 0.6781 is "67.8", the loss 7.1234 is "7.123"."""
        if not isfinite(value):
            return "-"
        return f"{100 * value:.1f}" if self.in_percent else f"{value:,.3f}".rstrip("0").rstrip(".")


def make_table(runs: Sequence[Path], metric: str | None = None) -> Table:
    """Makes the table of some runs of one task.

    Args:
        runs: their folders.
        metric: the number to show; None for the task's main metric.

    Raises:
        RunError: a folder is not a finished RUN, or the runs are of several tasks.
    """
    found = _read(runs, metric)
    task, metric, columns = found.task, found.metric, found.shown_columns
    tests = list(dict.fromkeys(test for results, _ in columns.values() for test in results[0].scores))
    rows = {test: [_cell(results, [test], number) for results, number in columns.values()] for test in tests}
    others = [test for test in tests if test not in task.english]
    if len(others) > 1:
        name = f"mean of {', '.join(others) if len(others) <= _NAMED else f'{len(others)} tests'}"
        rows[name] = [_cell(results, others, number) for results, number in columns.values()]
    first, second = task.compared
    pairs = {run: (found.groups.get((run, first)), found.groups.get((run, second))) for run in runs}
    comparisons = [_compare(task, found.configs[run], tests, metric, *pair) for run, pair in pairs.items()]
    names = [run.name for run, one in zip(runs, comparisons, strict=True) if one]
    compared = {test: [one.get(test) for one in comparisons if one] for test in tests}
    title = f"{task.name}: {metric}"
    return Table(
        title,
        task.is_share(metric),
        list(columns),
        rows,
        compared,
        names,
        found.notes,
        difference=f"{second} - {first}",
    )


def make_layer_table(runs: Sequence[Path], metric: str | None = None) -> Table:
    """Makes the table of some runs of a task over layers, layers x variants: a number is the mean of all tests.

    Args:
        runs: their folders.
        metric: the number to show, which has a value for each layer; None for the task's main metric.

    Raises:
        RunError: as `make_table`, or the metric has no values for layers.
    """
    found = _read(runs, metric)
    scores = [values for results in found.groups.values() for one in results for values in one.scores.values()]
    prefix = f"{found.metric}, layer "
    layers = {int(name.removeprefix(prefix)) for values in scores for name in values if name.startswith(prefix)}
    if not layers:
        raise RunError(f"{found.task.name} does not measure {found.metric!r} by layer; retrieval and modularity do")
    rows = {
        str(layer): [_cell(results, list(results[0].scores), f"{prefix}{layer}") for results in found.columns.values()]
        for layer in sorted(layers)
    }
    title, in_percent = f"{found.task.name} by layer: {found.metric}", found.task.is_share(found.metric)
    return Table(title, in_percent, list(found.columns), rows, {}, [], found.notes, "layer")


@dataclass(frozen=True, slots=True)
class _Runs:
    """Runs of one task.

    Attributes:
        task: their task.
        metric: the number to show.
        configs: the content of config.json by run.
        groups: the results that count, by run and variant.
    """

    task: Task
    metric: str
    configs: Mapping[Path, Mapping[str, Any]]
    groups: Mapping[tuple[Path, str], list[Result]]

    @property
    def columns(self) -> dict[str, list[Result]]:
        """The results by the name of their column."""
        one = len(self.configs) == 1
        return {name if one else f"{run.name}: {name}": found for (run, name), found in self.groups.items()}

    @property
    def shown_columns(self) -> dict[str, tuple[list[Result], str]]:
        """The results and the number of each column: the metric, then what the task shows beside its own metric."""
        found: dict[str, tuple[list[Result], str]] = {}
        last = None  # the run whose numbers beside the metric are there: variants with entities have the same ones
        for (run, variant), (name, results) in zip(self.groups, self.columns.items(), strict=True):
            found[name] = results, self.metric
            if self.metric == self.task.metric and self.task.needs_entities(variant) and run != last:
                last, prefix = run, name.removesuffix(variant)
                found |= {f"{prefix}{extra}": (results, extra) for extra in self.task.extra_metrics}
        return found

    @property
    def notes(self) -> list[str]:
        """What a reader must know of the runs."""
        return [note for run, config in self.configs.items() for note in _notes(run, config, self.groups)]


def _read(runs: Sequence[Path], metric: str | None) -> _Runs:
    """Reads runs; see `make_table`."""
    configs = {run: read_config(run) for run in runs}
    tasks = {config["task"] for config in configs.values()}
    if len(tasks) > 1:
        raise RunError(f"the runs are of the tasks {', '.join(sorted(tasks))}: a table shows one task")
    task = load_task(tasks.pop())
    metric = metric or task.metric
    return _Runs(task, metric, configs, _groups(runs, metric, task.variants))


def _groups(runs: Sequence[Path], metric: str, variants: Sequence[str]) -> dict[tuple[Path, str], list[Result]]:
    """The results that count, of each run and variant."""
    results = {run: read_results(run) for run in runs}
    scores = [values for of_run in results.values() for one in of_run for values in one.scores.values()]
    if not any(metric in values for values in scores):
        known = sorted({name for values in scores for name in values})
        raise RunError(f"--metric {metric}: the runs have {', '.join(known)}")
    found = {}
    for run, variant in product(runs, variants):
        if of_variant := [one for one in results[run] if one.variant == variant]:
            found[run, variant] = chosen_results(of_variant, metric)
    return found


def _cell(results: Sequence[Result], tests: Sequence[str], metric: str) -> Cell | None:
    """The mean of some tests; None where a result lacks one of them."""
    if not all(metric in one.scores.get(test, {}) for one in results for test in tests):
        return None
    return Cell.from_values([mean(one.scores[test][metric] for test in tests) for one in results])


def _compare(
    task: Task,
    config: Mapping[str, Any],
    tests: Sequence[str],
    metric: str,
    words: Sequence[Result] | None,
    entities: Sequence[Result] | None,
) -> dict[str, Bootstrap]:
    """The paired bootstrap of each test; nothing for a run without both variants or without its data."""
    if not words or not entities:
        return {}
    try:
        check_files(config)
        data = read_data(task, Path(config["data"]), config)
    except EvaluationError as error:
        warn(f"no bootstrap: {error}")
        return {}
    found = {}
    for test in tests:
        pair = [[_counts(task, data, one, test) for one in results] for results in (words, entities)]
        first, second = ([one for one in counts if one is not None] for counts in pair)
        if first and second and len(first[0]) and metric in words[0].scores.get(test, {}):
            found[test] = paired_bootstrap(first, second, lambda totals: task.numbers(data, totals)[metric])
    return found


def _counts(task: Task, data: TaskData, result: Result, test: str) -> Numbers | None:
    file = predictions_file(result.folder, test)
    return task.counts(data, test, read_predictions(file)) if file.is_file() else None


def _notes(run: Path, config: Mapping[str, Any], groups: Mapping[tuple[Path, str], list[Result]]) -> list[str]:
    """What a reader must know of a run."""
    notes = [f"{run.name}: the checkpoint {config['model']} (SHA-256 {config['fingerprint'][:12]}…)."]
    for (place, variant), results in groups.items():
        if place == run and results[0].learning_rate is not None:
            rate = f"learning rate {results[0].learning_rate:g}, chosen on {DEV} of {_grid(config)}"
            notes.append(f"{run.name}, {variant}: {counted(len(results), 'seed')}, {rate}.")
    for name, (here, published) in config["deviations"].items():
        notes.append(f"{run.name}: {name.replace('_', ' ')} {_text(here)} in place of {_text(published)}.")
    for reason, number in config["left_out"].items():
        notes.append(f"{run.name}: {counted(number, 'row')} left out: {reason}.")
    for fault, number in config["faults"].items():
        notes.append(f"{run.name}: {counted(number, 'row')} {fault}, scored as wrong.")
    return notes


def _grid(config: Mapping[str, Any]) -> str:
    return _text(config["learning_rates"])


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return f"{value:g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def bootstrap_note(table: Table) -> str:
    """What the compared columns are; "" without any."""
    if not table.compared_columns:
        return ""
    return (
        f"{table.difference}: difference of the means over seeds, with the 95% percentile interval of a paired "
        f"bootstrap over examples ({RESAMPLES:,} resamples, seed {SEED}), and p, the share of resamples in which "
        f"{table.difference.partition(' - ')[0]} is not better."
    )
