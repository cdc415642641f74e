"""AdamW as [mLUKE] has it, and the learning rate of every step.

Without bias correction, an update of Adam [Kingma and Ba, 2015, algorithm 1] is lr · m / (sqrt(v) + ε) in place of
lr · m̂ / (sqrt(v̂) + ε), where m̂ = m / (1 - β1^t) and v̂ = v / (1 - β2^t). PyTorch's AdamW always corrects, and so does
its fused kernel. But the correction fades as t grows, and once β^t is less than half the distance of 1 to the next
smaller float64, 1 - β^t is exactly 1: both formulas are the same, ε included, to the last bit. t is nothing but a
counter in the optimizer's state, and it is used for nothing else. So to go without bias correction is to begin counting
there: at step 37,412 for β2 = 0.999. The moments begin at zero as ever. float32, in which PyTorch counts, holds every
whole number up to 16.7 million.
"""

import math

import torch
from torch import nn

from mlukit.pretraining.config import TrainingConfig

_NOTHING_BESIDE_1 = 2.0**-54  # 1 - this is 1 in float64: half of what lies between 1 and the float64 before it, 2^-53


def learning_rate_at(step: int, config: TrainingConfig) -> float:
    """The learning rate of a step, counted from 0: up from 0 in the warm-up, then down to 0, both in a straight line.

    As transformers' `get_linear_schedule_with_warmup`, with which LUKE was trained: the first step has 0, where there
    is a warm-up.
    """
    if step < config.warmup_steps:
        return config.learning_rate * step / config.warmup_steps
    return config.learning_rate * max(0, config.steps - step) / max(1, config.steps - config.warmup_steps)


def make_optimizer(model: nn.Module, config: TrainingConfig) -> torch.optim.AdamW:
    """AdamW over the parameters that want gradients: biases and those of LayerNorm, vectors all, do not decay.

    The state is there from the beginning, since torch.distributed.checkpoint would make it by an update that counts.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in trained if p.ndim > 1], "weight_decay": config.weight_decay},
            {"params": [p for p in trained if p.ndim == 1], "weight_decay": 0.0},
        ],
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        eps=config.epsilon,
        fused=all(p.device.type in ("cuda", "cpu") for p in trained),
    )
    first = 0 if config.bias_correction else step_without_correction(config.beta1, config.beta2)
    for group in optimizer.param_groups:
        for p in group["params"]:
            step = torch.tensor(float(first), device=p.device if group["fused"] else "cpu", dtype=torch.float32)
            optimizer.state[p] = {"step": step, "exp_avg": torch.zeros_like(p), "exp_avg_sq": torch.zeros_like(p)}
    return optimizer


def step_without_correction(*betas: float) -> int:
    """The least step at and after which no moment is corrected: β^t is below what can be told from 0 beside 1."""
    return max(math.ceil(math.log(_NOTHING_BESIDE_1) / math.log(beta)) if beta > 0 else 0 for beta in betas)
