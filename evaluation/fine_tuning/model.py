"""A checkpoint with the head of a task, and its loss.

Shape suffixes: P places whose states are needed, R rows to classify, S states of a row, O outputs of the head.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from mlukit.evaluation.encoder.encoder import batch_of_inputs
from mlukit.evaluation.encoder.inputs import IGNORED, Input
from mlukit.evaluation.tasks.task import Head
from mlukit.pretraining.data.batch import Batch
from mlukit.pretraining.model.model import PretrainingModel

_UNUSED = ("word_head.", "entity_head.")  # of pretraining: no task trains them
_ENTITY_INPUT = "entity_embeddings."


@dataclass(frozen=True, slots=True)
class TaskBatch:
    """Some inputs as tensors."""

    batch: Batch
    places_P: Tensor  # in the stream, each once
    rows_RS: Tensor  # indices into places_P
    targets: Tensor  # of the rows of the first input, then of the next
    rows: list[int]  # of each input
    outputs: list[int]  # targets of each input

    def to(self, device: torch.device) -> "TaskBatch":
        """Copies the tensors to a device."""
        places_P, rows_RS, targets = (one.to(device) for one in (self.places_P, self.rows_RS, self.targets))
        return TaskBatch(self.batch.to(device), places_P, rows_RS, targets, self.rows, self.outputs)


class FineTunedModel(nn.Module):
    """An encoder, and a linear head over joined states."""

    def __init__(self, encoder: PretrainingModel, head: Head, *, with_entities: bool) -> None:
        """Makes the head with random weights, by the present state of torch's generator.

        Args:
            encoder: changed by training.
            head: its declaration.
            with_entities: whether inputs have entities; without them, their table is not trained.
        """
        super().__init__()
        config = encoder.config
        self.encoder, self.softmax = encoder, head.softmax
        self.dropout = nn.Dropout(config.hidden_dropout)
        self.head = nn.Linear(head.states * config.hidden_size, head.outputs, bias=head.bias)
        nn.init.normal_(self.head.weight, std=config.initializer_range)
        if head.bias:
            nn.init.zeros_(self.head.bias)
        unused = _UNUSED if with_entities else (*_UNUSED, _ENTITY_INPUT)
        for name, parameter in encoder.named_parameters():
            parameter.requires_grad_(not name.startswith(unused))

    def forward(self, inputs: TaskBatch) -> Tensor:
        """Returns the scores of all rows, R x O, float32."""
        states_PH = self.encoder.encode(inputs.batch, inputs.places_P)
        joined = states_PH[inputs.rows_RS].flatten(1)
        scores_RO: Tensor = self.head(self.dropout(joined)).float()
        return scores_RO

    def loss(self, scores_RO: Tensor, inputs: TaskBatch) -> Tensor:
        """Returns the cross-entropy, summed over the targets."""
        if self.softmax == "outputs":
            return cross_entropy(scores_RO, inputs.targets, ignore_index=IGNORED, reduction="sum")
        total = scores_RO.new_zeros(())
        parts = zip(torch.split(scores_RO, inputs.rows), torch.split(inputs.targets, inputs.outputs), strict=True)
        for scores, targets in parts:
            total = total + cross_entropy(scores.T, targets, ignore_index=IGNORED, reduction="sum")
        return total


def task_batch(inputs: Sequence[Input], encoder: PretrainingModel) -> TaskBatch:
    """Makes a batch of some inputs, on the CPU."""
    starts = np.cumsum([0, *map(len, inputs)])
    places = np.concatenate([one.rows + start for one, start in zip(inputs, starts, strict=False)])
    unique, rows = np.unique(places, return_inverse=True)
    return TaskBatch(
        batch_of_inputs(inputs, encoder.config),
        torch.from_numpy(unique),
        torch.from_numpy(rows.reshape(places.shape)),
        torch.from_numpy(np.concatenate([one.targets for one in inputs])),
        [len(one.rows) for one in inputs],
        [len(one.targets) for one in inputs],
    )


def number_of_targets(inputs: Sequence[Input]) -> int:
    """How many targets add to the loss."""
    return int(sum((one.targets != IGNORED).sum() for one in inputs))
