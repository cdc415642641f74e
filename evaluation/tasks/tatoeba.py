"""Sentence retrieval in Tatoeba's form [Artetxe and Schwenk 2019, arXiv 1812.10464]: a sentence finds its translation.

A sentence is the mean of the states that `mlukit embed` gives for its pieces, without <s> and </s>; the nearest one by
cosine is found. "deu-eng" looks for German sentences among the English ones. As in LASER's and XTREME's code, only the
translation of the same line is right, even where two lines have the same text.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from mlukit.evaluation.data.translated_sentences import ENGLISH, Translations, read_translations
from mlukit.evaluation.errors import EvaluationError, say, warn
from mlukit.evaluation.metrics.nearest_neighbours import Floats, unit_vectors
from mlukit.evaluation.metrics.word_retrieval import nearest_by_cosine
from mlukit.evaluation.tasks.task import WORDS, Flag, Line, MeasuredTask, Numbers, TaskData
from mlukit.schemas.wording import counted

if TYPE_CHECKING:
    from mlukit.evaluation.encoder.encoder import Encoder

_AT_ONCE = 256  # sentences, whose states are in memory
_POOLINGS = ("words", "sentence")


@dataclass(frozen=True, slots=True)
class Pair:
    """A sentence and its translation; `place` is its index among those of the language."""

    id: str
    place: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TatoebaData(TaskData):
    """The pairs of each test, and the sentences."""

    translations: Mapping[str, Translations]


class Tatoeba(MeasuredTask):
    """See the docstring of this module."""

    name = "tatoeba"
    measures = "Whether a sentence finds its English translation, and the other way round."
    official = ("tatoeba",)
    variants = (WORDS,)
    metric = "accuracy"
    english = ()
    flags: ClassVar[tuple[Flag, ...]] = (
        Flag("languages", "CODES", "Codes in the names of the files, such as deu,jpn. Default: all that the data has."),
        Flag("pooling", "NAME", "words: mean of the states of all pieces; sentence: state of <s>.", _POOLINGS[0]),
    )

    def read(self, folder: Path, options: Mapping[str, str]) -> TatoebaData:
        """Reads the pairs of all languages."""
        _pooling(options)
        codes = [code.strip() for code in (options.get("languages") or "").split(",") if code.strip()]
        found = {one.language: one for one in read_translations(folder, codes)}
        tests = {
            test: [Pair(str(line), place) for place, line in enumerate(one.lines)]
            for code, one in found.items()
            for test in (f"{code}-{ENGLISH}", f"{ENGLISH}-{code}")
        }
        left_out = [name for one in found.values() for name in one.left_out]
        return TatoebaData(
            tests=tests,
            files=tuple(file for one in found.values() for file in one.files),
            left_out={"an empty line": left_out} if left_out else {},
            options=options,
            translations=found,
        )

    def measure(self, data: TaskData, variant: str, encoder: "Encoder") -> Iterator[tuple[str, Iterable[Line]]]:
        """A line for each sentence: the line of the sentence that it found."""
        assert isinstance(data, TatoebaData)
        pooling = _pooling(data.options)
        for code, found in data.translations.items():
            tests = f"{code}-{ENGLISH}", f"{ENGLISH}-{code}"
            pairs = next((data.tests[test] for test in tests if test in data.tests), None)
            if pairs is None:  # --tests leaves it out
                continue
            vectors, english = (
                _vectors(encoder, [texts[pair.place] for pair in pairs], pooling)
                for texts in (found.sentences, found.english)
            )
            say(f"{code}: {counted(len(pairs), 'pair')} of sentences")
            for test, source, target in zip(tests, (vectors, english), (english, vectors), strict=True):
                if test in data.tests:
                    nearest = nearest_by_cosine(source, target)
                    yield (
                        test,
                        [{"id": one.id, "found": pairs[number].id} for one, number in zip(pairs, nearest, strict=True)],
                    )

    def counts(self, data: TaskData, name: str, predictions: Sequence[Line]) -> Numbers:
        """1 where the translation was found, and 1."""
        found = {line["id"]: line.get("found") for line in predictions}
        return np.array([[found.get(pair.id) == pair.id, 1.0] for pair in data.examples(name)]).reshape(-1, 2)

    def numbers(self, data: TaskData, totals: Numbers) -> dict[str, float]:
        """The share of the sentences that found their translation."""
        return {"accuracy": float(totals[0] / max(1, totals[1]))}


def _vectors(encoder: "Encoder", sentences: Sequence[str], pooling: str) -> Floats:
    """The unit vector of each sentence."""
    found, cut = [], 0
    for start in range(0, len(sentences), _AT_ONCE):
        for one in encoder.loaded.embed(sentences[start : start + _AT_ONCE], cut=True):
            vector = one.sentence if pooling == "sentence" else one.words[1:-1].mean(dim=0)
            found.append(vector.numpy())
            cut += one.cut
    if cut:
        warn(f"{counted(cut, 'sentence')} longer than the model takes, read without the end")
    return unit_vectors(np.stack(found))


def _pooling(options: Mapping[str, str]) -> str:
    name = options.get("pooling") or _POOLINGS[0]
    if name not in _POOLINGS:
        raise EvaluationError(f"--pooling {name!r} is not one of {', '.join(_POOLINGS)}")
    return name


TASK = Tatoeba()
