"""Predictions of a fine-tuned model, in batches of similar length."""

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import torch

from mlukit.evaluation.encoder.inputs import Input
from mlukit.evaluation.fine_tuning.features import Features
from mlukit.evaluation.fine_tuning.model import FineTunedModel, task_batch
from mlukit.evaluation.tasks.task import FineTunedTask, Line, Numbers, TaskData


def padded_batches(inputs: Sequence[Input], room: int) -> Iterator[list[int]]:
    """Shares inputs out to batches: the longest first, and at most `room` places with padding, or one input."""
    batch: list[int] = []
    for number in sorted(range(len(inputs)), key=lambda one: (-len(inputs[one]), one)):
        if batch and (len(batch) + 1) * len(inputs[batch[0]]) > room:
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


def scores_of(
    model: FineTunedModel, inputs: Sequence[Input], device: torch.device, *, room: int, half: bool
) -> list[Numbers]:
    """The scores of each input, rows x outputs.

    Args:
        model: on the device.
        inputs: any number.
        device: of the model.
        room: places of a batch, at most, with padding.
        half: whether products are in bfloat16.
    """
    found: list[Numbers] = [np.empty(0)] * len(inputs)
    model.eval()
    for numbers in padded_batches(inputs, room):
        batch = task_batch([inputs[number] for number in numbers], model.encoder).to(device)
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=half):
            scores = model(batch).cpu().double()
        for number, part in zip(numbers, torch.split(scores, batch.rows), strict=True):
            found[number] = part.numpy()
    return found


def predictions(
    task: FineTunedTask, data: TaskData, features: Features, model: FineTunedModel, device: torch.device, **how: int
) -> list[Line]:
    """The prediction of every example that has inputs; `how` as in `scores_of`."""
    scores = iter(scores_of(model, features.flat, device, room=how["room"], half=bool(how["half"])))
    lines = []
    for example, inputs in zip(features.examples, features.inputs, strict=True):
        if inputs:
            line = task.decode(data, example, inputs, list(islice(scores, len(inputs))))
            lines.append({"id": example.id, **line})
    return lines
