"""Relations: fine-tuned on KBP37 (Zhang and Wang, 2015), English, and tested on RELX (Köksal and Özgür, 2020).

The input is that of LUKE's code (studio-ousia/luke, examples/relation_classification): <ent> before and after the first
entity, <ent2> before and after the second. E: the entities [MASK] and [MASK2] over the words with their marks, whose
two states are classified. W: the states of the two opening marks, with the same head.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from mlukit.evaluation.data.marked_sentences import MarkedSentence, marked_sentence, read_marked_sentences
from mlukit.evaluation.data.official_files import official_set
from mlukit.evaluation.encoder.inputs import IGNORED, Input
from mlukit.evaluation.encoder.text_encoder import TextEncoder
from mlukit.evaluation.errors import EvaluationError, ExampleError
from mlukit.evaluation.metrics.relations import relation_counts, relation_numbers, relations_of
from mlukit.evaluation.tasks.task import (
    DEV,
    ENTITIES,
    ExportForm,
    FineTunedTask,
    Head,
    HyperParameters,
    Line,
    Numbers,
    TaskData,
)

_NO_LABEL, _OTHER_LABEL = "without a relation", "with a relation that the training file does not have"
_FIRST_LINE = '{"text": "<e1> Ada </e1> founded <e2> Acme </e2>."}'


class Relations(FineTunedTask):
    """See the docstring of this module."""

    name = "relx"
    measures = "The relation between two entities of a sentence, in en, de, es, fr and tr."
    official = ("kbp37", "relx")
    metric = "macro F1"
    english = (DEV, "en", "kbp37")
    hyper_parameters = HyperParameters(
        batch_size=32,
        epochs=5,
        clip=0.0,
        source="studio-ousia/luke, examples/relation_classification (its README: a grid search is needed)",
    )
    exported: ClassVar[Mapping[str, ExportForm]] = {
        ENTITIES: ExportForm("LukeForEntityPairClassification", tokenizer_task="entity_pair_classification")
    }

    def read(self, folder: Path, options: Mapping[str, str]) -> TaskData:
        """Reads KBP37 and RELX; the test "kbp37" is KBP37's own, in English."""
        kbp37, relx = official_set("kbp37"), official_set("relx")
        places = {name: (kbp37, kbp37.find(folder, f"{name}.txt")) for name in ("train", "dev", "test")}
        for file in relx.files:
            places[file.removeprefix("RELX_").removesuffix(".txt")] = (relx, relx.find(folder, file))
        faults: dict[str, list[str]] = {}
        examples: dict[str, list[MarkedSentence]] = {}
        labels: set[str] = set()
        for name, (official, path) in places.items():
            examples[name] = []
            for number, sentence in read_marked_sentences(official, path):
                examples[name].append(sentence)
                if name == "train":
                    labels.add(sentence.label)
                if not sentence.label or sentence.label not in labels:
                    reason = _OTHER_LABEL if sentence.label else _NO_LABEL
                    faults.setdefault(reason, []).append(f"{path.name} line {number}")
        train, dev, test = (examples.pop(name) for name in ("train", "dev", "test"))
        return TaskData(
            train=[sentence for sentence in train if sentence.label],
            dev=dev,
            tests={**examples, "kbp37": test},
            labels=tuple(sorted(labels - {""})),
            files=tuple(path for _, path in places.values()),
            faults=faults,
        )

    def head(self, data: TaskData, variant: str) -> Head:
        """Two states; without a bias, as LukeForEntityPairClassification has it."""
        return Head(states=2, outputs=len(data.labels), bias=False)

    def inputs(self, data: TaskData, example: MarkedSentence, variant: str, texts: TextEncoder) -> list[Input]:
        """One sequence, with the marks around the entities."""
        (pieces,) = texts.encode([example.text], [[*example.first, *example.second]])
        marks = [(example.first, texts.ent), (example.second, texts.ent2)]
        tokens, spans = _with_marks(pieces.ids, [(pieces.span(*span, first=0), mark) for span, mark in marks])
        if len(tokens) + 2 > texts.most_tokens:
            raise ExampleError(f"longer than the {texts.most_tokens} tokens that the model takes")
        token_ids, opening = [texts.bos, *tokens, texts.eos], [start for start, _ in spans]
        target = data.labels.index(example.label) if example.label in data.labels else IGNORED
        targets = np.array([target])
        if variant == ENTITIES:
            places = [len(token_ids), len(token_ids) + 1]
            return [Input(token_ids, [texts.mask, texts.mask2], spans, np.array([places]), targets)]
        return [Input(token_ids, rows=np.array([opening]), targets=targets)]

    def decode(self, data: TaskData, example: Any, inputs: Sequence[Input], scores: Sequence[Numbers]) -> Line:
        """The likeliest label, and its probability."""
        logits = scores[0][0]
        best = int(logits.argmax())
        share = float(1 / np.exp(logits - logits[best]).sum())
        return {"label": data.labels[best], "probability": round(share, 4)}

    def counts(self, data: TaskData, name: str, predictions: Sequence[Line]) -> Numbers:
        """See `metrics.relations`."""
        examples = data.examples(name)
        found = {line["id"]: line.get("label") for line in predictions}
        right, guesses = [one.label for one in examples], [found.get(one.id) for one in examples]
        return relation_counts(right, guesses, relations_of(data.labels))

    def numbers(self, data: TaskData, totals: Numbers) -> dict[str, float]:
        """See `metrics.relations`."""
        return relation_numbers(totals)

    def read_predictions(self, file: Path, data: TaskData, name: str) -> Sequence[Line]:
        """Reads SemEval's form: number, tab, label."""
        lines = []
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            name_, tab, label = line.partition("\t")
            if not line.strip():
                continue
            if not tab:
                raise EvaluationError(f"{file} line {number} is {line[:60]!r}; number, tab and relation are needed")
            lines.append({"id": name_.strip(), "label": label.strip()})
        return lines

    def example_of_text(self, line: Mapping[str, Any], number: int) -> MarkedSentence:
        """Reads a sentence with the marks of KBP37."""
        text = line.get("text")
        found = marked_sentence(str(line.get("id", number)), text, "") if isinstance(text, str) else None
        if found is None:
            raise EvaluationError(f"line {number} is not like {_FIRST_LINE}: a text with each mark once")
        return found


def _with_marks(
    pieces: Sequence[int], entities: Sequence[tuple[tuple[int, int], int]]
) -> tuple[list[int], list[tuple[int, int]]]:
    """Puts a mark before and after each entity.

    Args:
        pieces: of the text, without <s>.
        entities: the pieces of each entity, end exclusive, and the mark.

    Returns:
        The tokens with marks, without <s>, and the tokens of each entity with its marks, counted from <s> on.
    """
    marks = []  # where in `pieces`; the order at one place; which entity; the mark
    for number, ((start, end), mark) in enumerate(entities):
        nested = (2, -end, number), (0, -start, number)
        # an entity without words lies between those that end and those that begin at its place
        orders = ((1, number, 0), (1, number, 1)) if start == end else nested
        marks += [(start, orders[0], number, mark), (end, orders[1], number, mark)]
    tokens: list[int] = []
    places: list[list[int]] = [[] for _ in entities]
    done = 0
    for place, _, number, mark in sorted(marks, key=lambda one: one[:2]):
        tokens += [*pieces[done:place], mark]
        done = place
        places[number].append(len(tokens))  # <s> is token 0
    return [*tokens, *pieces[done:]], [(start, end + 1) for start, end in places]


TASK = Relations()
