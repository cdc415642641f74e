"""A constructed task: the relation is a function of the entities, and no word of one language is in another.

In the language of fine-tuning, names tell the relation as well as entities do. In another language they tell nothing:
their rows were never trained. With the entity's QID in the input, the same row of the entity table is there in every
language. It shows what the two variants can do at best; it says nothing about real text.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlukit.evaluation.encoder.inputs import Input
from mlukit.evaluation.encoder.text_encoder import TextEncoder
from mlukit.evaluation.tasks.task import (
    ENTITIES,
    FineTunedTask,
    Head,
    HyperParameters,
    Line,
    Numbers,
    TaskData,
)

QIDS = [f"Q{number}" for number in range(1, 21)]
LABELS = ("a", "b", "c", "d")
NAMES = 3  # of an entity in a language
LANGUAGES = ("en", "de", "ja")


def names(language: str, qid: str) -> list[str]:
    """The names of an entity in a language."""
    return [f"{language}{qid}n{number}" for number in range(NAMES)]


def words() -> list[str]:
    """Every word of the sentences."""
    found = [name for language in LANGUAGES for qid in QIDS for name in names(language, qid)]
    return [*found, *(f"{language}said" for language in LANGUAGES)]


@dataclass(frozen=True, slots=True)
class Sentence:
    """Two entities with a word between them."""

    id: str
    text: str
    spans: list[tuple[int, int]]
    qids: list[str]
    label: str


def sentences(language: str, number: int, purpose: str) -> list[Sentence]:
    """Sentences of a language; `purpose` is part of the seed."""
    chance = random.Random(f"{language} {purpose}")
    found = []
    for row in range(number):
        qids = [chance.choice(QIDS) for _ in range(2)]
        first, second = (chance.choice(names(language, qid)) for qid in qids)
        text = f"{first} {language}said {second}"
        spans = [(0, len(first)), (len(text) - len(second), len(text))]
        label = LABELS[sum(int(qid[1:]) % 2 * weight for qid, weight in zip(qids, (1, 2), strict=True))]
        found.append(Sentence(str(row), text, spans, qids, label))
    return found


class Constructed(FineTunedTask):
    """See the docstring of this module."""

    name = "constructed"
    measures = "Whether the entity alone tells the answer."
    metric = "accuracy"
    hyper_parameters = HyperParameters(
        learning_rates=(5e-3,), epochs=5, patience=5, hidden_dropout=0.0, attention_dropout=0.0, source="constructed"
    )

    def read(self, folder: Path, options: Mapping[str, str]) -> TaskData:
        """Makes the sentences."""
        tests = {language: sentences(language, 100, "test") for language in LANGUAGES}
        return TaskData(train=sentences("en", 400, "train"), dev=sentences("en", 50, "dev"), tests=tests, labels=LABELS)

    def head(self, data: TaskData, variant: str) -> Head:
        """The states of the two entities, or of the first words of their names."""
        return Head(states=2, outputs=len(data.labels))

    def inputs(self, data: TaskData, example: Sentence, variant: str, texts: TextEncoder) -> list[Input]:
        """One sequence."""
        (pieces,) = texts.encode([example.text], [[offset for span in example.spans for offset in span]])
        tokens = [texts.bos, *pieces.ids, texts.eos]
        spans = [pieces.span(*span) for span in example.spans]
        target = np.array([data.labels.index(example.label)])
        if variant != ENTITIES:
            return [Input(tokens, rows=np.array([[start for start, _ in spans]]), targets=target)]
        ids = [number for number in texts.find_entities(example.qids) if number is not None]
        return [Input(tokens, ids, spans, np.array([[len(tokens), len(tokens) + 1]]), target)]

    def decode(self, data: TaskData, example: Any, inputs: Sequence[Input], scores: Sequence[Numbers]) -> Line:
        """The likeliest label."""
        return {"label": data.labels[int(scores[0][0].argmax())]}

    def counts(self, data: TaskData, name: str, predictions: Sequence[Line]) -> Numbers:
        """Whether each answer is right."""
        found = {line["id"]: line["label"] for line in predictions}
        return np.array([[found.get(one.id) == one.label, 1.0] for one in data.examples(name)])

    def numbers(self, data: TaskData, totals: Numbers) -> dict[str, float]:
        """The accuracy."""
        return {"accuracy": float(totals[0] / totals[1])}


TASK = Constructed()
