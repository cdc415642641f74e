"""Fine-tunes a checkpoint for every variant, learning rate and seed of a RUN, and tests each model."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import torch

from mlukit.evaluation.encoder.encoder import Encoder
from mlukit.evaluation.errors import say
from mlukit.evaluation.fine_tuning.features import Features, make_features
from mlukit.evaluation.fine_tuning.loop import Loop, LoopSettings, seed_of_head
from mlukit.evaluation.fine_tuning.model import FineTunedModel
from mlukit.evaluation.fine_tuning.predict import predictions
from mlukit.evaluation.results.choice import best_of_variant
from mlukit.evaluation.results.run_folder import (
    BEST,
    RESULT,
    Result,
    RunError,
    finished_results,
    training_folder,
    variant_folder,
    write_predictions,
)
from mlukit.evaluation.tasks.task import DEV, TRAIN, FineTunedTask, TaskData
from mlukit.pretraining.training.run_folder import CHECKPOINTS
from mlukit.pretraining.training.stop import StopSignal


@dataclass(frozen=True, slots=True)
class FineTuning:
    """A RUN of a task that fine-tunes.

    Attributes:
        run: its folder.
        config: the content of its config.json.
    """

    run: Path
    task: FineTunedTask
    data: TaskData
    encoder: Encoder
    config: Mapping[str, Any]

    @property
    def device(self) -> torch.device:
        """That the model runs on."""
        return self.encoder.loaded.device

    @property
    def half(self) -> bool:
        """Whether products are in bfloat16: on a GPU, unless --precision says otherwise."""
        chosen = self.config["precision"]
        return bool(chosen == "bfloat16" if chosen else self.device.type == "cuda")

    @property
    def room(self) -> int:
        """Places of a micro-batch: what keeps a GPU busy, or what a laptop's memory has room for."""
        return int(self.config["micro_batch_places"] or (8_192 if self.device.type == "cuda" else 2_048))

    def train(self, variant: str, stop: StopSignal) -> None:
        """Fine-tunes all models of a variant that are not finished; errors as in `Loop.run`."""
        left = [
            (rate, seed, folder)
            for rate, seed in product(self.config["learning_rates"], range(self.config["seeds"]))
            if not ((folder := training_folder(self.run, variant, seed, rate)) / RESULT).is_file()
        ]
        self._tidy(variant)  # a process that was killed may have left files of a finished model
        if not left:
            return
        features = {name: self._features(name, variant) for name in (TRAIN, DEV, *self.data.tests)}
        if not features[TRAIN].flat:
            raise RunError(f"{self.task.name} has no example to train on")
        for rate, seed, folder in left:
            folder.mkdir(parents=True, exist_ok=True)
            self._train_one(variant, rate, seed, folder, features, stop)
            self._tidy(variant)

    def test_published(self, variant: str) -> None:
        """Tests a published fine-tuned checkpoint, whose head is trained already."""
        folder = variant_folder(self.run, variant)
        if (folder / RESULT).is_file():
            return
        published = self.encoder.head
        assert published is not None
        model = self._model(variant, seed=0)
        with torch.no_grad():
            model.head.weight.copy_(published.weight)
            if published.bias is not None:
                model.head.bias.copy_(published.bias)
        features = {name: self._features(name, variant) for name in (DEV, *self.data.tests)}
        self._test(model, Result(folder=folder, variant=variant, scores={}), features)

    def _features(self, name: str, variant: str) -> Features:
        return make_features(self.task, self.data, name, variant, self.encoder.texts)

    def _model(self, variant: str, seed: int) -> FineTunedModel:
        values = self.task.hyper_parameters
        encoder = self.encoder.trainable_copy(values.hidden_dropout, values.attention_dropout)
        torch.manual_seed(seed_of_head(seed))
        with_entities = self.task.needs_entities(variant)
        return FineTunedModel(encoder, self.task.head(self.data, variant), with_entities=with_entities).to(self.device)

    def _train_one(
        self, variant: str, rate: float, seed: int, folder: Path, features: Mapping[str, Features], stop: StopSignal
    ) -> None:
        model = self._model(variant, seed)
        name = f"{variant}, learning rate {rate:g}, seed {seed}"
        dev = partial(self._score, model, features[DEV], DEV)
        train = features[TRAIN].flat
        loop = Loop(folder, name, self._settings(rate, seed), model, train, dev, self.task.metric, self.device)
        loop.run(stop)
        made = Result(folder=folder, variant=variant, seed=seed, learning_rate=rate, epoch=loop.best_epoch, scores={})
        self._test(model, made, features)

    def _settings(self, rate: float, seed: int) -> LoopSettings:
        values, config = self.task.hyper_parameters, self.config
        return LoopSettings(
            seed=seed,
            learning_rate=rate,
            batch_size=config["batch_size"],
            epochs=config["epochs"],
            clip=values.clip,
            patience=values.patience,
            warmup_share=values.warmup_share,
            weight_decay=values.weight_decay,
            room=self.room,
            half=self.half,
            checkpoint_interval=config["checkpoint_interval"],
        )

    def _score(self, model: FineTunedModel, features: Features, name: str) -> dict[str, float]:
        return self.task.score(self.data, name, self._predictions(model, features))

    def _predictions(self, model: FineTunedModel, features: Features) -> list[dict[str, Any]]:
        return predictions(self.task, self.data, features, model, self.device, room=self.room, half=self.half)

    def _test(self, model: FineTunedModel, made: Result, features: Mapping[str, Features]) -> None:
        """Writes predictions and scores of dev and of every test."""
        scores = {}
        for name in (DEV, *self.data.tests):
            lines = self._predictions(model, features[name])
            write_predictions(made.folder, name, lines)
            scores[name] = self.task.score(self.data, name, lines)
        made.with_scores(scores).write()
        shown = ", ".join(f"{name} {values[self.task.metric]:.1%}" for name, values in scores.items())
        say(f"{made.variant}: {self.task.metric} {shown}")

    def _tidy(self, variant: str) -> None:
        """Removes the checkpoints of finished models of a variant, and the weights of all but the best one on dev."""
        of_variant = [one for one in finished_results(self.run) if one.variant == variant]
        for one in of_variant:
            shutil.rmtree(one.folder / CHECKPOINTS, ignore_errors=True)
            if one.folder != best_of_variant(of_variant, self.task.metric).folder:
                shutil.rmtree(one.folder / BEST, ignore_errors=True)
