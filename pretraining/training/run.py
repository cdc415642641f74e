"""A training run from its settings to its end; wrong settings and files are reported before any work."""

import platform
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

import torch

from mlukit.pretraining.config import DataConfig, RunConfig, TrainingConfig, changed
from mlukit.pretraining.data.batches import BatchSource, prefetch
from mlukit.pretraining.data.dataset import ExampleDataset, open_dataset
from mlukit.pretraining.errors import REPORTED, say
from mlukit.pretraining.model.model import PretrainingModel
from mlukit.pretraining.settings import (
    SettingsError,
    TrainSettings,
    data_config,
    model_config,
    steps_origin,
    training_config,
)
from mlukit.pretraining.training import checkpoint
from mlukit.pretraining.training.flops import peak_flops
from mlukit.pretraining.training.initial_weights import freeze, initial_model
from mlukit.pretraining.training.loop import Loop, NotFiniteError
from mlukit.pretraining.training.optimizer import make_optimizer
from mlukit.pretraining.training.parallel import parallel
from mlukit.pretraining.training.progress import Progress
from mlukit.pretraining.training.ranks import Ranks, joined, this_rank
from mlukit.pretraining.training.run_folder import (
    CONFIG,
    METRICS,
    RUN,
    RunFolderError,
    checkpoint_folder,
    cut_lines,
    last_whole_checkpoint,
    read_json,
    read_model_config,
    read_run_config,
    write_json,
)
from mlukit.pretraining.training.stop import StopSignal
from mlukit.schemas.wording import counted

T = TypeVar("T")
_say = partial(say, "train")


@dataclass(frozen=True, slots=True)
class Prepared:
    """The state that a run starts from, the same on all ranks.

    Attributes:
        run: the run's folder.
        resumed: whether the run continues from a checkpoint.
        new: the parameters that `--init` did not have.
        facts: the content of run.json.
    """

    run: Path
    config: RunConfig
    dataset: ExampleDataset
    model: PretrainingModel
    resumed: bool
    new: frozenset[str]
    facts: dict[str, Any]


def start(settings: TrainSettings) -> int:
    """Starts a run, or resumes one.

    Returns:
        The exit status: 0 at the end, 1 if the run failed, 2 if it cannot begin, 128 + n after signal n.
    """
    try:
        with joined() as ranks, StopSignal() as stop:
            prepared = _agreed(ranks, lambda: _prepare(settings, ranks))
            done = _agreed(ranks, lambda: _steps_done(settings, ranks)) if prepared else None
            if prepared is None or done is None:
                return 2
            done = ranks.gather((done,))[0][0]
            if ranks.first:
                _say_steps(settings, prepared.config, done)
            return _train(prepared, done, ranks, stop)
    except NotFiniteError as error:  # the same on all ranks
        if this_rank() == 0:
            _say(f"{error}; {settings.output} has the checkpoints before it")
    except torch.OutOfMemoryError as error:
        _say(f"rank {this_rank()}: {error}; a smaller --micro-batch-tokens takes less, and changes nothing else")
    except REPORTED as error:
        _say(f"rank {this_rank()}: {error}")
    return 1


def _agreed(ranks: Ranks, prepare: Callable[[], T]) -> T | None:
    """The result of `prepare`, or None if any rank failed; the first failed rank prints its error."""
    prepared, problem = None, ""
    try:
        prepared = prepare()
    except REPORTED as error:
        problem = str(error) or repr(error)
    failed = [bool(text) for text in ranks.texts(problem)]
    if any(failed):
        if failed.index(True) == ranks.rank:
            _say(problem)
        return None
    return prepared


def _prepare(settings: TrainSettings, ranks: Ranks) -> Prepared:
    prepared = _prepare_resume(settings) if settings.resume else _prepare_new(settings)
    if prepared.config.data.batch_size < ranks.world:
        raise SettingsError(f"--batch-size {prepared.config.data.batch_size} is less than the {ranks.world} processes")
    return prepared


def _prepare_new(settings: TrainSettings) -> Prepared:
    """Opens the examples and makes the initial model of a new run."""
    found = read_model_config(settings.init) if settings.init else None
    data = data_config(settings)
    assert settings.examples is not None
    dataset = open_dataset(settings.examples, data)
    model = model_config(settings, found, dataset.vocabulary_size, dataset.entity_vocabulary_size)
    if (room := model.max_positions - model.pad_id - 1) < data.max_tokens:
        raise SettingsError(f"--max-tokens {data.max_tokens} is more than the {room} that the model has positions for")
    training = training_config(settings, model, gpu=torch.cuda.is_available())
    config = RunConfig(model=model, data=data, training=training)
    initial, new = initial_model(config, settings.init)
    freeze(initial, config, new)
    facts = {
        "examples": str(settings.examples.resolve()),
        "data": dict(dataset.fingerprints),
        "init": str(settings.init.resolve()) if settings.init else None,
        "new_parameters": sorted(new) if settings.init else None,  # None: all
        "starts": [],
    }
    return Prepared(settings.output, config, dataset, initial, False, new, facts)


def _prepare_resume(settings: TrainSettings) -> Prepared:
    """Reads the configuration of a run and opens its examples; the parameters are loaded later."""
    run, facts = settings.output, read_json(settings.output / RUN)
    config = _override(read_run_config(run), settings.chosen)
    dataset = open_dataset(settings.examples or Path(facts["examples"]), config.data)
    if dict(dataset.fingerprints) != facts["data"]:
        raise RunFolderError(
            f"{run} was trained on examples with the fingerprints {facts['data']}, those of {dataset.folder} are "
            f"{dict(dataset.fingerprints)}: --examples names where they lie now"
        )
    model = PretrainingModel(config.model)
    new = frozenset(name for name, _ in model.named_parameters())
    if facts["new_parameters"] is not None:
        new = frozenset(facts["new_parameters"])
    freeze(model, config, new)
    return Prepared(run, config, dataset, model, True, new, facts)


def _steps_done(settings: TrainSettings, ranks: Ranks) -> int:
    """Steps done at the checkpoint to resume from; only the first rank searches, which reads gigabytes."""
    if not settings.resume or not ranks.first:
        return 0
    return last_whole_checkpoint(settings.output, _say)[0]


def _override(config: RunConfig, chosen: Mapping[str, Any]) -> RunConfig:
    """A run's configuration with the settings that the user chose on resuming."""
    data = {name: value for name, value in chosen.items() if hasattr(DataConfig, name)}
    training = {name: value for name, value in chosen.items() if hasattr(TrainingConfig, name)}
    return replace(config, data=changed(config.data, data), training=changed(config.training, training))


def _say_steps(settings: TrainSettings, config: RunConfig, done: int) -> None:
    """Says how many steps the run takes, and where the number comes from."""
    steps = config.training.steps
    if settings.resume:
        _say(f"goes on after step {done:,} of {steps:,}; the number of steps was set when the run began")
        return
    _say(f"{counted(steps, 'step')} ({steps_origin(settings)}), each of {counted(config.data.batch_size, 'example')}")


def _train(prepared: Prepared, done: int, ranks: Ranks, stop: StopSignal) -> int:
    """Trains from step `done` on; returns the exit status."""
    config, run = prepared.config, prepared.run
    if ranks.first:
        _write_facts(prepared, done, ranks)
    model = prepared.model.to(ranks.device)
    parallel_model = parallel(model, config.training, ranks)
    optimizer = make_optimizer(model, config.training)
    if prepared.resumed:
        checkpoint.load(checkpoint_folder(run, done), model, optimizer)
    progress = _progress(prepared, done, ranks) if ranks.first else None
    loop = Loop(run, config, prepared.dataset, model, parallel_model, optimizer, ranks, progress, done)
    if not prepared.resumed:
        loop.validate()
        loop.save()
    source = BatchSource(prepared.dataset, config.data, config.training.stage)
    number = loop.train(prefetch(source, done, config.training.steps - done, ranks.rank, ranks.world), stop)
    if progress:
        progress.say(_farewell(run, loop.steps, number))
        progress.close()
    return 128 + number if number else 0


def _farewell(run: Path, steps: int, number: int) -> str:
    if number:
        name = signal.Signals(number).name
        return f"{name}: saved after step {steps:,}; go on with: mlukit train --resume {run}"
    return f"done after step {steps:,}; for transformers: mlukit export {run} --output DIR"


def _progress(prepared: Prepared, done: int, ranks: Ranks) -> Progress:
    peak = None
    if ranks.device.type == "cuda" and prepared.config.training.precision == "bfloat16":
        peak = peak_flops(torch.cuda.get_device_name(ranks.device))
    frozen = not any(parameter.requires_grad for parameter in prepared.model.layers.parameters())
    total_peak = peak * ranks.world if peak else None
    return Progress(prepared.run, prepared.config, done, peak=total_peak, frozen=frozen)


def _write_facts(prepared: Prepared, done: int, ranks: Ranks) -> None:
    """Writes config.json and run.json, and removes the lines of metrics.jsonl after step `done`."""
    run, facts = prepared.run, prepared.facts
    run.mkdir(parents=True, exist_ok=prepared.resumed)
    write_json(run / CONFIG, prepared.config.to_json())
    device = torch.cuda.get_device_name(ranks.device) if ranks.device.type == "cuda" else "cpu"
    this_start = {"after_step": done, "processes": ranks.world, "device": device, "versions": _versions()}
    write_json(run / RUN, {**facts, "starts": [*facts["starts"], this_start]})
    cut_lines(run / METRICS, done)


def _versions() -> dict[str, str | None]:
    versions: dict[str, str | None] = {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "cuda": torch.version.cuda,
    }
    for package in ("mlukit", "safetensors"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return versions
