"""A training run from its settings to its end; wrong settings and files are reported before any work."""

import platform
import secrets
import shutil
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

import torch

from mlukit.corpus.examples.sentencepiece_model import export_problem
from mlukit.pretraining.config import DataConfig, ModelConfig, RunConfig, TrainingConfig, changed
from mlukit.pretraining.data.batches import BatchSource, prefetch
from mlukit.pretraining.data.dataset import ExampleDataset, open_dataset
from mlukit.pretraining.errors import REPORTED, complain, say, warn
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
from mlukit.pretraining.training.checkpoint import SaveError
from mlukit.pretraining.training.fingerprints import check_same_examples, check_vocabularies
from mlukit.pretraining.training.flops import peak_flops
from mlukit.pretraining.training.initial_weights import attention_dropout_of, freeze, initial_model
from mlukit.pretraining.training.loop import Loop, NotFiniteError
from mlukit.pretraining.training.optimizer import learning_rate_at, make_optimizer
from mlukit.pretraining.training.parallel import parallel
from mlukit.pretraining.training.progress import Epochs, Progress
from mlukit.pretraining.training.ranks import Ranks, joined, this_rank
from mlukit.pretraining.training.reports import check_reports
from mlukit.pretraining.training.run_folder import (
    CONFIG,
    FINGERPRINTS,
    METRICS,
    RUN,
    RunFolderError,
    check_checkpoint_names,
    checkpoint_folder,
    checkpoints,
    cut_lines,
    is_run,
    last_weights,
    read_facts,
    read_model_config,
    read_run_config,
    write_json,
)
from mlukit.pretraining.training.run_lock import RunLock
from mlukit.pretraining.training.stop import StopSignal
from mlukit.schemas.wording import counted

T = TypeVar("T")
_say, _complain = partial(say, "train"), partial(complain, "train")


@dataclass(frozen=True, slots=True)
class Prepared:
    """The state that a run starts from, the same on all ranks.

    Attributes:
        run: the run's folder.
        resumed: whether the run continues from a checkpoint.
        facts: the content of run.json.
        planned: the steps that the run was to take until now.
    """

    run: Path
    config: RunConfig
    dataset: ExampleDataset
    model: PretrainingModel
    resumed: bool
    facts: dict[str, Any]
    planned: int

    @property
    def epochs(self) -> Epochs:
        """Epochs of steps of this run."""
        return Epochs(sum(self.dataset.train_examples.values()), self.config.data.batch_size)


def start(settings: TrainSettings) -> int:
    """Starts a run, or resumes one.

    Returns:
        The exit status: 0 at the end, 1 if the run failed, 2 if it cannot begin, 128 + n after signal n.
    """
    try:
        with joined() as ranks, StopSignal() as stop, RunLock() as lock:
            return _run(settings, ranks, stop, lock)
    except (NotFiniteError, SaveError) as error:  # the same on all ranks
        if this_rank() == 0:
            kept = f"; {settings.output} has the checkpoints before it" if checkpoints(settings.output) else ""
            _complain(f"{error}{kept}")
    except torch.OutOfMemoryError as error:
        _complain(
            f"rank {this_rank()}: {error}; a smaller --micro-batch-tokens needs less memory, and changes only the speed"
        )
    except REPORTED as error:
        _complain(f"rank {this_rank()}: {error}")
    return 1


def _run(settings: TrainSettings, ranks: Ranks, stop: StopSignal, lock: RunLock) -> int:
    """Prepares and trains; returns the exit status. Only the first rank locks the folder, writes and prints."""
    if settings.resume and _agreed(ranks, lambda: _lock_run(settings.output, ranks, lock)) is None:
        return 2
    smallest = min(row[0] for row in ranks.gather((_gpu_bytes(ranks.device),)))
    prepared = _agreed(ranks, lambda: _prepare(settings, ranks, smallest))
    if prepared is None:
        return 2
    done = _agreed(ranks, lambda: _open_folder(settings, prepared, ranks, lock))
    if done is None:
        return 2
    done = ranks.gather((done,))[0][0]
    if ranks.first:
        _say_steps(settings, prepared, done)
    return _train(prepared, done, ranks, stop)


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
            _complain(problem)
        return None
    return prepared


def _lock_run(run: Path, ranks: Ranks, lock: RunLock) -> bool:
    """Locks the folder of a run that is resumed; RunFolderError if it is not a run, or in use."""
    if not run.is_dir():
        raise RunFolderError(f"there is no folder {run}")
    if not is_run(run):
        raise RunFolderError(f"{run} is not a run: it has no {RUN}. Begin a new run, with another folder for --output")
    if ranks.first:
        lock.take(run)
    return True


def _gpu_bytes(device: torch.device) -> int:
    """The memory of a GPU; 0 for a CPU."""
    return torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else 0


def _prepare(settings: TrainSettings, ranks: Ranks, gpu_bytes: int) -> Prepared:
    prepared = _prepare_resume(settings) if settings.resume else _prepare_new(settings, gpu_bytes)
    if prepared.config.data.batch_size < ranks.world:
        raise SettingsError(f"--batch-size {prepared.config.data.batch_size} is less than the {ranks.world} processes")
    if ranks.first:
        check_reports(prepared.config.training.report_to)
    return prepared


def _prepare_new(settings: TrainSettings, gpu_bytes: int) -> Prepared:
    """Opens the examples and makes the initial model of a new run."""
    found = read_model_config(settings.init) if settings.init else None
    data = data_config(settings, found, gpu_bytes=gpu_bytes)
    assert settings.examples is not None
    dataset = open_dataset(settings.examples, data)
    if problem := export_problem(dataset.tokenizer.read_bytes()):
        raise SettingsError(
            f"--examples {settings.examples}: {problem}; mlukit export could not write the trained model. Build the "
            "examples with a SentencePiece unigram model"
        )
    model = model_config(settings, found, dataset.vocabulary_size, dataset.entity_vocabulary_size)
    if (room := model.max_positions - model.pad_id - 1) < data.max_tokens:
        raise SettingsError(f"--max-tokens {data.max_tokens} is more than the {room} that the model has positions for")
    settings = settings.with_steps(sum(dataset.train_examples.values()), data.batch_size)
    training = training_config(settings, model, gpu=torch.cuda.is_available())
    config = RunConfig(model=model, data=data, training=training)
    initial, new = _initial_model(config, settings.init, dataset)
    freeze(initial, config, new)
    facts = {
        "examples": str(dataset.folder.resolve()),
        FINGERPRINTS: dict(dataset.fingerprints),
        "init": str(settings.init.resolve()) if settings.init else None,
        "new_parameters": sorted(new),
        "attention_dropout": attention_dropout_of(settings.init),  # for export: training has its own
        "starts": [],
    }
    return Prepared(settings.output, config, dataset, initial, False, facts, training.steps)


def _initial_model(
    config: RunConfig, init: Path | None, dataset: ExampleDataset
) -> tuple[PretrainingModel, frozenset[str]]:
    """The model at step 0, and its new parameters.

    Raises:
        RunFolderError: the weights of `init` are of other words or entities, of another model, damaged, or not finite.
    """
    if init is not None:
        check_vocabularies(init, dataset.folder, dataset.fingerprints)
    return initial_model(config, init)


def _prepare_resume(settings: TrainSettings) -> Prepared:
    """Reads the configuration of a run and opens its examples; parameters of a checkpoint are loaded later.

    A run that was killed before its first checkpoint gets its initial model again.
    """
    run, facts = settings.output, read_facts(settings.output, "starts", "new_parameters")
    before = read_run_config(run)
    check_checkpoint_names(run)
    dataset = open_dataset(settings.examples or Path(facts["examples"]), before.data)
    check_same_examples(run, dataset.folder, dataset.fingerprints)
    _check_sizes(run, before.model, dataset)
    settings = settings.with_steps(sum(dataset.train_examples.values()), before.data.batch_size)
    config = _override(before, settings.chosen)
    if (steps := config.training.steps) < (planned := before.training.steps):
        raise SettingsError(f"{run} takes {planned:,} steps, and {steps:,} are fewer: a run can only be made longer")
    resumed = bool(checkpoints(run))
    if resumed:
        model = PretrainingModel(config.model)
    else:
        model, _ = _initial_model(config, Path(facts["init"]) if facts["init"] else None, dataset)
    new = facts["new_parameters"]
    freeze(model, config, frozenset(name for name, _ in model.named_parameters()) if new is None else new)
    return Prepared(run, config, dataset, model, resumed, facts, planned)


def _check_sizes(run: Path, model: ModelConfig, dataset: ExampleDataset) -> None:
    """Refuses vocabularies of other sizes than the examples have: the shapes of weights are rounded up."""
    for name in ("vocabulary_size", "entity_vocabulary_size"):
        if (size := getattr(model, name)) != (found := getattr(dataset, name)):
            raise RunFolderError(f"{run / CONFIG}: {name} is {size}, the examples have {found}")


def _override(config: RunConfig, chosen: Mapping[str, Any]) -> RunConfig:
    """A run's configuration with the settings that the user chose on resuming."""
    data = {name: value for name, value in chosen.items() if hasattr(DataConfig, name)}
    training = {name: value for name, value in chosen.items() if hasattr(TrainingConfig, name)}
    return replace(config, data=changed(config.data, data), training=changed(config.training, training))


def _open_folder(settings: TrainSettings, prepared: Prepared, ranks: Ranks, lock: RunLock) -> int:
    """Writes the settings of a run into its folder, which a new run makes; only the first rank does it.

    Returns:
        Steps done at the checkpoint to resume from, whose search reads gigabytes; 0 for a run without a checkpoint.
    """
    run = prepared.run
    if not ranks.first:
        return 0
    if not settings.resume:
        _make_folder(run, prepared, ranks, lock)
        return 0
    done, report = 0, partial(warn, "train")
    if prepared.resumed:
        done, weights = last_weights(run, report)
        checkpoint.check_weights(weights, prepared.config.model)
    _write_facts(run, prepared, done, ranks)
    cut_lines(run / METRICS, done if prepared.resumed else -1, report)
    return done


def _make_folder(run: Path, prepared: Prepared, ranks: Ranks, lock: RunLock) -> None:
    """Makes the folder of a new run under a name of its own, so that the folder of a run always has its settings."""
    folder = run.with_name(f".{run.name}.writing-{secrets.token_hex(4)}")
    folder.mkdir(parents=True)
    try:
        lock.take(folder)
        _write_facts(folder, prepared, 0, ranks)
        folder.rename(run)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        if run.exists():
            raise RunFolderError(f"{run} exists: another process has begun a run there") from None
        raise


def _write_facts(folder: Path, prepared: Prepared, done: int, ranks: Ranks) -> None:
    """Writes config.json and run.json."""
    write_json(folder / CONFIG, prepared.config.to_json())
    device = torch.cuda.get_device_name(ranks.device) if ranks.device.type == "cuda" else "cpu"
    this_start = {
        "after_step": done,
        "steps": prepared.config.training.steps,
        "processes": ranks.world,
        "device": device,
        "versions": _versions(),
    }
    write_json(folder / RUN, {**prepared.facts, "starts": [*prepared.facts["starts"], this_start]})


def _say_steps(settings: TrainSettings, prepared: Prepared, done: int) -> None:
    """Says how many steps the run takes, where the number comes from, and what becomes of the learning rate."""
    training, epochs = prepared.config.training, prepared.epochs
    steps = training.steps
    if not settings.resume:
        size = f"each of {counted(epochs.batch_size, 'example')}: {epochs.describe(steps)}"
        _say(f"{counted(steps, 'step')} ({steps_origin(settings)}), {size}")
        return
    if not prepared.resumed:
        _say(f"{prepared.run} has no checkpoint yet: it begins again at step 1, with the weights that it began with")
    _say(f"continues after step {done:,} of {steps:,} ({epochs.describe(steps)})")
    if steps > prepared.planned:
        before = learning_rate_at(done, replace(training, steps=prepared.planned))
        _say(
            f"{counted(steps, 'step')} in place of {prepared.planned:,}: the learning rate of step {done + 1:,} is "
            f"{learning_rate_at(done, training):.2e} in place of {before:.2e}, and falls linearly to 0 at the last step"
        )


def _train(prepared: Prepared, done: int, ranks: Ranks, stop: StopSignal) -> int:
    """Trains from step `done` on; returns the exit status."""
    config, run = prepared.config, prepared.run
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
        return f"{name}: saved after step {steps:,}; to continue: mlukit train --resume {run}"
    return f"done after step {steps:,}; for transformers: mlukit export {run} --output DIR"


def _progress(prepared: Prepared, done: int, ranks: Ranks) -> Progress:
    peak = None
    if ranks.device.type == "cuda" and prepared.config.training.precision == "bfloat16":
        peak = peak_flops(torch.cuda.get_device_name(ranks.device))
    frozen = not any(parameter.requires_grad for parameter in prepared.model.layers.parameters())
    total_peak = peak * ranks.world if peak else None
    return Progress(prepared.run, prepared.config, done, epochs=prepared.epochs, peak=total_peak, frozen=frozen)


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
