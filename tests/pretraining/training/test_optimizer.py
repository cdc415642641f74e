"""Updates against a plain reading of the formulas, and the learning rate of every step."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import get_state_dict

from mlukit.pretraining.config import TrainingConfig
from mlukit.pretraining.model.model import PretrainingModel
from mlukit.pretraining.training.optimizer import learning_rate_at, make_optimizer, step_without_correction
from tests.pretraining.packed_examples import SMALL

CONFIG = TrainingConfig(learning_rate=0.01, weight_decay=0.1, steps=40, warmup_steps=4, epsilon=1e-3)


def plain_adamw(p: Tensor, gradients: list[Tensor], config: TrainingConfig, decay: float, *, corrected: bool) -> Tensor:
    """Loshchilov and Hutter, 2019, algorithm 2, with the learning rate before the decay as everywhere."""
    p, m, v = p.clone(), torch.zeros_like(p), torch.zeros_like(p)
    for step, gradient in enumerate(gradients):
        rate, t = learning_rate_at(step, config), step + 1
        m = config.beta1 * m + (1 - config.beta1) * gradient
        v = config.beta2 * v + (1 - config.beta2) * gradient**2
        unbiased_m = m / (1 - config.beta1**t) if corrected else m
        unbiased_v = v / (1 - config.beta2**t) if corrected else v
        p = p - rate * decay * p - rate * unbiased_m / (unbiased_v.sqrt() + config.epsilon)
    return p


@pytest.mark.parametrize("corrected", [False, True])
@pytest.mark.parametrize("beta2", [0.999, 0.98])
def test_updates_are_those_of_the_formula(corrected: bool, beta2: float) -> None:
    config = replace(CONFIG, bias_correction=corrected, beta2=beta2)
    torch.manual_seed(5)
    model = nn.Linear(4, 3).double()
    before = [p.detach().clone() for p in model.parameters()]
    gradients = [[torch.randn_like(p) for p in before] for _ in range(config.steps)]
    optimizer = make_optimizer(model, config)
    for step, step_gradients in enumerate(gradients):
        for p, gradient in zip(model.parameters(), step_gradients, strict=True):
            p.grad = gradient
        for group in optimizer.param_groups:
            group["lr"] = learning_rate_at(step, config)
        optimizer.step()
    for p, start, parameter_gradients, decay in zip(
        model.parameters(), before, zip(*gradients, strict=True), (0.1, 0.0), strict=True
    ):
        expected = plain_adamw(start, list(parameter_gradients), config, decay, corrected=corrected)
        torch.testing.assert_close(p.detach(), expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(("betas", "step"), [((0.9, 0.999), 37_412), ((0.9, 0.98), 1_853), ((0.9, 0.0), 356)])
def test_where_the_correction_is_nothing(betas: tuple[float, float], step: int) -> None:
    assert step_without_correction(*betas) == step
    for beta in betas:
        assert 1 - beta**step == 1
    assert 1 - max(betas) ** (step - 1) < 1


def test_biases_and_layer_norms_do_not_decay() -> None:
    model = PretrainingModel(SMALL)
    groups = make_optimizer(model, CONFIG).param_groups
    names = {id(p): name for name, p in model.named_parameters()}
    decayed, kept = ({names[id(p)] for p in group["params"]} for group in groups)
    assert [group["weight_decay"] for group in groups] == [0.1, 0.0]
    assert kept == {name for name in names.values() if name.endswith("bias") or "norm" in name}
    assert decayed == set(names.values()) - kept


def test_only_what_wants_gradients() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    model[0].requires_grad_(False)
    groups = make_optimizer(model, CONFIG).param_groups
    assert [p for group in groups for p in group["params"]] == [model[1].weight, model[1].bias]


@pytest.mark.parametrize(("corrected", "first"), [(False, 37_412), (True, 0)])
def test_a_checkpoint_before_the_first_step_is_no_step(corrected: bool, first: int) -> None:
    model = nn.Linear(4, 3)
    optimizer = make_optimizer(model, replace(CONFIG, bias_correction=corrected))
    _, state = get_state_dict(model, optimizer)
    assert state["state"]["weight"]["step"] == first
    assert optimizer.state[model.weight]["step"] == first


@pytest.mark.parametrize(
    ("step", "rate"), [(0, 0.0), (1, 0.0025), (3, 0.0075), (4, 0.01), (22, 0.005), (39, 0.01 / 36), (40, 0.0)]
)
def test_learning_rate(step: int, rate: float) -> None:
    assert learning_rate_at(step, CONFIG) == pytest.approx(rate, rel=1e-12)


def test_learning_rate_without_a_warm_up_and_with_nothing_else() -> None:
    assert learning_rate_at(0, replace(CONFIG, warmup_steps=0)) == 0.01
    assert [learning_rate_at(s, replace(CONFIG, steps=2, warmup_steps=2)) for s in (0, 1, 2)] == [0.0, 0.005, 0.0]


def test_schedule_is_that_of_transformers() -> None:
    from transformers import get_linear_schedule_with_warmup

    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=CONFIG.learning_rate)
    schedule = get_linear_schedule_with_warmup(optimizer, CONFIG.warmup_steps, CONFIG.steps)
    for step in range(CONFIG.steps):
        assert optimizer.param_groups[0]["lr"] == pytest.approx(learning_rate_at(step, CONFIG), rel=1e-12, abs=1e-15)
        optimizer.step()
        schedule.step()
