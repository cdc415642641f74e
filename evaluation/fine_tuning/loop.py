"""The one fine-tuning loop: a model, a seed, a learning rate. It can stop after any step, and goes on exactly.

The order of the inputs is a function of (seed, epoch), dropout of (seed, step). So a checkpoint needs only parameters,
optimizer and the number of steps; the best epoch follows from log.jsonl.
"""

import hashlib
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from mlukit.evaluation.encoder.inputs import Input
from mlukit.evaluation.errors import EvaluationError, say, warn
from mlukit.evaluation.fine_tuning.model import FineTunedModel, number_of_targets, task_batch
from mlukit.evaluation.fine_tuning.predict import padded_batches
from mlukit.evaluation.results.run_folder import BEST, LOG
from mlukit.pretraining.config import TrainingConfig
from mlukit.pretraining.training import checkpoint
from mlukit.pretraining.training.optimizer import learning_rate_at, make_optimizer
from mlukit.pretraining.training.progress import duration
from mlukit.pretraining.training.ranks import Ranks
from mlukit.pretraining.training.run_folder import (
    CHECKPOINTS,
    WEIGHTS,
    append_lines,
    checkpoints,
    cut_lines,
    last_whole_checkpoint,
)
from mlukit.pretraining.training.stop import StopSignal

_SECONDS_BETWEEN_LINES = 20


class Stopped(Exception):
    """Ctrl-C or SIGTERM came; a checkpoint was written.

    Attributes:
        signal: its number.
    """

    def __init__(self, signal: int) -> None:
        super().__init__()
        self.signal = signal


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopSettings:
    """How one model is fine-tuned."""

    seed: int
    learning_rate: float
    batch_size: int
    epochs: int
    clip: float
    patience: int
    warmup_share: float
    weight_decay: float
    room: int  # places of a micro-batch, with padding
    half: bool  # products in bfloat16
    checkpoint_interval: int

    def training_config(self, steps: int) -> TrainingConfig:
        """The settings of the optimizer of pretraining."""
        return TrainingConfig(
            steps=steps,
            warmup_steps=round(self.warmup_share * steps),
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            bias_correction=True,
            max_gradient_norm=self.clip,
        )


@dataclass(slots=True)
class Loop:
    """One fine-tuning in its folder.

    Attributes:
        folder: of its files.
        name: for messages.
        model: on the device.
        train: the inputs to train on.
        score_dev: the scores of the model on dev, by metric.
        metric: that chooses the best epoch.
    """

    folder: Path
    name: str
    settings: LoopSettings
    model: FineTunedModel
    train: Sequence[Input]
    score_dev: Callable[[], dict[str, float]]
    metric: str
    device: torch.device
    _scores: list[float] = field(default_factory=list)  # of each epoch done, on dev

    @property
    def steps_of_epoch(self) -> int:
        """Steps of an epoch."""
        return math.ceil(len(self.train) / self.settings.batch_size)

    @property
    def best_epoch(self) -> int:
        """The first of the best epochs, counted from 1."""
        return int(np.argmax(self._scores)) + 1

    def run(self, stop: StopSignal) -> None:
        """Trains until the last epoch, or until patience ends; then the model has the weights of the best epoch.

        Raises:
            Stopped: a signal came, after a checkpoint.
            EvaluationError: the loss is not finite.
        """
        total = self.steps_of_epoch * self.settings.epochs
        optimizer = make_optimizer(self.model, config := self.settings.training_config(total))
        done = self._go_on(optimizer)
        began, first, shown = time.monotonic(), done, time.monotonic()
        while done < total and not is_patience_over(self._scores, self.settings.patience):
            if stop.number:
                self._save(done, optimizer)
                raise Stopped(stop.number)
            loss = self._step(done, optimizer, config)
            done += 1
            append_lines(self.folder / LOG, [{"step": done, "loss": loss}])
            if (now := time.monotonic()) - shown > _SECONDS_BETWEEN_LINES:
                shown, left = now, (total - done) * (now - began) / (done - first)
                say(f"{self.name}: step {done:,}/{total:,}, loss {loss:.4f}, {duration(left)} left")
            if done % self.steps_of_epoch == 0:
                self._end_epoch(done, optimizer)
            elif done % self.settings.checkpoint_interval == 0:
                self._save(done, optimizer)
        self.model.load_state_dict(load_file(self.folder / BEST / WEIGHTS))

    def _go_on(self, optimizer: torch.optim.Optimizer) -> int:
        """Loads the last checkpoint, if there is one; returns the steps done."""
        done = 0
        if checkpoints(self.folder):
            done, place = last_whole_checkpoint(self.folder, warn)
            checkpoint.load(place, self.model, optimizer)
            say(f"{self.name}: goes on after step {done:,}")
        cut_lines(self.folder / LOG, done, warn)
        if (log := self.folder / LOG).is_file():
            lines = map(json.loads, log.read_text(encoding="utf-8").splitlines())
            self._scores = [line["dev"][self.metric] for line in lines if "dev" in line]
        return done

    def _step(self, step: int, optimizer: torch.optim.AdamW, config: TrainingConfig) -> float:
        """Updates the parameters once; returns the mean loss of the step's targets."""
        chosen = self._inputs_of_step(step)
        targets = max(1, number_of_targets(chosen))
        torch.manual_seed(_seed("dropout", self.settings.seed, step))
        self.model.train()
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        for numbers in padded_batches(chosen, self.settings.room):
            batch = task_batch([chosen[number] for number in numbers], self.model.encoder).to(self.device)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.half):
                scores = self.model(batch)
            loss = self.model.loss(scores, batch)
            torch.autograd.backward(loss / targets)
            total += loss.detach().double()
        mean = total.item() / targets
        if not math.isfinite(mean):
            raise EvaluationError(f"{self.name}: the loss of step {step + 1:,} is {mean}; try a lower --learning-rate")
        if config.max_gradient_norm:
            nn.utils.clip_grad_norm_(self.model.parameters(), config.max_gradient_norm)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate_at(step, config)
        optimizer.step()
        optimizer.zero_grad()
        return mean

    def _inputs_of_step(self, step: int) -> list[Input]:
        epoch, place = divmod(step, self.steps_of_epoch)
        order = np.random.default_rng(_seed("order", self.settings.seed, epoch)).permutation(len(self.train))
        size = self.settings.batch_size
        return [self.train[number] for number in order[place * size : (place + 1) * size]]

    def _end_epoch(self, done: int, optimizer: torch.optim.Optimizer) -> None:
        """Scores dev, and keeps the weights if they are the best so far."""
        scores = self.score_dev()
        self._scores.append(scores[self.metric])
        epoch = len(self._scores)
        if self.best_epoch == epoch:
            self._keep()
        append_lines(self.folder / LOG, [{"step": done, "epoch": epoch, "dev": scores}])
        self._save(done, optimizer)
        best = " (best so far)" if self.best_epoch == epoch else ""
        say(f"{self.name}: epoch {epoch}/{self.settings.epochs}, dev {self.metric} {scores[self.metric]:.1%}{best}")

    def _keep(self) -> None:
        folder = self.folder / BEST
        folder.mkdir(exist_ok=True)
        temporary = folder / f".{WEIGHTS}.writing"
        weights = {name: value.detach().cpu().contiguous() for name, value in self.model.state_dict().items()}
        save_file(weights, temporary, {"format": "pt"})
        temporary.rename(folder / WEIGHTS)

    def _save(self, done: int, optimizer: torch.optim.Optimizer) -> None:
        (self.folder / CHECKPOINTS).mkdir(exist_ok=True)
        checkpoint.save(self.folder, done, self.model, optimizer, Ranks(0, 1, self.device), kept=1)


def is_patience_over(scores: Sequence[float], patience: int) -> bool:
    """Whether so many epochs were not better than an earlier one.

    Epochs before the first score above 0 do not count: where most answers are of one class, as among the candidates of
    `ner`, a model that still learns gives that answer everywhere.
    """
    return any(scores) and len(scores) - 1 - int(np.argmax(scores)) >= patience


def _seed(*purpose: object) -> int:
    digest = hashlib.sha256(" ".join(map(str, purpose)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def seed_of_head(seed: int) -> int:
    """The seed of the random weights of the head."""
    return _seed("head", seed)
