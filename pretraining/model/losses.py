"""Cross-entropy over very many classes, without all logits in memory at once.

16,384 tokens have some 2,500 masked words; their logits over 250,002 words are 2.5 GB in float32, and as much again for
the gradient. So the rows go through the table in chunks, and each chunk's gradient is worked out at once, while its
logits are there: the backward pass has only to scale it.

Shape suffixes: P places to predict, R those of a chunk, V rows of the table, D width of the table.
"""

from functools import cache
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mlukit.pretraining.data.batch import IGNORED

# Logits at once: 4,096 rows of 250,112 words, 853 of 1.2 million entities. 2 GB in bfloat16.
CHUNK_LOGITS = 2**30
CHUNK_LOGITS_ON_CPU = 2**27


class Prediction(NamedTuple):
    """How well a softmax did."""

    loss: Tensor  # natural logarithm, summed over the rows that have a label
    correct: Tensor  # rows whose likeliest class is the label


class _Judge(Protocol):
    def __call__(self, logits_RV: Tensor, labels_R: Tensor) -> tuple[Tensor, Tensor, Tensor]: ...


def cross_entropy(
    vectors_PD: Tensor,
    table_VD: Tensor,
    bias_V: Tensor,
    labels_P: Tensor,
    classes: int,
    *,
    chunk_logits: int | None = None,
    compiled: bool = False,
) -> Prediction:
    """The loss of `softmax(vectors @ table.T + bias)` against the labels.

    Args:
        vectors_PD: what the table's rows are compared with.
        table_VD: a row for each class, and rows for alignment, which have no part in the softmax.
        bias_V: added to the logits.
        labels_P: the right classes; a row labelled `IGNORED` counts for nothing.
        classes: how many of the table's rows are classes.
        chunk_logits: how many logits may be in memory at once, at least those of one row.
        compiled: whether to let `torch.compile` make one pass over the logits of the many there are.

    Returns:
        Loss and hits. The loss can be differentiated once, by vectors, table and bias. Under autocast the products are
        of its precision, the softmax in float32, and the gradients of the parameters' precision.
    """
    device = vectors_PD.device.type
    if torch.is_autocast_enabled(device):
        vectors_PD = vectors_PD.to(torch.get_autocast_dtype(device))
    if chunk_logits is None:
        chunk_logits = CHUNK_LOGITS if device == "cuda" else CHUNK_LOGITS_ON_CPU
    rows = max(1, chunk_logits // len(table_VD))
    judge = _compiled_judge() if compiled else _judge
    loss, correct = _ChunkedCrossEntropy.apply(vectors_PD, table_VD, bias_V, labels_P, classes, rows, judge)
    return Prediction(loss, correct)


def _judge(logits_RV: Tensor, labels_R: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Loss, hits, and the loss's gradient by the logits."""
    given = logits_RV.dtype
    used, labels = (labels_R != IGNORED)[:, None], labels_R.clamp(min=0)[:, None]
    log_shares = logits_RV.log_softmax(-1, dtype=torch.float64 if given == torch.float64 else torch.float32)
    of_labels = log_shares.gather(-1, labels)
    loss = torch.where(used, -of_labels, 0).sum()
    correct = (log_shares.argmax(-1) == labels_R).sum()
    gradient = log_shares.exp().to(given) * used
    gradient.scatter_(-1, labels, (of_labels.expm1() * used).to(given))  # share - 1, before it is rounded
    return loss, correct, gradient


@cache
def _compiled_judge() -> _Judge:
    return torch.compile(_judge, dynamic=True)


class _ChunkedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        vectors_PD: Tensor,
        table_VD: Tensor,
        bias_V: Tensor,
        labels_P: Tensor,
        classes: int,
        rows: int,
        judge: _Judge,
    ) -> tuple[Tensor, Tensor]:
        dtype = vectors_PD.dtype
        by_vectors, by_table, by_bias = ctx.needs_input_grad[:3]
        table, bias = table_VD.to(dtype), bias_V.to(dtype, copy=True)
        bias[classes:] = -torch.inf
        losses, hits, vector_gradients = [], [], []
        table_gradient = bias_gradient = None
        for vectors, labels in zip(torch.split(vectors_PD, rows), torch.split(labels_P, rows), strict=True):
            loss, correct, gradient = judge(torch.addmm(bias, vectors, table.T), labels)
            losses.append(loss)
            hits.append(correct)
            if by_vectors:
                vector_gradients.append(gradient @ table)
            if by_table:
                table_gradient = _sum(table_gradient, (gradient.T @ vectors).to(table_VD.dtype))
            if by_bias:
                bias_gradient = _sum(bias_gradient, gradient.sum(0, dtype=bias_V.dtype))
        vector_gradient = torch.cat(vector_gradients) if by_vectors else None
        ctx.save_for_backward(vector_gradient, table_gradient, bias_gradient)
        correct = torch.stack(hits).sum()
        ctx.mark_non_differentiable(correct)
        return torch.stack(losses).sum(), correct

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_loss: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        gradients = (None if g is None else g * by_loss.to(g.dtype) for g in ctx.saved_tensors)
        return (*gradients, None, None, None, None)


def _sum(total: Tensor | None, part: Tensor) -> Tensor:
    return part if total is None else total.add_(part)
