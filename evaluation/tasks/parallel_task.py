"""What retrieval and modularity share: parallel texts with aligned spans, and the states of the spans by layer."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from mlukit.evaluation.data.parallel_data import ParallelItems, read_parallel_items
from mlukit.evaluation.metrics.nearest_neighbours import Floats, unit_vectors
from mlukit.evaluation.tasks.task import ENTITIES, WORDS, Flag, Line, MeasuredTask, TaskData

if TYPE_CHECKING:
    from mlukit.evaluation.encoder.encoder import Encoder

WORDS_WITH_ENTITIES = "words with entities"
LANGUAGES = Flag("languages", "CODES", "Languages, comma-separated. Default: all that the data has.")


@dataclass(frozen=True, slots=True)
class Item:
    """An aligned span, which all languages have."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParallelData(TaskData):
    """The items of each test, which are the same, and the texts that have them."""

    parallel: ParallelItems


class ParallelTask(MeasuredTask):
    """A task over the states of aligned spans."""

    official = ("xquad", "udhr")
    variants = (WORDS, WORDS_WITH_ENTITIES, ENTITIES)
    flags: ClassVar[tuple[Flag, ...]] = (LANGUAGES,)

    def read(self, folder: Path, options: Mapping[str, str]) -> ParallelData:
        """Reads parallel texts: JSON lines, XQuAD, or the Declaration of Human Rights."""
        parallel = read_parallel_items(folder, codes(options, LANGUAGES))
        items = [Item(name) for name in parallel.names]
        tests = dict.fromkeys(self.test_names(parallel.languages), items)
        return ParallelData(tests=tests, files=parallel.files, left_out=parallel.left_out, parallel=parallel)

    @abstractmethod
    def test_names(self, languages: Sequence[str]) -> Sequence[str]:
        """The names of the tests; each has all items."""

    @abstractmethod
    def compare(self, data: ParallelData, layers: Iterable[Floats]) -> Iterator[tuple[str, Iterable[Line]]]:
        """Compares the items, as `measure` does.

        Args:
            data: what `read` gave.
            layers: the unit vectors of each layer: languages x items x hidden size, in the order of `data`.
        """

    def measure(self, data: TaskData, variant: str, encoder: "Encoder") -> Iterator[tuple[str, Iterable[Line]]]:
        """Computes the states of all items, and compares the items."""
        from mlukit.evaluation.encoder.span_states import span_states  # imports torch

        assert isinstance(data, ParallelData)
        languages, names = data.parallel.languages, item_names(data)
        pairs = ((language, name) for language in languages for name in names)
        rows = {pair: row for row, pair in enumerate(pairs)}
        with span_states(encoder, data.parallel.texts, rows, variant) as states:
            shape = len(languages), len(names), -1
            yield from self.compare(data, (unit_vectors(np.asarray(layer)).reshape(shape) for layer in states))


def codes(options: Mapping[str, str], flag: Flag) -> list[str]:
    """The values of a flag such as `--languages de,ja`."""
    return [code.strip() for code in (options.get(flag.name) or "").split(",") if code.strip()]


def item_names(data: TaskData) -> list[str]:
    """The names of the items; a sample where --test-limit asks for one."""
    return [item.id for item in next(iter(data.tests.values()))]


def layer_numbers(names: Sequence[str], rows: Sequence[Sequence[float]]) -> dict[str, float]:
    """Numbers by name: each of the last layer, then each of every layer, such as "accuracy, layer 3".

    Args:
        names: of the numbers.
        rows: the values of each layer, in the order of the names.
    """
    every = {
        f"{name}, layer {layer}": value
        for layer, row in enumerate(rows)
        for name, value in zip(names, row, strict=True)
    }
    return {**dict(zip(names, rows[-1], strict=True)), **every} if rows else {}
