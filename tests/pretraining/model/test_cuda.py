"""On a CUDA device: what the model computes there is what it computes on a CPU, as far as bfloat16 goes."""

import shutil

import pytest
import torch

from mlukit.pretraining.model.attention import HAS_VARLEN
from tests.pretraining.cuda_against_cpu import (
    KERNELS,
    attention_differences,
    differences,
    kernels_of_varlen,
    step_differences,
)

# of the norm; one rounding to bfloat16 is up to 0.4%
ATTENTION_LIMIT = 0.02
LOSS_LIMIT = 0.002
GRADIENT_LIMIT = 0.04

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def check_step(shares: dict[str, float]) -> None:
    for name, share in shares.items():
        assert share < (LOSS_LIMIT if " loss " in name else GRADIENT_LIMIT), (name, share)


@pytest.mark.cuda
@needs_cuda
@pytest.mark.skipif(not HAS_VARLEN, reason="this PyTorch has no varlen_attn")
@pytest.mark.parametrize("kernel", KERNELS)
def test_attention_with_empty_sequences_is_near_the_cpu(kernel: str) -> None:
    if kernel not in kernels_of_varlen():
        pytest.skip(f"this PyTorch has no {kernel} kernel for varlen_attn on this device")
    for name, share in attention_differences(kernel).items():
        assert share < ATTENTION_LIMIT, (name, share)


@pytest.mark.cuda
@needs_cuda
@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
def test_a_step_in_bfloat16_is_near_the_cpu(compiled: bool) -> None:
    if compiled and shutil.which("gcc") is None and shutil.which("clang") is None:
        pytest.skip("no C compiler")
    check_step(step_differences("cuda", compiled=compiled))


def test_the_limits_of_a_step_hold_for_bfloat16_on_a_cpu() -> None:
    check_step(step_differences("cpu", compiled=False))


def test_what_is_not_a_number_is_infinitely_far() -> None:
    expected = {"a": torch.tensor([3.0, 4.0]), "b": torch.ones(2)}
    found = {"a": torch.tensor([3.0, 4.5]), "b": torch.tensor([1.0, torch.nan])}
    assert differences(found, expected) == {"a": pytest.approx(0.1), "b": torch.inf}
