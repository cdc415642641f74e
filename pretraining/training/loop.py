"""The training loop: micro-batches to gradients, gradients to a step, validation and checkpoints between steps.

A step does not depend on how its examples are shared out: losses are sums, divided by the number of targets of the
whole step, word losses by word targets and entity losses by entity targets. So a step is the same over 1 rank or 8, in
few large micro-batches or many small ones, except for the rounding of sums and the units that dropout leaves out.
"""

import hashlib
import math
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer

from mlukit.pretraining.config import RunConfig
from mlukit.pretraining.data.batch import Batch
from mlukit.pretraining.data.batch_counts import Counts, means_per_target
from mlukit.pretraining.data.batches import BatchSource, key_purpose
from mlukit.pretraining.data.dataset import ExampleDataset
from mlukit.pretraining.model.model import PretrainingModel
from mlukit.pretraining.training import checkpoint
from mlukit.pretraining.training.optimizer import learning_rate_at
from mlukit.pretraining.training.parallel import accumulating, evened
from mlukit.pretraining.training.progress import Progress
from mlukit.pretraining.training.ranks import Ranks
from mlukit.pretraining.training.stop import StopSignal
from mlukit.pretraining.training.validation import held_out


class NotFiniteError(ArithmeticError):
    """A loss, a gradient or a parameter is not finite; the text names the step, and the examples if it knows them."""


@dataclass(slots=True)
class Loop:
    """The state of a run in this process.

    Attributes:
        model: the model, whose parameters are trained.
        parallel: the module to call instead of the model, which exchanges gradients between ranks.
        progress: None on all ranks but the first.
        steps: done so far.
    """

    run: Path
    config: RunConfig
    dataset: ExampleDataset
    model: PretrainingModel
    parallel: nn.Module
    optimizer: Optimizer
    ranks: Ranks
    progress: Progress | None
    steps: int

    def train(self, prefetched: Iterable[tuple[int, list[Batch]]], stop: StopSignal) -> int:
        """Trains until the last step is done, or until a signal comes.

        Args:
            prefetched: this rank's micro-batches of each remaining step.
            stop: the signal, which ends the loop after the current step.

        Returns:
            The signal's number, the same on all ranks; 0 at the end.

        Raises:
            NotFiniteError: a loss or a parameter is not finite; the checkpoints are unchanged.
            SaveError: a checkpoint cannot be written.
        """
        training = self.config.training
        for step, batches in prefetched:
            rows = self.ranks.gather((stop.number, len(batches), *Counts.from_batches(batches).row()))
            if signal := max(row[0] for row in rows):
                self.save()
                return signal
            counts = Counts.total([row[2:] for row in rows])
            values = self._step(step, evened(batches, max(row[1] for row in rows)), counts)
            self.steps = step + 1
            if self.progress:
                self.progress.trained(self.steps, counts, values)
            last = self.steps == training.steps
            if last or self.steps % training.validation_interval == 0:
                self.validate()
            if last or self.steps % training.checkpoint_interval == 0:
                self.save()
        return 0

    def _step(self, step: int, batches: Sequence[Batch], counts: Counts) -> dict[str, float]:
        """Updates the parameters once; returns losses, accuracies, gradient norm and learning rate over all ranks."""
        _seed_dropout(self.config, step, self.ranks.rank)
        self.parallel.train()
        sums = []
        for number, batch in enumerate(batches, 1):
            with accumulating(self.parallel, last=number == len(batches)):
                sums.append(self._add_gradients(batch, counts))
        summed = self.ranks.add(torch.stack(sums).sum(0))
        norm = _gradient_norm(self.model)
        *total, norm_value = torch.cat([summed, norm.double()[None]]).tolist()  # waits for the device, once a step
        if not math.isfinite(total[0] + total[1] + norm_value):
            raise NotFiniteError(self._describe_failure(step, sums, norm_value))
        if limit := self.config.training.max_gradient_norm:
            nn.utils.clip_grads_with_norm_(self.model.parameters(), limit, norm)
        rate = learning_rate_at(step, self.config.training)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad()
        return {**means_per_target(total, counts), "gradient_norm": norm_value, "learning_rate": rate}

    def _add_gradients(self, batch: Batch, counts: Counts) -> Tensor:
        """Runs forward and backward on a micro-batch; returns the sums of losses and hits."""
        half = self.config.training.precision == "bfloat16"
        with torch.autocast(self.ranks.device.type, torch.bfloat16, enabled=half):
            losses = self.parallel(batch.to(self.ranks.device))
        words, entities = losses.words / max(1, counts.word_targets), losses.entities / max(1, counts.entity_targets)
        loss = self.config.data.loaded_objective.loss(words, entities)
        torch.autograd.backward(loss * self.ranks.world)  # ranks average their gradients, but the step needs the sum
        return torch.stack([value.detach().double() for value in losses])

    def validate(self) -> None:
        """Measures the model on held-out pages; NotFiniteError if a loss or a parameter is not finite."""
        with self._paused():
            self._check_parameters()
            for language, values in held_out(self.parallel, self.dataset, self.config, self.ranks):
                if not all(map(math.isfinite, values.values())):
                    raise NotFiniteError(f"step {self.steps:,}: the loss on held-out pages ({language}) is not finite")
                if self.progress:
                    self.progress.validated(self.steps, language, values)

    def save(self) -> None:
        """Writes a checkpoint; NotFiniteError if a parameter is not finite."""
        with self._paused():
            self._check_parameters()
            kept = self.config.training.checkpoints_kept
            checkpoint.save(self.run, self.steps, self.model, self.optimizer, self.ranks, kept)

    def _check_parameters(self) -> None:
        """Refuses parameters that the last update made NaN or infinite: no loss has shown them yet."""
        names = self.ranks.texts(checkpoint.not_finite(dict(self.model.named_parameters())))
        if name := next(filter(None, names), ""):
            raise NotFiniteError(f"step {self.steps:,}: the parameter {name} has values that are not finite")

    def _paused(self) -> AbstractContextManager[None]:
        """Keeps the time of what happens inside out of the measured speed."""
        return self.progress.paused() if self.progress else nullcontext()

    def _describe_failure(self, step: int, sums: Sequence[Tensor], norm: float) -> str:
        """Names the micro-batches whose loss is not finite, on all ranks, and their examples."""
        failed = [number for number, values in enumerate(sums) if not values.isfinite().all()]
        text = ""
        if failed:
            source = BatchSource(self.dataset, self.config.data, self.config.training.stage)
            examples = source.examples(step, self.ranks.rank, self.ranks.world)
            text = "; ".join(
                f"rank {self.ranks.rank}, micro-batch {number}: {_list_rows(examples[number])}" for number in failed
            )
        places = "; ".join(filter(None, self.ranks.texts(text)))
        if places:
            return f"step {step + 1:,}: the loss is not finite in {places}"
        return f"step {step + 1:,}: the gradients' norm is {norm}, though no loss is"


def _list_rows(examples: Sequence[tuple[str, int]]) -> str:
    """A text such as "rows 3, 17 of de, 5 of en"."""
    rows: dict[str, list[int]] = {}
    for language, row in examples:
        rows.setdefault(language, []).append(row)
    return "rows " + ", ".join(f"{', '.join(map(str, sorted(rows[language])))} of {language}" for language in rows)


def _seed_dropout(config: RunConfig, step: int, rank: int) -> None:
    """Makes dropout a function of seed, stage, step and rank, so that a resumed run draws the same units as before."""
    purpose = ("dropout", config.data.seed, *key_purpose(config.data, config.training.stage), step, rank)
    digest = hashlib.sha256(" ".join(map(str, purpose)).encode()).digest()
    torch.manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def _gradient_norm(model: nn.Module) -> Tensor:
    """The norm of all gradients together, over all ranks."""
    norm = nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None])
    return norm.full_tensor() if isinstance(norm, DTensor) else norm
