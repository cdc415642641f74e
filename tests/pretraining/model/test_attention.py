"""The ways to attend give the same numbers, and compile once for all batches."""

import shutil
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from mlukit.pretraining.config import ModelConfig
from mlukit.pretraining.model.attention import (
    Attention,
    Sequences,
    entity_aware_attention,
    needs_padding,
    padded_attention,
    sequence_by_sequence,
    sequences_of,
)
from mlukit.pretraining.model.model import Layer
from tests.pretraining.packed_examples import SMALL, masked_examples, packed

HEADS, SIZE = 3, 8
CPU, CUDA = torch.device("cpu"), torch.device("cuda")
BOUNDS = {
    "several": [0, 5, 6, 20, 33],
    "one": [0, 33],
    "empty between and after": [0, 0, 7, 7, 33, 33, 33],
    "longer than a block of the kernel": [0, 70, 700],
}


def sequences(bounds: list[int]) -> Sequences:
    starts = torch.tensor(bounds, dtype=torch.int32)
    return sequences_of(starts, max(bounds), torch.arange(0, bounds[-1], 3), bounds[-1], with_padding=True)


def qkv(places: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, ...]:
    """As the model has them: three views of one tensor."""
    torch.manual_seed(1)
    rows = torch.randn(places, 3, HEADS, SIZE, dtype=dtype).requires_grad_()
    return rows.unbind(1)


def one_mask_over_all(query: Tensor, key: Tensor, value: Tensor, bounds: list[int]) -> Tensor:
    """The plainest: every place against every place."""
    owner = torch.cat([torch.full((b - a,), i) for i, (a, b) in enumerate(pairwise(bounds))])
    q, k, v = (x.transpose(0, 1)[None] for x in (query, key, value))
    out = scaled_dot_product_attention(q, k, v, attn_mask=owner[:, None] == owner)
    return out[0].transpose(0, 1)


@pytest.mark.parametrize("bounds", BOUNDS.values(), ids=BOUNDS)
def test_all_ways_give_the_same_numbers_and_gradients(bounds: list[int]) -> None:
    places = bounds[-1]
    by_outputs = torch.randn(places, HEADS, SIZE, dtype=torch.float64)
    found = []
    for way in (
        lambda q, k, v: one_mask_over_all(q, k, v, bounds),
        lambda q, k, v: sequence_by_sequence(q, k, v, torch.tensor(bounds, dtype=torch.int32))[0],
        lambda q, k, v: padded_attention(q, k, v, sequences(bounds).padded),
        lambda q, k, v: entity_aware_attention((q, q, q, q), k, v, sequences(bounds)),
    ):
        query, key, value = qkv(places)
        out = way(query, key, value)
        found.append((out, *torch.autograd.grad(out, (query, key, value), by_outputs)))
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], rtol=1e-10, atol=1e-12)


def test_bfloat16_is_near_float32() -> None:
    bounds = BOUNDS["longer than a block of the kernel"]
    starts = torch.tensor(bounds, dtype=torch.int32)
    exact, _ = sequence_by_sequence(*qkv(bounds[-1], torch.float32), starts)
    rounded, _ = sequence_by_sequence(*(x.bfloat16() for x in qkv(bounds[-1], torch.float32)), starts)
    assert rounded.dtype == torch.bfloat16
    torch.testing.assert_close(rounded.float(), exact, rtol=0, atol=2e-2)


def test_operator_is_what_torch_wants_of_one() -> None:
    query, key, value = qkv(33, torch.float32)
    torch.library.opcheck(sequence_by_sequence, (query, key, value, torch.tensor([0, 5, 33], dtype=torch.int32)))


@pytest.mark.parametrize(
    ("config", "device", "dtype", "training", "expected"),
    [
        (SMALL, CPU, torch.float64, True, False),
        (replace(SMALL, entity_aware_attention=True), CPU, torch.float32, False, True),
        (replace(SMALL, attention_dropout=0.1), CPU, torch.float32, True, True),
        (replace(SMALL, attention_dropout=0.1), CPU, torch.float32, False, False),
        (SMALL, CUDA, torch.bfloat16, True, False),
        (SMALL, CUDA, torch.float32, True, True),
        (
            replace(SMALL, hidden_size=12),
            CUDA,
            torch.bfloat16,
            True,
            True,
        ),  # heads of 4: the kernels want multiples of 8
        (SMALL, torch.device("mps"), torch.float32, True, True),
    ],
)
def test_when_attention_needs_padding(
    config: ModelConfig, device: torch.device, dtype: torch.dtype, training: bool, expected: bool
) -> None:
    assert needs_padding(config, device, dtype, training) is expected


def test_dropout_of_weights() -> None:
    config = replace(SMALL, attention_dropout=0.5)
    attention = Attention(config).double()
    batch = packed(masked_examples([(20, 3), (8, 1)]))
    stream = torch.randn(32, config.hidden_size, dtype=torch.float64)
    found = sequences_of(batch.sequence_starts_S1, batch.longest, batch.entity_slots_E, 32, with_padding=True)
    assert not torch.equal(attention(stream, found), attention(stream, found))
    attention.eval()
    assert torch.equal(attention(stream, found), attention(stream, found))


@pytest.mark.skipif(shutil.which("g++") is None and shutil.which("clang++") is None, reason="no C++ compiler")
@pytest.mark.parametrize("masked", [False, True], ids=["all places", "masked places"])
def test_a_layer_compiles_without_breaks_and_once_for_all_batches(masked: bool) -> None:
    layer = Layer(SMALL)
    torch._dynamo.reset()
    compiled = torch.compile(layer, fullgraph=True)
    with torch._dynamo.config.patch(error_on_recompile=True):
        for shapes in ([(20, 3), (8, 1)], [(26, 6)], [(10, 2), (10, 2), (6, 2)]):  # 32 places each
            batch = packed(masked_examples(shapes))
            starts = torch.nn.functional.pad(batch.sequence_starts_S1, (0, 4 - len(shapes)), value=32)
            found = sequences_of(starts, 32, batch.entity_slots_E, 32, with_padding=False)
            stream = torch.randn(32, SMALL.hidden_size)
            places = torch.randint(0, 32, (8,)) if masked else None
            plain, fused = layer(stream, found, places), compiled(stream, found, places)
            torch.testing.assert_close(fused, plain)
            fused.square().sum().backward()
