"""Word and entity accuracy and loss on the validation examples of an OUT, by language: what docs/learning.md shows.

The examples are masked as in pretraining. `most frequent entity` is the entity accuracy of a constant guess: the
entity that the language's train examples mention most.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from mlukit.evaluation.errors import EvaluationError
from mlukit.evaluation.tasks.task import ENTITIES, Flag, Line, MeasuredTask, TaskData
from mlukit.pretraining.config import DataConfig
from mlukit.pretraining.data.dataset import ExampleDataset, open_dataset
from mlukit.pretraining.training.fingerprints import check_vocabularies
from mlukit.pretraining.training.run_folder import CONFIG, read_json

if TYPE_CHECKING:
    from mlukit.evaluation.encoder.encoder import Encoder
    from mlukit.pretraining.config import Precision

ALL = "all"
_PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True, slots=True)
class Language:
    """The held-out examples of a language; or of all languages, each target counted once."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutData(TaskData):
    """The examples of an OUT."""

    folder: Path
    dataset: ExampleDataset


class HeldOut(MeasuredTask):
    """See the docstring of this module."""

    name = "held-out"
    measures = "Loss and accuracy of masked words and entities on the validation examples of an OUT of mlukit build."
    own_data = "Output folder of mlukit build, with validation examples."
    variants = (ENTITIES,)
    metric = "entity accuracy"
    english = (ALL,)  # left out of the mean of the languages
    flags: ClassVar[tuple[Flag, ...]] = (
        Flag("number", "N", "Examples of each language at most.", "1024"),
        Flag("precision", "NAME", f"{' or '.join(_PRECISIONS)}.", _PRECISIONS[0]),
    )

    def read(self, folder: Path, options: Mapping[str, str]) -> HeldOutData:
        """Opens the output folder of `mlukit build`."""
        _number(options), _precision(options)
        dataset = open_dataset(folder, DataConfig())
        held_out = [
            language
            for language, groups in dataset.groups.items()
            if any(group.split == "validation" for group in groups)
        ]
        if not held_out:
            raise EvaluationError(f"--data {folder} has no validation examples: build it with --validation-share 0.1")
        tests = {name: [Language(name)] for name in (*held_out, ALL)}
        return HeldOutData(tests=tests, folder=folder, dataset=dataset)

    def measure(self, data: TaskData, variant: str, encoder: "Encoder") -> Iterator[tuple[str, Iterable[Line]]]:
        """One line for each language, then one for all languages."""
        from mlukit.evaluation.encoder.held_out import constant_on_held_out, model_on_held_out  # imports torch

        assert isinstance(data, HeldOutData)
        _check_entities(encoder.loaded.folder, data.folder)
        number, precision = _number(data.options), _precision(data.options)
        constant = dict(constant_on_held_out(data.dataset, number))
        device = encoder.loaded.device
        for language, means in model_on_held_out(encoder.model, data.dataset, number, precision, device):
            guess = constant.get(language, {})
            if language in data.tests:
                yield language, [{"id": language, **means, **{_CONSTANT[name]: guess[name] for name in guess}}]

    def is_share(self, metric: str) -> bool:
        """Accuracies are; losses are in nats."""
        return metric.endswith(("accuracy", "entity"))

    def score(self, data: TaskData, name: str, predictions: Sequence[Line]) -> dict[str, float]:
        """The numbers of the line."""
        return {
            key.replace("_", " "): float(value) for line in predictions for key, value in line.items() if key != "id"
        }


_CONSTANT = {"targets": "entities", "entity_accuracy": "most_frequent_entity"}


def _number(options: Mapping[str, str]) -> int:
    text = options.get("number") or "1024"
    if not text.isdecimal() or not int(text):
        raise EvaluationError(f"--number {text!r} is not a whole number of at least 1")
    return int(text)


def _precision(options: Mapping[str, str]) -> "Precision":
    name = options.get("precision") or _PRECISIONS[0]
    if name not in _PRECISIONS:
        raise EvaluationError(f"--precision {name!r} is not one of {', '.join(_PRECISIONS)}")
    return cast("Precision", name)


def _check_entities(model: Path, examples: Path) -> None:
    """Refuses a checkpoint whose words and entities are not those of the examples."""
    config = read_json(model / CONFIG)
    if isinstance(config, dict) and "model_type" in config:
        raise EvaluationError(
            f"--model {model} has entities of its own; mlukit import {model} --examples {examples} --output INIT makes "
            f"a checkpoint with the entities of {examples}"
        )
    check_vocabularies(model, examples)


TASK = HeldOut()
