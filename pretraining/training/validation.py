"""Losses and accuracies on the held-out pages, by language, over all ranks."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from mlukit.pretraining.config import RunConfig
from mlukit.pretraining.data.batch_counts import Counts, means_per_target
from mlukit.pretraining.data.batches import validation_batches
from mlukit.pretraining.data.dataset import ExampleDataset
from mlukit.pretraining.training.parallel import validation_share
from mlukit.pretraining.training.ranks import Ranks

ALL_LANGUAGES = "all"


def held_out(
    model: nn.Module, dataset: ExampleDataset, config: RunConfig, ranks: Ranks
) -> Iterator[tuple[str, dict[str, float]]]:
    """Measures the model on held-out examples; every rank calls it.

    Yields:
        Each language that has held-out examples, with its means per target; then "all": the means over all languages,
        every target counted once.
    """
    totals, all_counts = torch.zeros(4, dtype=torch.float64), Counts()
    for language in dataset.languages:
        batches = validation_batches(dataset, config.data, language, config.training.validation_examples, ranks.world)
        sums, counts = torch.zeros(4, dtype=torch.float64, device=ranks.device), Counts()
        with _evaluating(model):
            for batch in validation_share(batches, ranks):
                with torch.autocast(ranks.device.type, torch.bfloat16, enabled=config.training.precision == "bfloat16"):
                    losses = model(batch.to(ranks.device))
                sums += torch.stack([value.double() for value in losses])
                counts = Counts.total([counts.row(), Counts.from_batches([batch]).row()])
        counts = Counts.total(ranks.gather(counts.row()))
        if counts.examples:
            summed = ranks.add(sums).cpu()
            yield language, means_per_target(summed.tolist(), counts)
            totals, all_counts = totals + summed, Counts.total([all_counts.row(), counts.row()])
    if all_counts.examples:
        yield ALL_LANGUAGES, means_per_target(totals.tolist(), all_counts)


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Turns dropout and gradients off for a while."""
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train()
