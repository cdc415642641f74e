"""The model learns 64 examples by heart, and stage 1 leaves what it must not touch bit for bit."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import torch

from mlukit.pretraining.config import DataConfig, RunConfig, TrainingConfig
from mlukit.pretraining.data.batch import Batch
from mlukit.pretraining.model.model import Losses, PretrainingModel
from mlukit.pretraining.training.initial_weights import freeze
from mlukit.pretraining.training.optimizer import learning_rate_at, make_optimizer
from tests.pretraining.packed_examples import SMALL, masked_examples, packed

MODEL = replace(SMALL, hidden_size=64, heads=4, feed_forward_size=128, entity_embedding_size=32, vocabulary_size=300)
TRAINING = TrainingConfig(
    learning_rate=5e-3, steps=150, warmup_steps=10, weight_decay=0.0, bias_correction=True, compile=False
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Products so small are slower on several, by far where others use the cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def batch_of_64(objective: str) -> Batch:
    """Words and entities are drawn at random, so nothing but memory predicts them."""
    shapes = [(12 + n % 9, (1 + n % 3) if objective == "words and entities" else 0) for n in range(64)]
    return packed(masked_examples(shapes, MODEL, seed=11), MODEL, spare=0 if objective == "words" else 5)


def train(
    model: PretrainingModel,
    batch: Batch,
    training: TrainingConfig,
    watch: Callable[[int, Losses], None] = lambda *_: None,
) -> None:
    optimizer = make_optimizer(model, training)
    for step in range(training.steps):
        losses = model(batch)
        (losses.words / batch.word_targets + losses.entities / max(1, batch.entity_targets)).backward()
        for group in optimizer.param_groups:
            group["lr"] = learning_rate_at(step, training)
        optimizer.step()
        optimizer.zero_grad()
        watch(step, losses)


@pytest.mark.parametrize("objective", ["words and entities", "words"])
def test_64_examples_are_learnt_by_heart(objective: str) -> None:
    torch.manual_seed(0)
    model, batch = PretrainingModel(MODEL), batch_of_64(objective)
    train(model, batch, TRAINING)
    losses = model.eval()(batch)
    assert batch.word_targets > 100
    assert losses.correct_words == batch.word_targets
    assert losses.words / batch.word_targets < 0.05
    if objective == "words and entities":
        assert batch.entity_targets == 64
        assert losses.correct_entities == 64
        assert losses.entities / 64 < 0.05
    else:
        assert losses.entities == 0


def test_stage_1_leaves_the_words_as_they_were() -> None:
    torch.manual_seed(0)
    model, batch = PretrainingModel(MODEL), batch_of_64("words and entities")
    new = {name for name, _ in model.named_parameters() if name.startswith("entity_")}
    training = replace(TRAINING, stage=1, steps=60, weight_decay=0.1)
    freeze(model, RunConfig(model=MODEL, data=DataConfig(), training=training), new)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    entity_losses: list[float] = []
    train(model, batch, training, lambda _, losses: entity_losses.append(losses.entities.item()))
    for name, p in model.named_parameters():
        assert torch.equal(p, before[name]) is (name not in new), name
    assert entity_losses[-1] < entity_losses[0] / 2
