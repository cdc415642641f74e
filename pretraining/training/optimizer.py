"""AdamW as in [mLUKE], and the learning rate of every step.

Without bias correction, an update of Adam [Kingma and Ba, 2015, algorithm 1] is lr · m / (sqrt(v) + ε) in place of
lr · m̂ / (sqrt(v̂) + ε), where m̂ = m / (1 - β1^t) and v̂ = v / (1 - β2^t). PyTorch's AdamW always corrects, and so does
its fused kernel. But the correction fades as t grows, and once β^t is less than half the distance from 1 to the next
smaller float64, 1 - β^t is exactly 1: both formulas are the same, ε included, to the last bit. The counter t in the
optimizer's state is used only for the correction. So the optimizer goes without bias correction if t begins at such a
step: 37,412 for β2 = 0.999. The moments begin at zero as usual. float32, in which PyTorch counts, holds every whole
number up to 16.7 million.
"""

import math

import torch
from torch import nn

from mlukit.pretraining.config import TrainingConfig

_LOST_BESIDE_ONE = 2.0**-54  # 1 - 2^-54 is 1 in float64: half the distance from 1 to the float64 before it, 2^-53


def learning_rate_at(step: int, config: TrainingConfig) -> float:
    """The learning rate of a step, counted from 0: it rises linearly from 0 in the warm-up, then falls linearly to 0.

    The schedule is transformers' `get_linear_schedule_with_warmup`: with a warm-up, the learning rate of the first step
    is 0. LUKE's code has DeepSpeed's `WarmupDecayLR`, whose first step (in version 0.6.1) has the full learning rate.
    """
    if step < config.warmup_steps:
        return config.learning_rate * step / config.warmup_steps
    return config.learning_rate * max(0, config.steps - step) / max(1, config.steps - config.warmup_steps)


def make_optimizer(model: nn.Module, config: TrainingConfig) -> torch.optim.AdamW:
    """Makes AdamW over the trained parameters, without decay of biases and LayerNorm parameters (all the vectors).

    The state is made at once: torch.distributed.checkpoint would make it by an update, which would count as a step.
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
    """The first step from which on no moment is corrected: from there 1 - β^t is 1 for every β."""
    return max(math.ceil(math.log(_LOST_BESIDE_ONE) / math.log(beta)) if beta > 0 else 0 for beta in betas)
