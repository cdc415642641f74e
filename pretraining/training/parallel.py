"""The model over several processes: each has the whole model (DDP), or a part of it (FSDP2)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.nn.parallel import DistributedDataParallel

from mlukit.pretraining.config import TrainingConfig
from mlukit.pretraining.data.batch import IGNORED, Batch
from mlukit.pretraining.model.model import PretrainingModel
from mlukit.pretraining.model.table import gradients_in_place
from mlukit.pretraining.training.ranks import Ranks


def parallel(model: PretrainingModel, config: TrainingConfig, ranks: Ranks) -> nn.Module:
    """The module to call instead of the model, so that the gradients of all ranks are averaged.

    With FSDP2 the model itself changes: its parameters become parts. With DDP and FSDP2 every rank must make the same
    number of calls.
    """
    if config.compile:
        model.compile_parts()
    if ranks.world == 1:
        return model
    if config.fully_sharded:
        mesh = init_device_mesh(ranks.device.type, (ranks.world,))
        for layer in model.layers:
            fully_shard(layer, mesh=mesh)
        fully_shard(model, mesh=mesh)
        return model
    return DistributedDataParallel(model, gradient_as_bucket_view=True)


@contextmanager
def accumulating(model: nn.Module, last: bool) -> Iterator[None]:
    """Surrounds forward and backward of a micro-batch: ranks exchange gradients only at the last one of a step.

    Without an exchange, gradients of tables are added in place. Where ranks exchange gradients, autograd must see them:
    with DDP at the last micro-batch, with FSDP2 at every one.
    """
    if isinstance(model, FSDPModule):
        model.set_is_last_backward(last)
        model.set_requires_gradient_sync(last)
        yield
    elif isinstance(model, DistributedDataParallel):
        with nullcontext() if last else model.no_sync(), gradients_in_place(model, not last):
            yield
    else:
        with gradients_in_place(model):
            yield


def evened(batches: Sequence[Batch], number: int) -> list[Batch]:
    """Adds micro-batches without targets, up to the number of micro-batches of the rank that has most."""
    return [*batches, *[_without_targets(batches[0])] * (number - len(batches))]


def _without_targets(batch: Batch) -> Batch:
    """The batch with nothing to predict, and counted as empty."""
    return replace(
        batch,
        word_labels_PW=torch.full_like(batch.word_labels_PW, IGNORED),
        entity_labels_PE=torch.full_like(batch.entity_labels_PE, IGNORED),
        examples=0,
        words=0,
        entities=0,
        word_targets=0,
        entity_targets=0,
    )


def validation_share(batches: Iterator[Batch], ranks: Ranks) -> Iterator[Batch]:
    """This rank's micro-batches, every `world`-th; each rank has the same number of them."""
    group: list[Batch] = []
    for batch in batches:
        group.append(batch)
        if len(group) == ranks.world:
            yield group[ranks.rank]
            group = []
    if group:
        yield evened(group, ranks.world)[ranks.rank]
