"""A table whose rows are looked up, and are also the classes of a softmax, with gradients from both.

By autograd, both make a gradient of the size of the whole table in every micro-batch. Adding these gradients to each
other and to `.grad` takes more memory traffic than any other part of a small micro-batch. So while a step accumulates
gradients, the backward passes can add to `.grad` themselves, *in place*; autograd then sees no gradient of the table.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import embedding


class Table(nn.Embedding):
    """Rows that are looked up by their ids.

    Attributes:
        in_place: whether backward passes add the table's gradient to `.grad` themselves.
    """

    in_place = False

    def forward(self, ids: Tensor) -> Tensor:
        """Returns the rows of the ids."""
        if not (self.in_place and self.weight.requires_grad):
            return super().forward(ids)
        rows: Tensor = _Lookup.apply(self.weight, ids, self.padding_idx)
        return rows


@contextmanager
def gradients_in_place(model: nn.Module, wanted: bool = True) -> Iterator[None]:
    """Surrounds forward and backward of a micro-batch, in which the tables' gradients are added to `.grad` in place.

    Sums have another order than by autograd. Where gradients go through hooks of autograd, for example to other ranks,
    `wanted` must be False.
    """
    tables = [module for module in model.modules() if isinstance(module, Table)]
    for table in tables:
        table.in_place = wanted
    try:
        yield
    finally:
        for table in tables:
            table.in_place = False


def add_to_gradient(parameter: Tensor, gradient: Tensor, factor: Tensor) -> None:
    """Adds `gradient * factor` to `parameter.grad`, in one pass."""
    if parameter.grad is None:
        parameter.grad = scaled(gradient, factor)
    else:
        parameter.grad.addcmul_(gradient, factor.to(gradient.dtype))


def scaled(gradient: Tensor, factor: Tensor) -> Tensor:
    """Returns `gradient * factor`, multiplied in float32 at least: bfloat16 rounds a factor by up to 0.2%."""
    dtype = torch.promote_types(gradient.dtype, torch.float32)
    return (gradient.to(dtype) * factor.to(dtype)).to(gradient.dtype)


class _Lookup(torch.autograd.Function):
    """Looks rows up; the backward pass adds only to the rows that were looked up."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, ids: Tensor, padding: int) -> Tensor:
        ctx.table, ctx.padding = table, padding
        ctx.save_for_backward(ids)
        return embedding(ids, table)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, None, None]:
        (ids,) = ctx.saved_tensors
        if ctx.table.grad is None:
            ctx.table.grad = torch.zeros_like(ctx.table)
        ctx.table.grad.index_add_(0, ids, gradient.masked_fill((ids == ctx.padding)[:, None], 0))
        return None, None, None
