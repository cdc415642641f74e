"""`mlukit evaluate TASK`: fine-tunes and tests a checkpoint, or measures it, into RUN."""

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from mlukit.evaluation.errors import say, warn
from mlukit.evaluation.results.run_config import open_run, options_of, read_data, run_config
from mlukit.evaluation.results.run_folder import RESULT, Result, variant_folder, write_predictions
from mlukit.evaluation.tasks.table import load_task
from mlukit.evaluation.tasks.task import FineTunedTask, MeasuredTask, Task, TaskData
from mlukit.pretraining.training.run_lock import RunLock

if TYPE_CHECKING:
    from mlukit.evaluation.encoder.encoder import Encoder


def run(name: str, flags: Namespace) -> int:
    """Runs a task; returns the exit status."""
    task = load_task(name)
    # a missing file is told before the model is loaded
    data = task.prepare(read_data(task, flags.data, options_of(task, flags)), flags.variant)
    from mlukit.evaluation.encoder.encoder import fingerprint_of, load_encoder

    encoder = load_encoder(flags.model, flags.examples, flags.device)
    for variant in flags.variant:
        encoder.check_variant(variant, task.needs_entities(variant))
    flags.output.mkdir(parents=True, exist_ok=True)
    with RunLock() as lock:
        lock.take(flags.output)
        config = run_config(task, flags, data, fingerprint_of(encoder.model))
        open_run(flags.output, config)
        if isinstance(task, FineTunedTask):
            status = _fine_tune(task, data, encoder, flags, config)
        else:
            status = _measure(task, data, encoder, flags)
    if not status:
        say(f"{flags.output} is finished; mlukit evaluate table {flags.output} shows it")
    return status


def _fine_tune(
    task: FineTunedTask, data: TaskData, encoder: "Encoder", flags: Namespace, config: dict[str, Any]
) -> int:
    from mlukit.evaluation.fine_tuning.fine_tune import FineTuning
    from mlukit.evaluation.fine_tuning.loop import Stopped
    from mlukit.pretraining.training.stop import StopSignal

    head = encoder.head
    variants = [one for one, form in task.exported.items() if head and form.architecture == head.architecture]
    if head and variants:
        say(f"{flags.model} has the trained head of {head.architecture}: it is tested without training")
        data = data.with_labels(task.checkpoint_labels(head.labels))
        for variant in [one for one in flags.variant if one in variants] or variants:
            FineTuning(flags.output, task, data, encoder, config).test_published(variant)
        return 0
    fine_tuning = FineTuning(flags.output, task, data, encoder, config)
    try:
        with StopSignal() as stop:
            for variant in flags.variant:
                fine_tuning.train(variant, stop)
    except Stopped as stopped:
        warn(f"stopped, and saved; the same command continues {flags.output}")
        return 128 + stopped.signal
    return 0


def _measure(task: Task, data: TaskData, encoder: "Encoder", flags: Namespace) -> int:
    assert isinstance(task, MeasuredTask)
    for variant in flags.variant:
        folder = variant_folder(flags.output, variant)
        if (folder / RESULT).is_file():
            continue
        scores = {}
        for name, found in task.measure(data, variant, encoder):
            lines = list(found)
            write_predictions(folder, name, lines)
            scores[name] = task.score(data, name, lines)
            shown = scores[name].get(task.metric)
            say(f"{variant}, {name}: {task.metric} {shown:.4f}" if shown is not None else f"{variant}, {name}")
        Result(folder=folder, variant=variant, scores=scores).write()
    return 0
