"""The inputs of a task's examples, made once for all seeds and learning rates."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mlukit.evaluation.encoder.inputs import Input
from mlukit.evaluation.encoder.text_encoder import TextEncoder
from mlukit.evaluation.errors import ExampleError, say, warn
from mlukit.evaluation.tasks.task import FineTunedTask, TaskData
from mlukit.schemas.wording import counted

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Features:
    """The examples of a split, with their inputs.

    Attributes:
        examples: of the split.
        inputs: of each example; none for an example that cannot be given to the model.
        refused: for each reason, the ids of such examples.
    """

    examples: Sequence[Any]
    inputs: list[list[Input]]
    refused: dict[str, list[str]] = field(default_factory=dict)

    @property
    def flat(self) -> list[Input]:
        """All inputs, in the order of the examples."""
        return [one for of_example in self.inputs for one in of_example]


def make_features(task: FineTunedTask, data: TaskData, name: str, variant: str, texts: TextEncoder) -> Features:
    """Makes the inputs of "train", of "dev" or of a test, and warns of what cannot be given to the model."""
    features, noted = Features(data.examples(name), []), dict[str, list[str]]()
    for example in features.examples:
        try:
            features.inputs.append(inputs := task.inputs(data, example, variant, texts))
            for note in task.notes(data, example, inputs):
                noted.setdefault(note, []).append(example.id)
        except ExampleError as error:
            features.inputs.append([])
            features.refused.setdefault(str(error), []).append(example.id)
    for reason, ids in features.refused.items():
        wrong = "not trained on" if name == "train" else "scored as wrong"
        warn(f"{name}: {counted(len(ids), 'example')} {reason}, {wrong}: {_some(ids)}")
    for note, ids in noted.items():
        warn(f"{name}: {counted(len(ids), 'example')} {note}: {_some(ids)}")
    if text := task.summary(data, variant, features.inputs):
        say(f"{name}, {variant}: {text}")
    return features


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
