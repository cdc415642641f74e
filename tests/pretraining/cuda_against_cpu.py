"""What a CUDA device computes in bfloat16, next to the numbers of the CPU in float32.

benchmarks/pretraining.py prints the differences, and tests/pretraining/model/test_cuda.py has limits for them.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from mlukit.pretraining.config import ModelConfig
from mlukit.pretraining.model.attention import HAS_VARLEN, sequence_by_sequence
from mlukit.pretraining.model.model import PretrainingModel
from mlukit.pretraining.training.parallel import accumulating
from tests.pretraining.packed_examples import masked_examples, packed

Attend: TypeAlias = Callable[[Tensor, Tensor, Tensor, Tensor, int], Tensor]

KERNELS = {"flash": SDPBackend.FLASH_ATTENTION, "cuDNN": SDPBackend.CUDNN_ATTENTION}
# as in a batch: examples, then sequences of padding, then empty sequences; and an empty sequence between others
STARTS = [0, 490, 490, 993, 1000, 1640, 1641, 2281, 2300, 2300, 2300, 2300]
LONGEST = 640
HEADS, SIZE = 12, 64  # of base
# no dropout, and heads as wide as those of base
CONFIG = ModelConfig(
    vocabulary_size=1_000,
    entity_vocabulary_size=300,
    hidden_size=128,
    layers=2,
    heads=2,
    feed_forward_size=256,
    entity_embedding_size=64,
    hidden_dropout=0.0,
)
SHAPES = [[(400, 30), (13, 2), (512, 60)], [(470, 40), (300, 20), (155, 32)]]  # two micro-batches of the same size


def kernels_of_varlen() -> list[str]:
    """The kernels that this PyTorch has for `varlen_attn` on this device."""
    if not (HAS_VARLEN and torch.cuda.is_available()):
        return []
    from torch.nn.attention import varlen

    if not hasattr(varlen, "_select_backend"):  # PyTorch before 2.15: flash alone
        return ["flash"]
    major, _ = torch.cuda.get_device_capability()
    cudnn = major in (9, 10) and (torch.backends.cudnn.version() or 0) >= 91800  # as `varlen` itself requires
    return ["flash", "cuDNN"] if cudnn else ["flash"]


def varlen(query: Tensor, key: Tensor, value: Tensor, starts: Tensor, longest: int) -> Tensor:
    """Attention as `Attention` computes it on CUDA."""
    from torch.nn.attention.varlen import varlen_attn

    output: Tensor = varlen_attn(query, key, value, starts, starts, longest, longest)
    return output


def on_cpu(query: Tensor, key: Tensor, value: Tensor, starts: Tensor, longest: int) -> Tensor:
    """Attention as `Attention` computes it on a CPU."""
    output: Tensor = sequence_by_sequence(query, key, value, starts)[0]
    return output


def attention_differences(kernel: str) -> dict[str, float]:
    """How far outputs and gradients of a kernel of `varlen_attn` are from the CPU's."""
    with sdpa_kernel(KERNELS[kernel]):
        return differences(_attended(varlen, "cuda", torch.bfloat16), _attended(on_cpu, "cpu", torch.float32))


def _attended(attend: Attend, device: str, dtype: torch.dtype) -> dict[str, Tensor]:
    """Output and gradients for numbers that bfloat16 represents exactly."""
    chance = torch.Generator().manual_seed(1)
    rows = torch.randn(STARTS[-1], 3, HEADS, SIZE, generator=chance).bfloat16()
    by_output = torch.randn(STARTS[-1], HEADS, SIZE, generator=chance).bfloat16()
    rows = rows.to(device, dtype).requires_grad_()
    output = attend(*rows.unbind(1), torch.tensor(STARTS, dtype=torch.int32, device=device), LONGEST)
    output.backward(by_output.to(device, dtype))
    assert rows.grad is not None
    query, key, value = rows.grad.unbind(1)
    return {"output": output.detach(), "by query": query, "by key": key, "by value": value}


def step_differences(device: str, *, compiled: bool) -> dict[str, float]:
    """How far losses and gradients of a step of two micro-batches in bfloat16 are from the CPU's in float32."""
    return differences(_step(device, bfloat16=True, compiled=compiled), _step("cpu", bfloat16=False, compiled=False))


def _step(device: str, *, bfloat16: bool, compiled: bool) -> dict[str, Tensor]:
    """Losses and gradients of a step."""
    torch.manual_seed(3)
    model = PretrainingModel(CONFIG)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)  # so that attention is not uniform
    model.to(device).train()
    if compiled:
        model.compile_parts()
    values: dict[str, Tensor] = {}
    for number, shapes in enumerate(SHAPES):
        batch = packed(masked_examples(shapes, CONFIG, seed=number), CONFIG, spare=70)
        with accumulating(model, last=number == 1):
            with torch.autocast(device, torch.bfloat16, enabled=bfloat16):
                losses = model(batch.to(torch.device(device)))
            (losses.words / 250 + losses.entities / 6).backward()
        values |= {f"word loss {number}": losses.words.detach(), f"entity loss {number}": losses.entities.detach()}
    return values | {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def differences(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, float]:
    """The norm of each difference, as a share of the norm of what is expected; infinite for what is not a number."""
    assert found.keys() == expected.keys()
    shares = {}
    for name, tensor in expected.items():
        share = (found[name].double().cpu() - tensor.double()).norm() / tensor.double().norm().clamp(min=1e-12)
        shares[name] = share.nan_to_num(nan=torch.inf).item()
    return shares
