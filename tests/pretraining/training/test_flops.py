"""The arithmetic of a step, against what torch counts and against the rule of six."""

from dataclasses import replace

import pytest
from torch.utils.flop_counter import FlopCounterMode

from mlukit.pretraining.config import MODELS
from mlukit.pretraining.data.batch_counts import Counts, means_per_target
from mlukit.pretraining.model.model import PretrainingModel
from mlukit.pretraining.training.flops import peak_flops, step_flops
from tests.pretraining.packed_examples import SMALL, masked_examples, packed


def test_products_are_those_that_torch_counts() -> None:
    """Attention by sequence is an operator of ours, which torch's counter does not know: it is left out."""
    config = replace(SMALL, vocabulary_size=128, entity_vocabulary_size=128)  # whole tables, without rows of alignment
    batch = packed(masked_examples([(20, 3), (14, 2)], config), config)
    counts = replace(Counts.from_batches([batch]), pairs=0)
    model = PretrainingModel(config)
    with FlopCounterMode(display=False) as counter:
        losses = model(batch)
        (losses.words + losses.entities).backward()
    assert step_flops(config, counts, frozen=False) == counter.get_total_flops()


def test_counts_of_a_batch() -> None:
    batch = packed(masked_examples([(20, 3), (14, 2)]), spare=6)
    counts = Counts.from_batches([batch, batch])
    assert (counts.examples, counts.words, counts.entities) == (4, 68, 10)
    assert counts.pairs == 2 * (23**2 + 16**2)
    assert (counts.word_targets, counts.entity_targets) == (2 * batch.word_targets, 4)


def test_six_times_parameters_and_tokens() -> None:
    """[PaLM, appendix B]: 6 N a token, and 12 · layers · width · length for attention.

    Nothing is predicted here, so N has only the queries, keys and values of the last layer.
    """
    base = MODELS["base"]
    layer = 4 * base.hidden_size**2 + 2 * base.hidden_size * base.feed_forward_size
    encoder = (base.layers - 1) * layer + 3 * base.hidden_size**2
    counts = Counts(examples=10, words=5120, pairs=10 * 512**2)
    expected = 5120 * (6 * encoder + 12 * base.layers * base.hidden_size * 512)
    assert step_flops(base, counts, frozen=False) == pytest.approx(expected)
    frozen = 5120 * (4 * encoder + 12 * base.layers * base.hidden_size * 512)
    assert step_flops(base, counts, frozen=True) == pytest.approx(frozen)


def test_peaks_by_name() -> None:
    assert peak_flops("NVIDIA H200") == 989e12
    assert peak_flops("NVIDIA H100 80GB HBM3") == 989e12
    assert peak_flops("NVIDIA H100 PCIe") == 756e12
    assert peak_flops("NVIDIA A100-SXM4-80GB") == 312e12
    assert peak_flops("NVIDIA L40S") == 362e12
    assert peak_flops("") is None


def test_means_without_entities() -> None:
    assert means_per_target([6.0, 0.0, 1.0, 0.0], Counts(word_targets=4)) == {"word_loss": 1.5, "word_accuracy": 0.25}
    entities = means_per_target([0.0, 3.0, 0.0, 2.0], Counts(entity_targets=2))
    assert entities == {"entity_loss": 1.5, "entity_accuracy": 1.0}
    both = means_per_target([6.0, 3.0, 1.0, 2.0], Counts(word_targets=4, entity_targets=2))
    assert both["entity_loss"] == 1.5 and both["entity_accuracy"] == 1
