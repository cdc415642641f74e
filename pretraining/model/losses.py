"""Cross-entropy over very many classes, without all logits in memory at once.

16,384 tokens have about 2,500 masked words. Their logits over 250,002 words take 2.5 GB in float32, and the gradient
takes as much again. So the rows go through the table in chunks. The gradient of a chunk is computed at once, while the
logits of the chunk are in memory; the backward pass only scales it.

Shape suffixes: P places to predict, R places in a chunk, V rows of the table, D width of the table.
"""

from functools import cache
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mlukit.pretraining.data.batch import IGNORED
from mlukit.pretraining.model.table import add_to_gradient, scaled

# Logits at once: 4,096 rows of 250,112 words, 853 of 1.2 million entities. 2 GB in bfloat16.
CHUNK_LOGITS = 2**30
CHUNK_LOGITS_ON_CPU = 2**27


class SoftmaxLoss(NamedTuple):
    """The loss of a softmax, and how many rows were right."""

    loss: Tensor  # natural logarithm, summed over the rows that have a label
    correct: Tensor  # rows whose likeliest class is the label


class ClassTable(NamedTuple):
    """The classes of a softmax: each class has a row of the table and a bias."""

    table_VD: Tensor  # a row for each class, then rows for alignment, which the softmax leaves out
    bias_V: Tensor  # added to the logits
    classes: int  # how many of the table's rows are classes
    in_place: bool = False  # whether the backward pass adds the table's gradient to its `.grad`: see `Table`


class _LossAndGradient(Protocol):
    def __call__(self, logits_RV: Tensor, labels_R: Tensor) -> tuple[Tensor, Tensor, Tensor]: ...


def cross_entropy(
    vectors_PD: Tensor,
    class_table: ClassTable,
    labels_P: Tensor,
    *,
    chunk_logits: int | None = None,
    compiled: bool = False,
) -> SoftmaxLoss:
    """Computes the loss of `softmax(vectors @ table.T + bias)` against the labels, chunk by chunk.

    Args:
        vectors_PD: the vectors to compare with the rows of the table.
        class_table: the table, the bias and the number of classes.
        labels_P: the right classes; a row labelled `IGNORED` adds nothing to loss, hits and gradients.
        chunk_logits: how many logits may be in memory at once; at least the logits of one row are.
        compiled: whether `torch.compile` fuses the many passes over the logits into one.

    Returns:
        Loss and hits. The loss can be differentiated once, by vectors, table and bias. Under autocast, the products are
        in the precision of autocast, the softmax is in float32, and gradients have the precision of their parameters.
    """
    device = vectors_PD.device.type
    if torch.is_autocast_enabled(device):
        vectors_PD = vectors_PD.to(torch.get_autocast_dtype(device))
    if chunk_logits is None:
        chunk_logits = CHUNK_LOGITS if device == "cuda" else CHUNK_LOGITS_ON_CPU
    table_VD, bias_V, *_ = class_table
    rows = max(1, chunk_logits // len(table_VD))
    loss_and_gradient = _compiled_loss_and_gradient() if compiled else _loss_and_gradient
    loss, correct = _ChunkedCrossEntropy.apply(
        vectors_PD, table_VD, bias_V, labels_P, class_table, rows, loss_and_gradient
    )
    return SoftmaxLoss(loss, correct)


def _loss_and_gradient(logits_RV: Tensor, labels_R: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the summed loss, the number of hits, and the gradient of the loss by the logits."""
    dtype = logits_RV.dtype
    used, labels = (labels_R != IGNORED)[:, None], labels_R.clamp(min=0)[:, None]
    log_shares = logits_RV.log_softmax(-1, dtype=torch.float64 if dtype == torch.float64 else torch.float32)
    label_log_shares = log_shares.gather(-1, labels)
    loss = torch.where(used, -label_log_shares, 0).sum()
    correct = (log_shares.argmax(-1) == labels_R).sum()
    gradient = log_shares.exp().to(dtype) * used
    gradient.scatter_(-1, labels, (label_log_shares.expm1() * used).to(dtype))  # share - 1, before it is rounded
    return loss, correct, gradient


@cache
def _compiled_loss_and_gradient() -> _LossAndGradient:
    return torch.compile(_loss_and_gradient, dynamic=True)


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Computes the gradients in the forward pass, so that the logits of only one chunk are in memory."""

    @staticmethod
    def forward(
        ctx: Any,
        vectors_PD: Tensor,
        table_VD: Tensor,
        bias_V: Tensor,
        labels_P: Tensor,
        class_table: ClassTable,
        rows: int,
        loss_and_gradient: _LossAndGradient,
    ) -> tuple[Tensor, Tensor]:
        dtype = vectors_PD.dtype
        wants_vectors, wants_table, wants_bias = ctx.needs_input_grad[:3]
        table, bias = table_VD.to(dtype), bias_V.to(dtype, copy=True)
        bias[class_table.classes :] = -torch.inf
        losses, hits, vector_gradients = [], [], []
        table_gradient = bias_gradient = None
        for vectors, labels in zip(torch.split(vectors_PD, rows), torch.split(labels_P, rows), strict=True):
            loss, correct, gradient = loss_and_gradient(torch.addmm(bias, vectors, table.T), labels)
            losses.append(loss)
            hits.append(correct)
            if wants_vectors:
                vector_gradients.append(gradient @ table)
            if wants_table:
                table_gradient = _sum(table_gradient, (gradient.T @ vectors).to(table_VD.dtype))
            if wants_bias:
                bias_gradient = _sum(bias_gradient, gradient.sum(0, dtype=bias_V.dtype))
        vector_gradient = torch.cat(vector_gradients) if wants_vectors else None
        ctx.save_for_backward(vector_gradient, table_gradient, bias_gradient)
        ctx.table = table_VD if wants_table and class_table.in_place else None
        correct = torch.stack(hits).sum()
        ctx.mark_non_differentiable(correct)
        return torch.stack(losses).sum(), correct

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, loss_gradient: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        vectors, table, bias = ctx.saved_tensors
        if ctx.table is not None:
            add_to_gradient(ctx.table, table, loss_gradient)
            table = None
        gradients = (None if g is None else scaled(g, loss_gradient) for g in (vectors, table, bias))
        return (*gradients, None, None, None, None)


def _sum(total: Tensor | None, part: Tensor) -> Tensor:
    """Returns `total + part`, added in place; None stands for zero."""
    return part if total is None else total.add_(part)
