"""config.json of a RUN: what was asked, of which checkpoint and files, and what deviates from the paper's values."""

import hashlib
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlukit.evaluation.errors import warn
from mlukit.evaluation.results.run_folder import CONFIG, RunError, describe_files
from mlukit.evaluation.tasks.task import FineTunedTask, Task, TaskData
from mlukit.pretraining.training.run_folder import read_json, write_json
from mlukit.schemas.wording import counted

# what may change when the same RUN continues: more models, and what changes only speed, memory and rounding
_MAY_CHANGE = ("variants", "seeds", "learning_rates", "micro_batch_places", "checkpoint_interval", "deviations")
_SHOWN = 5


def read_data(task: Task, folder: Path, options: Mapping[str, Any]) -> TaskData:
    """Reads a task's data, takes samples if limits ask for them, and warns of faulty rows.

    Args:
        task: the task.
        folder: --data.
        options: "flags" of the task, "tests", "limit" and "test_limit", as config.json has them.
    """
    data = task.read(folder, options["flags"])
    for fault, rows in data.faults.items():
        shown = ", ".join(rows[:_SHOWN]) + (", …" if len(rows) > _SHOWN else "")
        warn(f"{counted(len(rows), 'row')} {fault}, scored as wrong: {shown}")
    chosen = options["tests"] or tuple(data.tests)
    for name in chosen:
        if name not in data.tests:
            raise RunError(f"--tests {name}: {task.name} has the tests {', '.join(data.tests)}")
    limit, test_limit = options["limit"], options["test_limit"]
    return replace(
        data,
        train=_sample(data.train, limit),
        dev=_sample(data.dev, test_limit),
        tests={name: _sample(data.tests[name], test_limit) for name in chosen},
        options=options["flags"],
    )


def check_files(config: Mapping[str, Any]) -> None:
    """Refuses official files that are no longer those of a RUN.

    Args:
        config: the content of its config.json.

    Raises:
        RunError: a file is missing or has changed; the text names it.
    """
    for name, digest in config["files"].items():
        file = Path(name)
        if not file.is_file():
            raise RunError(f"{file}, which the run has read, is not there: put it back")
        if describe_files([file])[name] != digest:
            raise RunError(f"{file} has changed since the run has read it: its SHA-256 was {digest}")


def _sample(examples: Any, limit: int | None) -> Any:
    """At most `limit` examples, by the hashes of their ids; a smaller sample is part of a larger one."""
    if limit is None or len(examples) <= limit:
        return examples
    hashes = [hashlib.sha256(example.id.encode()).digest() for example in examples]
    chosen = sorted(range(len(examples)), key=lambda number: (hashes[number], number))[:limit]
    return [examples[number] for number in sorted(chosen)]


def options_of(task: Task, flags: Namespace) -> dict[str, Any]:
    """The options of a run as config.json has them."""
    options: dict[str, Any] = {
        "flags": {flag.name: getattr(flags, flag.name.replace("-", "_")) for flag in task.flags},
        "variants": list(flags.variant),
        "tests": list(flags.tests),
        "test_limit": flags.test_limit,
        "limit": None,
    }
    if isinstance(task, FineTunedTask):
        names = ("limit", "seeds", "epochs", "batch_size", "micro_batch_places", "precision", "checkpoint_interval")
        options |= {name: getattr(flags, name) for name in names}
        options["learning_rates"] = list(flags.learning_rate)
    return options


def deviations(task: Task, options: Mapping[str, Any]) -> dict[str, Any]:
    """What deviates from the whole task with its published values: {name: [value here, published value]}."""
    found = {}
    if isinstance(task, FineTunedTask):
        published = task.hyper_parameters
        expected = {
            "epochs": published.epochs,
            "batch_size": published.batch_size,
            "learning_rates": list(published.learning_rates),
        }
        found = {name: [options[name], value] for name, value in expected.items() if options[name] != value}
    for name in ("limit", "test_limit"):
        if options[name]:
            found[name] = [options[name], "all examples"]
    return found


def run_config(task: Task, flags: Namespace, data: TaskData, fingerprint: str) -> dict[str, Any]:
    """The content of config.json.

    Args:
        task: the task.
        flags: of the command.
        data: that was read.
        fingerprint: of the checkpoint's parameters.
    """
    options = options_of(task, flags)
    found = {
        "task": task.name,
        "model": str(flags.model.resolve()),
        "examples": str(flags.examples.resolve()) if flags.examples else None,
        "fingerprint": fingerprint,
        "data": str(flags.data.resolve()),
        "files": describe_files(data.files),
        "faults": {fault: len(rows) for fault, rows in data.faults.items()},
        "labels": list(data.labels),
        **options,
        "deviations": deviations(task, options),
    }
    if isinstance(task, FineTunedTask):
        values = task.hyper_parameters
        names = ("clip", "patience", "warmup_share", "weight_decay", "hidden_dropout", "attention_dropout", "source")
        found["hyper_parameters"] = {name: getattr(values, name) for name in names}
    return found


def open_run(run: Path, config: dict[str, Any]) -> None:
    """Writes config.json of a new RUN, or compares it with the one that RUN has.

    Raises:
        RunError: RUN is of another task, checkpoint, or options; the text names the difference.
    """
    file = run / CONFIG
    if file.is_file():
        old = read_json(file)
        for name, value in config.items():
            if name not in _MAY_CHANGE and (not isinstance(old, dict) or old.get(name) != value):
                found = old.get(name) if isinstance(old, dict) else None
                raise RunError(
                    f"{run} has another {name.replace('_', ' ')}: {_shown(found)}, here {_shown(value)}. Use the same "
                    "flags to continue, or another --output"
                )
    write_json(file, config)


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
