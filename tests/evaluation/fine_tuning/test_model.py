"""The two losses of a head beside sums by hand, and which parameters are trained."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from mlukit.evaluation.encoder.encoder import Encoder, load_encoder
from mlukit.evaluation.encoder.inputs import IGNORED, Input
from mlukit.evaluation.fine_tuning.model import FineTunedModel, number_of_targets, task_batch
from mlukit.evaluation.tasks.task import Head
from tests.evaluation.small_checkpoint import write_mluke


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return load_encoder(write_mluke(tmp_path_factory.mktemp("m") / Path("m"), ["a", "b", "c"]), device="cpu")


def model_of(encoder: Encoder, head: Head, *, with_entities: bool = True) -> FineTunedModel:
    torch.manual_seed(0)
    return FineTunedModel(encoder.trainable_copy(0.0, 0.0), head, with_entities=with_entities).eval()


def test_rows_are_classified(encoder: Encoder) -> None:
    model = model_of(encoder, Head(states=2, outputs=3, bias=False))
    inputs = [
        Input([0, 4, 5, 2], [2], [(1, 3)], np.array([[1, 4], [2, 4]]), np.array([2, IGNORED])),
        Input([0, 6, 2], rows=np.array([[1, 1]]), targets=np.array([0])),
    ]
    batch = task_batch(inputs, model.encoder)
    scores = model(batch)
    states = dict(encoder.states(inputs))
    first = torch.cat([states[0][0, 1], states[0][0, 4]]) @ model.head.weight.T
    torch.testing.assert_close(scores[0], first, rtol=1e-5, atol=1e-5)
    expected = -scores[0].log_softmax(-1)[2] - scores[2].log_softmax(-1)[0]
    assert model.loss(scores, batch).item() == pytest.approx(expected.item())
    assert number_of_targets(inputs) == 2


def test_each_output_chooses_a_row(encoder: Encoder) -> None:
    """Start and end of an answer: a softmax over the words of each input."""
    model = model_of(encoder, Head(states=1, outputs=2, softmax="rows"))
    inputs = [
        Input([0, 4, 5, 2], rows=np.array([[0], [1], [2]]), targets=np.array([1, 2])),
        Input([0, 6, 2], rows=np.array([[0], [1]]), targets=np.array([IGNORED, 0])),
    ]
    batch = task_batch(inputs, model.encoder)
    scores = model(batch)
    total = 0.0
    for rows, output, target in ((slice(0, 3), 0, 1), (slice(0, 3), 1, 2), (slice(3, 5), 1, 0)):
        column = scores[rows, output].tolist()
        total += math.log(sum(map(math.exp, column))) - column[target]
    assert model.loss(scores, batch).item() == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("with_entities", [True, False])
def test_what_no_input_reaches_is_not_trained(with_entities: bool, encoder: Encoder) -> None:
    model = model_of(encoder, Head(states=1, outputs=2), with_entities=with_entities)
    trained = {name.split(".")[1] for name, one in model.named_parameters() if one.requires_grad}
    expected = {"word_embeddings", "layers", "weight", "bias"}
    assert trained == (expected | {"entity_embeddings"} if with_entities else expected)
