"""What a task is. A task that fine-tunes is a `FineTunedTask`; a task that only measures states is a `MeasuredTask`.

A task is one object, `TASK`, without state: everything that it read is in its `TaskData`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from mlukit.evaluation.encoder.inputs import Input
from mlukit.evaluation.encoder.text_encoder import TextEncoder
from mlukit.evaluation.errors import EvaluationError

if TYPE_CHECKING:
    from mlukit.evaluation.encoder.encoder import Encoder

Numbers: TypeAlias = npt.NDArray[np.float64]
Line: TypeAlias = dict[str, Any]  # a line of predictions: JSON, with the "id" of the example

WORDS, ENTITIES = "words", "entities"  # the variants W and E of the paper: without and with entities in the input
TRAIN, DEV = "train", "dev"


class Example(Protocol):
    """An example of a task; its other attributes are the task's own."""

    @property
    def id(self) -> str:
        """Names the example in predictions and messages; no other example of the same test has it."""


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag of one task, `--name VALUE`; its value is a text in `TaskData.options`.

    Attributes:
        name: without --.
        metavar: in --help.
        help: in --help.
        default: its value where it is not given.
        when_scoring: its value where anyone's predictions are scored; None for the default.
        is_path: whether the value is a file or a folder; a RUN then remembers its whole path.
    """

    name: str
    metavar: str
    help: str
    default: str = ""
    when_scoring: str | None = None
    is_path: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskData:
    """What a task read.

    Attributes:
        train: the examples to fine-tune on, English alone; empty for a task that only measures.
        dev: the examples that choose epoch and learning rate, English alone.
        tests: the examples of each test, by name: the code of its language, where there is one test a language.
        labels: the classes, in the order of the head's outputs.
        files: every file that was read.
        faults: for each kind of fault, the names of the rows ("RELX_tr.txt line 17") that have it. Such rows stay among
            the examples, and are scored as wrong.
        left_out: the names of rows that are no examples, by the reason why they cannot be.
        options: the values of the task's flags.
        resources: what `prepare` opened.
    """

    train: Sequence[Any] = ()
    dev: Sequence[Any] = ()
    tests: Mapping[str, Sequence[Any]]
    labels: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    faults: Mapping[str, Sequence[str]] = field(default_factory=dict)
    left_out: Mapping[str, Sequence[str]] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    resources: Any = None

    def examples(self, name: str) -> Sequence[Any]:
        """The examples of a test, of "dev" or of "train"."""
        return self.train if name == TRAIN else self.dev if name == DEV else self.tests[name]

    def with_labels(self, labels: Sequence[str]) -> "TaskData":
        """The same examples, with the classes in another order."""
        return replace(self, labels=tuple(labels))


@dataclass(frozen=True, slots=True)
class Head:
    """A linear layer over joined states, declared; the loop makes it.

    Attributes:
        states: how many states are joined: the columns of `Input.rows`.
        outputs: numbers for each row.
        softmax: "outputs": each row is an answer, one of the outputs. "rows": each output is an answer, one of the rows
            of the input, as the start and the end of an answer among all words.
        bias: whether the layer has a bias; the published classes of transformers decide.
    """

    states: int
    outputs: int
    softmax: Literal["outputs", "rows"] = "outputs"
    bias: bool = True


@dataclass(frozen=True, slots=True)
class ExportForm:
    """The class of transformers that has the same head.

    Attributes:
        architecture: such as "LukeForEntityPairClassification".
        head: the name of the head in it.
        tokenizer_task: the task of its MLukeTokenizer, which then marks the entities; "" for none.
    """

    architecture: str
    head: str = "classifier"
    tokenizer_task: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperParameters:
    """How a task is fine-tuned; `source` says who chose the values."""

    learning_rates: tuple[float, ...] = (1e-5, 2e-5, 3e-5)
    batch_size: int = 32
    epochs: int = 5
    clip: float = 0.0  # the most that the norm of the gradients may be; 0: no limit
    patience: int = 3  # epochs without a better dev score, after which training ends
    warmup_share: float = 0.06  # of the steps
    weight_decay: float = 0.01
    hidden_dropout: float = 0.1
    attention_dropout: float = 0.1
    source: str


class Task(ABC):
    """What all tasks have.

    Attributes:
        name: as in the table of tasks.
        measures: one sentence, for `mlukit evaluate list`.
        official: the official sets that it needs, by their names in data/official_files.toml.
        own_data: what --data is, for a task without official sets.
        variants: what is compared.
        compared: the two variants whose difference tables show.
        metric: the number that tables show, by its name in `numbers`.
        extra_metrics: the numbers of variants with entities that tables show beside the metric.
        english: the tests in English, which a mean over the languages of the zero-shot transfer leaves out.
        flags: the flags of this task alone.
    """

    name: ClassVar[str]
    measures: ClassVar[str]
    official: ClassVar[tuple[str, ...]] = ()
    own_data: ClassVar[str] = ""
    variants: ClassVar[tuple[str, ...]] = (WORDS, ENTITIES)
    compared: ClassVar[tuple[str, str]] = (WORDS, ENTITIES)
    metric: ClassVar[str]
    extra_metrics: ClassVar[tuple[str, ...]] = ()
    english: ClassVar[tuple[str, ...]] = (DEV, "en")
    flags: ClassVar[tuple[Flag, ...]] = ()

    @abstractmethod
    def read(self, folder: Path, options: Mapping[str, str]) -> TaskData:
        """Reads the official files.

        Args:
            folder: --data.
            options: the values of the task's flags.

        Raises:
            EvaluationError: a file is missing or is not what it should be; `data.official_files` makes the message.
        """

    def is_share(self, metric: str) -> bool:
        """Whether a metric is shown in %; a loss or a number of items is shown as it is."""
        return True

    def prepare(self, data: TaskData, variants: Sequence[str]) -> TaskData:
        """Opens what the inputs of some variants need besides the official files, before the model is loaded.

        Args:
            data: what `read` gave, with the chosen tests and options; no examples where one's own text is predicted.
            variants: some of `variants`.

        Returns:
            The data with `resources`.

        Raises:
            EvaluationError: a flag or a file is missing.
        """
        return data

    def needs_entities(self, variant: str) -> bool:
        """Whether the inputs of a variant have entities, which a checkpoint such as XLM-R cannot take."""
        return variant != WORDS

    def counts(self, data: TaskData, name: str, predictions: Sequence[Line]) -> Numbers | None:
        """What each example adds to the metrics: examples x counts, so that any sample of examples can be scored.

        None for a metric that is no function of sums; then `score` must be overridden, and there is no bootstrap.

        Args:
            data: what `read` gave.
            name: of a test, or "dev".
            predictions: in any order; an example without a prediction is wrong.
        """
        return None

    def numbers(self, data: TaskData, totals: Numbers) -> dict[str, float]:
        """The metrics, by name, of the sum of some rows of `counts`. Shares are between 0 and 1."""
        raise NotImplementedError

    def score(self, data: TaskData, name: str, predictions: Sequence[Line]) -> dict[str, float]:
        """The metrics of a test, or of "dev", by name."""
        counts = self.counts(data, name, predictions)
        assert counts is not None
        return self.numbers(data, counts.sum(axis=0))

    def read_predictions(self, file: Path, data: TaskData, name: str) -> Sequence[Line]:
        """Reads predictions in the set's official form, for `mlukit evaluate score TASK`.

        Raises:
            EvaluationError: the task has no such form, or the file is not in it.
        """
        raise EvaluationError(f"{self.name} has no official form of predictions: score a RUN of mlukit evaluate")


class FineTunedTask(Task):
    """A task whose head is fine-tuned on English, and tested in every language.

    Attributes:
        hyper_parameters: and who chose them.
        exported: for each variant that transformers has a class for, the class.
    """

    hyper_parameters: ClassVar[HyperParameters]
    exported: ClassVar[Mapping[str, ExportForm]] = {}

    @abstractmethod
    def head(self, data: TaskData, variant: str) -> Head:
        """The head of a variant."""

    @abstractmethod
    def inputs(self, data: TaskData, example: Any, variant: str, texts: TextEncoder) -> list[Input]:
        """The sequences of an example: one, or several where it has more rows or tokens than fit into one.

        Args:
            data: what `read` gave.
            example: one of its examples.
            variant: one of `variants`.
            texts: of the checkpoint.

        Raises:
            ExampleError: the example cannot be given to the model; the text is the reason.
        """

    def notes(self, data: TaskData, example: Any, inputs: Sequence[Input]) -> Sequence[str]:
        """What the inputs of an example lost, such as "longer than the model"; it is counted in a warning.

        Args:
            data: what `read` gave.
            example: one of its examples.
            inputs: what `inputs` gave for it.
        """
        return ()

    def summary(self, data: TaskData, variant: str, inputs: Sequence[Sequence[Input]]) -> str:
        """What is worth saying about the inputs of all examples of a split; "" for nothing.

        Args:
            data: what `read` gave.
            variant: one of `variants`.
            inputs: of each example.
        """
        return ""

    @abstractmethod
    def decode(self, data: TaskData, example: Any, inputs: Sequence[Input], scores: Sequence[Numbers]) -> Line:
        """The prediction for an example; the loop adds "id".

        Args:
            data: what `read` gave.
            example: one of its examples.
            inputs: what `inputs` gave for it.
            scores: of each input, R x outputs: the head's numbers before any softmax.
        """

    def checkpoint_labels(self, names: Sequence[str]) -> tuple[str, ...]:
        """The task's labels for the labels of a published checkpoint (its id2label), in their order."""
        return tuple(names)

    def example_of_text(self, line: Mapping[str, Any], number: int) -> Any:
        """Makes an example of a line of one's own text, for `mlukit evaluate predict`.

        Raises:
            EvaluationError: the line is not what the task needs; the text says what would be.
        """
        raise EvaluationError(f"{self.name} cannot predict on one's own text")


class MeasuredTask(Task):
    """A task that trains nothing: it reads states or predictions of the checkpoint as it is."""

    @abstractmethod
    def measure(self, data: TaskData, variant: str, encoder: "Encoder") -> Iterator[tuple[str, Iterable[Line]]]:
        """Measures the checkpoint.

        Yields:
            The name of a test, and its lines: everything that `score` needs besides `data`. A name may be one that
            `data.tests` does not have, such as a pair of languages; it becomes the name of a file.
        """
