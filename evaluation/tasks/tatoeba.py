"""Sentence retrieval over Tatoeba [Artetxe and Schwenk 2019]: does a sentence find its translation by cosine?

A sentence is the mean of the states of its pieces, as `mlukit embed` gives them, without <s> and </s>. A test is a
direction: "deu-eng" looks for German sentences among the English ones.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from mlukit.evaluation.data.tatoeba import ENGLISH, read_tatoeba
from mlukit.evaluation.encoder.inputs import Input
from mlukit.evaluation.errors import EvaluationError, say, warn
from mlukit.evaluation.metrics.nearest_neighbours import Floats, unit_vectors
from mlukit.evaluation.metrics.word_retrieval import nearest_by_cosine
from mlukit.evaluation.tasks.parallel_task import codes
from mlukit.evaluation.tasks.task import WORDS, Flag, Line, MeasuredTask, Numbers, TaskData
from mlukit.schemas.wording import counted

if TYPE_CHECKING:
    from mlukit.evaluation.encoder.encoder import Encoder

_LANGUAGES = Flag("languages", "CODES", "Languages by Tatoeba's codes, such as deu,jpn. Default: all that are there.")
_LAYER = Flag("layer", "NUMBER", "Layer of the states: 0 is the input of the first layer, -1 the last layer.", "-1")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, and its translation: both have the same number."""

    id: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TatoebaData(TaskData):
    """The sentences of all languages, with their English translations."""

    pairs: Mapping[str, Sequence[tuple[str, str]]]


class Tatoeba(MeasuredTask):
    """See the docstring of this module."""

    name = "tatoeba"
    measures = "Whether a sentence finds its translation, from each language to English and back."
    official = ("tatoeba",)
    variants = (WORDS,)
    metric = "accuracy"
    english: ClassVar[tuple[str, ...]] = ()
    flags: ClassVar[tuple[Flag, ...]] = (_LANGUAGES, _LAYER)

    def read(self, folder: Path, options: Mapping[str, str]) -> TatoebaData:
        """Reads the pairs of files."""
        _layer(options)
        pairs, files = read_tatoeba(folder, codes(options, _LANGUAGES))
        tests: dict[str, list[Sentence]] = {}
        for language, sentences in pairs.items():
            numbered = [Sentence(str(number + 1), number) for number in range(len(sentences))]
            tests |= {f"{language}-{ENGLISH}": numbered, f"{ENGLISH}-{language}": numbered}
        return TatoebaData(tests=tests, files=tuple(files), pairs=pairs)

    def measure(self, data: TaskData, variant: str, encoder: "Encoder") -> Iterator[tuple[str, Iterable[Line]]]:
        """A line for each sentence: the number of the line that it found in the other file, from 1 on."""
        assert isinstance(data, TatoebaData)
        layer, layers = _layer(data.options), encoder.model.config.layers
        if not -1 <= layer <= layers:
            raise EvaluationError(f"--layer {layer}: the checkpoint has the layers 0 to {layers}, and -1 for the last")
        for language, pairs in data.pairs.items():
            directions = f"{language}-{ENGLISH}", f"{ENGLISH}-{language}"
            if not any(test in data.tests for test in directions):
                continue
            sides = [_vectors(encoder, [pair[side] for pair in pairs], layer) for side in range(2)]
            for test, (source, target) in zip(directions, (sides, sides[::-1]), strict=True):
                if sentences := data.tests.get(test):
                    found = nearest_by_cosine(source[[one.number for one in sentences]], target)
                    ids = zip(sentences, found.tolist(), strict=True)
                    yield test, [{"id": one.id, "nearest": number + 1} for one, number in ids]

    def counts(self, data: TaskData, name: str, predictions: Sequence[Line]) -> Numbers:
        """Whether each sentence found the line of its own number, and a one."""
        found = {line["id"]: line.get("nearest") for line in predictions}
        return np.array([[found.get(one.id) == one.number + 1, 1.0] for one in data.examples(name)])

    def numbers(self, data: TaskData, totals: Numbers) -> dict[str, float]:
        """The accuracy."""
        return {"accuracy": float(totals[0] / max(totals[1], 1))}


def _vectors(encoder: "Encoder", sentences: Sequence[str], layer: int) -> Floats:
    """The unit vectors of sentences."""
    texts, room = encoder.texts, encoder.texts.most_tokens - 2
    pieces = [one.ids for one in texts.encode(sentences, [()] * len(sentences))]
    if cut := sum(len(one) > room for one in pieces):
        say(f"{counted(cut, 'sentence')} longer than the model takes, without the end")
    if empty := [sentence for sentence, one in zip(sentences, pieces, strict=True) if not one]:
        warn(f"{counted(len(empty), 'sentence')} without words, such as {empty[0]!r}: the vector is 0")
    inputs = [Input([texts.bos, *one[:room], texts.eos]) for one in pieces]
    vectors = np.zeros((len(sentences), encoder.model.config.hidden_size), np.float32)
    for number, states in encoder.states(inputs, None if layer == -1 else [layer]):
        if pieces[number]:
            vectors[number] = states[0, 1:-1].mean(dim=0).numpy()
    return unit_vectors(vectors)


def _layer(options: Mapping[str, str]) -> int:
    text = options.get(_LAYER.name) or _LAYER.default
    if not text.removeprefix("-").isdecimal():
        raise EvaluationError(f"--layer {text!r} is not a whole number; -1 is the last layer")
    return int(text)


TASK = Tatoeba()
