"""Losses and accuracies of a model on the held-out examples of an OUT, and how good a constant guess would be.

The examples are masked as mLUKE masks them (the defaults of `mlukit train`), with the same masks for all models.
"""

from collections import Counter
from collections.abc import Iterator

import torch

from mlukit.pretraining.config import DataConfig, Precision, RunConfig, TrainingConfig
from mlukit.pretraining.data.batches import read_rows, validation_batches
from mlukit.pretraining.data.dataset import ExampleDataset
from mlukit.pretraining.model.model import PretrainingModel
from mlukit.pretraining.training.ranks import Ranks
from mlukit.pretraining.training.validation import ALL_LANGUAGES, held_out


def model_on_held_out(
    model: PretrainingModel,
    dataset: ExampleDataset,
    examples: int,
    precision: Precision = "float32",
    device: torch.device | None = None,
) -> Iterator[tuple[str, dict[str, float]]]:
    """Yields each language with its means per target, then "all"; the model is in evaluation mode afterwards.

    Args:
        model: on the device.
        dataset: of the OUT whose words and entities the model has.
        examples: of a language at most.
        precision: of the computation.
        device: None for the CPU.
    """
    training = TrainingConfig(precision=precision, compile=False, validation_examples=examples)
    config = RunConfig(model=model.config, data=DataConfig(), training=training)
    yield from held_out(model, dataset, config, Ranks(0, 1, device or torch.device("cpu")))
    model.eval()


def constant_on_held_out(dataset: ExampleDataset, examples: int) -> Iterator[tuple[str, dict[str, float]]]:
    """Yields each language with the entity accuracy of the entity that its train examples mention most; then "all".

    The masked entities are those of `model_on_held_out`; "targets" is their number.
    """
    data, targets, right = DataConfig(), 0, 0
    for language in dataset.languages:
        labels = [
            label
            for batch in validation_batches(dataset, data, language, examples)
            for label in batch.entity_labels_PE[: batch.entity_targets].tolist()
        ]
        if labels:
            hits = labels.count(_most_frequent(dataset, data, language))
            yield language, {"targets": len(labels), "entity_accuracy": hits / len(labels)}
            targets, right = targets + len(labels), right + hits
    if targets:
        yield ALL_LANGUAGES, {"targets": targets, "entity_accuracy": right / targets}


def _most_frequent(dataset: ExampleDataset, data: DataConfig, language: str) -> int | None:
    mentions: Counter[int] = Counter()
    for group in dataset.groups[language]:
        if group.split == "train":
            mentions.update(read_rows(dataset, group, data).entity_ids.tolist())
    return next((entity for entity, _ in mentions.most_common(1)), None)
