"""The chunked loss is the plain one, and has never more logits in memory than it may."""

import shutil
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy as plain_cross_entropy
from torch.utils._python_dispatch import TorchDispatchMode

from mlukit.pretraining.data.batch import IGNORED
from mlukit.pretraining.model.losses import ClassTable, SoftmaxLoss, cross_entropy

ROWS, CLASSES, WIDTH, TARGETS = 128, 101, 12, 23


def problem(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    torch.manual_seed(3)
    vectors = torch.randn(TARGETS, WIDTH, dtype=dtype)
    table, bias = torch.randn(ROWS, WIDTH, dtype=dtype), torch.randn(ROWS, dtype=dtype)
    labels = torch.randint(0, CLASSES, (TARGETS,))
    labels[[4, 22]] = IGNORED
    labels[:3] = (vectors @ table[:CLASSES].T + bias[:CLASSES]).argmax(1)[:3]
    return vectors.requires_grad_(), table.requires_grad_(), bias.requires_grad_(), labels


def chunked(vectors: Tensor, table: Tensor, bias: Tensor, labels: Tensor, **options: Any) -> SoftmaxLoss:
    return cross_entropy(vectors, ClassTable(table, bias, CLASSES), labels, **options)


@pytest.mark.parametrize("rows_at_once", [1, 5, 23, 100])
def test_loss_hits_and_gradients_are_the_plain_ones(rows_at_once: int) -> None:
    vectors, table, bias, labels = problem()
    logits = vectors @ table[:CLASSES].T + bias[:CLASSES]
    plain = plain_cross_entropy(logits, labels, reduction="sum", ignore_index=IGNORED)
    softmax = chunked(vectors, table, bias, labels, chunk_logits=rows_at_once * ROWS)
    torch.testing.assert_close(softmax.loss, plain, rtol=1e-12, atol=0)
    assert softmax.correct == (logits.argmax(1) == labels).sum() >= 3
    inputs = (vectors, table, bias)
    expected = torch.autograd.grad(plain / 7, inputs)
    found = torch.autograd.grad(softmax.loss / 7, inputs)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-13)
    assert (found[1][CLASSES:] == 0).all()
    assert (found[2][CLASSES:] == 0).all()


def test_gradcheck() -> None:
    vectors, table, bias, labels = problem()
    assert torch.autograd.gradcheck(
        lambda v, t, b: chunked(v, t, b, labels, chunk_logits=6 * ROWS).loss, (vectors, table, bias)
    )


def test_the_factor_of_a_gradient_in_bfloat16_is_not_rounded() -> None:
    vectors, table, bias, labels = problem(torch.float32)
    factor = 1 / 999  # in bfloat16 0.99823 / 999
    whole, part = (
        torch.autograd.grad(chunked(vectors.bfloat16(), table, bias, labels).loss * scale, vectors)[0]
        for scale in (1.0, factor)
    )
    torch.testing.assert_close((part / whole).nanmedian().item(), factor, rtol=2e-4, atol=0)


@pytest.mark.parametrize("trained", [(True, False, False), (False, True, False), (False, False, True)])
def test_gradients_of_what_is_frozen_are_not_worked_out(trained: tuple[bool, bool, bool]) -> None:
    *inputs, labels = problem()
    for tensor, train in zip(inputs, trained, strict=True):
        tensor.requires_grad_(train)
    whole = problem()
    chunked(*inputs, labels).loss.backward()
    chunked(*whole).loss.backward()
    for tensor, train, other in zip(inputs, trained, whole, strict=False):
        if train:
            torch.testing.assert_close(tensor.grad, other.grad)
        else:
            assert tensor.grad is None


def test_without_gradients() -> None:
    *inputs, labels = problem()
    with torch.no_grad():
        loss = chunked(*inputs, labels).loss
    torch.testing.assert_close(loss, chunked(*inputs, labels).loss)
    assert not loss.requires_grad


def test_only_ignored_rows() -> None:
    vectors, table, bias, labels = problem()
    loss, correct = chunked(vectors, table, bias, torch.full_like(labels, IGNORED))
    assert loss == correct == 0
    loss.backward()
    assert (table.grad == 0).all()


def test_autocast_is_near_float32_and_keeps_gradients_in_float32() -> None:
    *inputs, labels = problem(torch.float32)
    exact = torch.autograd.grad(chunked(*inputs, labels).loss, inputs)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = chunked(*inputs, labels, chunk_logits=5 * ROWS)
    torch.testing.assert_close(rounded.loss, chunked(*inputs, labels).loss, rtol=5e-3, atol=0)
    assert rounded.loss.dtype == torch.float32
    for found, expected in zip(torch.autograd.grad(rounded.loss, inputs), exact, strict=True):
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, expected, rtol=0, atol=0.05)


class LargestTensor(TorchDispatchMode):
    """Notes the most elements any operation gave."""

    elements = 0

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):  # type: ignore[no-untyped-def]
        result = function(*arguments, **(keywords or {}))
        for tensor in result if isinstance(result, tuple | list) else [result]:
            if isinstance(tensor, Tensor):
                self.elements = max(self.elements, tensor.numel())
        return result


def test_never_more_logits_than_a_chunk() -> None:
    vectors, table, bias = torch.randn(60, 4), torch.randn(5_000, 4), torch.randn(5_000)
    inputs = [x.requires_grad_() for x in (vectors, table, bias)]
    labels = torch.randint(0, 5_000, (60,))
    with LargestTensor() as largest:
        cross_entropy(inputs[0], ClassTable(inputs[1], inputs[2], 5_000), labels, chunk_logits=20_000).loss.backward()
    assert largest.elements == 20_000  # of the 300,000 there are, and as many as the table has


@pytest.mark.skipif(shutil.which("g++") is None and shutil.which("clang++") is None, reason="no C++ compiler")
def test_compiled_gives_the_same() -> None:
    *inputs, labels = problem(torch.float32)
    plain = chunked(*inputs, labels)
    fused = chunked(*inputs, labels, chunk_logits=10 * ROWS, compiled=True)
    torch.testing.assert_close(fused, plain)
    torch.testing.assert_close(torch.autograd.grad(fused.loss, inputs), torch.autograd.grad(plain.loss, inputs))
