"""Gradients that tables add in place are autograd's."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from mlukit.pretraining.model.model import PretrainingModel
from mlukit.pretraining.model.table import Table, gradients_in_place
from mlukit.pretraining.training.parallel import accumulating
from tests.pretraining.packed_examples import SMALL, masked_examples, packed

BATCHES = [packed(masked_examples(shapes, seed=n), spare=5) for n, shapes in enumerate([[(40, 6), (13, 2)], [(53, 8)]])]


def gradients(
    wanted: list[bool], *, dtype: torch.dtype = torch.float64, frozen: str = ""
) -> tuple[list[float], dict[str, Tensor | None]]:
    """Losses and gradients of a step of micro-batches, some of them in place."""
    torch.manual_seed(2)
    model = PretrainingModel(SMALL).to(dtype)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name != frozen)
    values = []
    for batch, in_place in zip(BATCHES, wanted, strict=True):
        with gradients_in_place(model, in_place):
            losses = model(batch)
            loss = losses.words / 13 + losses.entities / 3
            loss.backward()
        values.append(loss.item())
    return values, {name: p.grad for name, p in model.named_parameters()}


@pytest.mark.parametrize("wanted", [[True, True], [True, False], [False, True]])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
def test_a_step_in_place_gives_the_losses_and_gradients_of_autograd(
    wanted: list[bool], dtype: torch.dtype, tolerance: float
) -> None:
    values, found = gradients(wanted, dtype=dtype)
    other_values, expected = gradients([False, False], dtype=dtype)
    assert values == other_values
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("frozen", ["word_embeddings.words.weight", "entity_embeddings.entities.weight"])
def test_a_frozen_table_has_no_gradient_in_place_either(frozen: str) -> None:
    _, found = gradients([True, True], frozen=frozen)
    _, expected = gradients([False, False], frozen=frozen)
    assert found.pop(frozen) is expected.pop(frozen) is None
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_padding_gets_no_gradient_and_rows_in_several_places_get_the_sum() -> None:
    table = Table(6, 2, padding_idx=1).double()
    with gradients_in_place(table):
        rows = table(torch.tensor([3, 1, 3, 5]))
    assert torch.equal(rows, table.weight[[3, 1, 3, 5]])
    rows.backward(torch.arange(8, dtype=torch.float64).view(4, 2))
    assert table.weight.grad is not None
    assert table.weight.grad.tolist() == [[0, 0], [0, 0], [0, 0], [4, 6], [0, 0], [6, 7]]


def test_evaluation_does_not_touch_gradients() -> None:
    model = PretrainingModel(SMALL)
    with gradients_in_place(model), torch.no_grad():
        assert not model(BATCHES[0]).words.requires_grad
    assert all(p.grad is None for p in model.parameters())


def test_in_place_ends_with_the_block() -> None:
    model = PretrainingModel(replace(SMALL, layers=1))
    tables = [module for module in model.modules() if isinstance(module, Table)]
    with pytest.raises(ValueError, match="a fault"), accumulating(model, last=True):
        assert [table.in_place for table in tables] == [True, True]
        raise ValueError("a fault")
    assert [table.in_place for table in tables] == [False, False]


def test_a_module_without_tables_is_left_alone() -> None:
    with accumulating(nn.Linear(2, 2), last=False):
        pass
