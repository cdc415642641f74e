"""What mlama and cloze share: the rank of the right object of a fact among candidates, by words and by entities.

- *words*: a candidate of n pieces takes the place of n <mask>; its score is the mean log-probability of its pieces.
- *object* ("[Y]" in the paper): the entity [MASK] over one <mask>; the score is the candidate's logit. The candidates
  are those that the vocabulary has; a question without a right one among them is wrong.
- *subject and object* ("[X] & [Y]"): the same, with the subject's entity in the input where the vocabulary has it.

docs/evaluation-cloze.md explains the numbers, and what was decided.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from mlukit.evaluation.data.facts.questions import Item, Question, QuestionData, Relation
from mlukit.evaluation.encoder.inputs import Input
from mlukit.evaluation.encoder.prompts import Prompt, candidate_pieces, prompts
from mlukit.evaluation.errors import say, warn
from mlukit.evaluation.metrics.answer_ranks import SCOPES, answer_counts, answer_numbers, rank_of_best
from mlukit.evaluation.tasks.task import WORDS, Line, MeasuredTask, Numbers, TaskData
from mlukit.schemas.wording import counted

if TYPE_CHECKING:
    from mlukit.evaluation.encoder.encoder import Encoder

OBJECT, SUBJECT_AND_OBJECT = "object", "subject and object"


class ClozeTask(MeasuredTask):
    """See the docstring of this module. A test has the questions of one language."""

    variants = (WORDS, OBJECT, SUBJECT_AND_OBJECT)
    compared = (WORDS, OBJECT)
    metric = "P@1"
    extra_metrics: ClassVar[tuple[str, ...]] = ("coverage of candidates", "coverage of objects")
    english: ClassVar[tuple[str, ...]] = ()  # nothing is trained: the mean is that of all languages

    def measure(self, data: TaskData, variant: str, encoder: "Encoder") -> Iterator[tuple[str, Iterable[Line]]]:
        """A line for each question: the rank of its best right object."""
        if variant != WORDS:
            from mlukit.pretraining.prediction.guess_entities import entities_of  # imports torch

            entities_of(encoder.loaded)  # refuses a checkpoint without a trained entity head
        names = _names(encoder, [one for questions in data.tests.values() for one in questions])
        for test, questions in data.tests.items():
            lines: list[Line] = []
            for _, group in groupby(questions, key=lambda one: one.relation.name):
                asked = Asked(encoder, names, list(group))
                lines += asked.words() if variant == WORDS else asked.entities(variant == SUBJECT_AND_OBJECT)
            yield test, lines

    def counts(self, data: TaskData, name: str, predictions: Sequence[Line]) -> Numbers:
        """See `answer_counts`; a question without a line is wrong."""
        questions, lines = data.examples(name), {line["id"]: line for line in predictions}
        relations = {one: number for number, one in enumerate(_relations(data))}
        found = [lines.get(one.id, {}) for one in questions]
        frequent = _most_frequent(questions)
        ranks = [[line.get("rank"), line.get("rank"), line.get("known_rank")] for line in found]
        asked = [
            [True, not one.object_in_subject, line.get("known_rank") is not None]
            for one, line in zip(questions, found, strict=True)
        ]
        shares = [
            [
                line.get("known", 0) / max(line.get("items", 1), 1),
                float(line.get("known_rank") is not None),
                float(line.get("known_subject", False)),
                float(any(item.label == frequent[one.relation.name] for item in one.objects)),
            ]
            for one, line in zip(questions, found, strict=True)
        ]
        of_questions = [relations[one.relation.name] for one in questions]
        return answer_counts(of_questions, len(relations), ranks, np.array(asked, np.bool_), np.array(shares))

    def numbers(self, data: TaskData, totals: Numbers) -> dict[str, float]:
        """See `answer_numbers`."""
        return answer_numbers(totals, _relations(data))

    def score(self, data: TaskData, name: str, predictions: Sequence[Line]) -> dict[str, float]:
        """The metrics, without those of no questions."""
        found = super().score(data, name, predictions)
        asked = {one.relation.name for one in data.examples(name)}
        empty = [scope for scope in SCOPES if scope and not found[f"questions{scope}"]]
        empty += [f" of {relation}" for relation in _relations(data) if relation not in asked]
        return {key: value for key, value in found.items() if not key.endswith(tuple(empty))}


@dataclass(frozen=True)
class Asked:
    """The questions of a relation in one language, for a checkpoint.

    Attributes:
        encoder: the checkpoint.
        ids: the entity of each item that the vocabulary has.
        questions: of one relation.
    """

    encoder: "Encoder"
    ids: Mapping[tuple[str, Item], int]
    questions: Sequence[Question]

    @property
    def relation(self) -> Relation:
        """That of all the questions."""
        return self.questions[0].relation

    def words(self) -> Iterator[Line]:
        """Ranks the labels of the candidates by their words."""
        labels, known = self.relation.labels, {item.label for item in self.relation.items if self._id(item) is not None}
        is_known = np.array([label in known for label in labels])
        for question, scores in zip(self.questions, self._word_scores(labels), strict=True):
            if scores is None:
                yield self._line(question, None, None, "")
                continue
            right = {item.label for item in question.right_items}
            known_right = {item.label for item in question.right_items if self._id(item) is not None}
            is_right, is_known_right = (np.array([label in one for label in labels]) for one in (right, known_right))
            known_rank = rank_of_best(scores[is_known], is_known_right[is_known])
            yield self._line(question, rank_of_best(scores, is_right), known_rank, labels[int(scores.argmax())])

    def entities(self, with_subject: bool) -> Iterator[Line]:
        """Ranks the candidates that the vocabulary has by their entities."""
        labels = {found: item.label for item in self.relation.items if (found := self._id(item)) is not None}
        for question, scores in zip(self.questions, self._entity_scores(list(labels), with_subject), strict=True):
            if scores is None:
                yield self._line(question, None, None, "")
                continue
            right = {self._id(item) for item in question.right_items}
            rank = rank_of_best(scores, np.array([one in right for one in labels]))
            yield self._line(question, rank, rank, list(labels.values())[int(scores.argmax())])

    def _id(self, item: Item) -> int | None:
        return self.ids.get((self.relation.language, item))

    def _line(self, question: Question, rank: int | None, known_rank: int | None, answer: str) -> Line:
        return {
            "id": question.id,
            "rank": rank,
            "candidates": len(self.relation.labels),
            "known_rank": known_rank,
            "known": self._known,
            "items": len(self.relation.items),
            "known_subject": self._id(question.subject) is not None,
            "answer": answer,
        }

    @cached_property
    def _known(self) -> int:
        return sum(self._id(item) is not None for item in self.relation.items)

    @cached_property
    def _prompts(self) -> list[Prompt]:
        subjects = [one.subject.label for one in self.questions]
        return prompts(self.encoder.texts.tokenizer, self.relation.template, subjects)

    def _word_scores(self, labels: Sequence[str]) -> list[Numbers | None]:
        """The scores of the labels for each question; None for a prompt that is longer than the model takes."""
        from mlukit.evaluation.encoder.answer_scores import word_log_probabilities  # imports torch

        texts = self.encoder.texts
        pieces = candidate_pieces(texts.tokenizer, self.relation.template, labels)
        if empty := [label for label, one in zip(labels, pieces, strict=True) if not one]:
            self._warn(f"{counted(len(empty), 'candidate')} without words, ranked last: {empty[0]!r}")
        different = sorted({piece for one in pieces for piece in one})
        columns = {piece: number for number, piece in enumerate(different)}
        lengths = sorted({len(one) for one in pieces} - {0})
        of_length = {n: [number for number, one in enumerate(pieces) if len(one) == n] for n in lengths}
        places = {n: np.array([[columns[piece] for piece in pieces[one]] for one in of_length[n]]) for n in lengths}
        inputs = [(number, n, one.input(texts, n)) for number, one in enumerate(self._prompts) for n in lengths]
        scores: list[Numbers | None] = [np.full(len(labels), -np.inf) for _ in self.questions]
        inputs = self._fitting(inputs, scores)
        for one, found in word_log_probabilities(self.encoder, [chosen for _, _, chosen in inputs], different):
            number, n, _ = inputs[one]
            of_question = scores[number]
            assert of_question is not None
            of_question[of_length[n]] = found[np.arange(n), places[n]].mean(axis=1)
        return scores

    def _entity_scores(self, ids: Sequence[int], with_subject: bool) -> list[Numbers | None]:
        """The scores of entities for each question; None as in `_word_scores`."""
        from mlukit.evaluation.encoder.answer_scores import entity_logits  # imports torch

        if not ids:
            return [None] * len(self.questions)
        subjects = [self._id(one.subject) if with_subject else None for one in self.questions]
        inputs = [
            (number, 1, prompt.input(self.encoder.texts, 1, subject, entity=True))
            for number, (subject, prompt) in enumerate(zip(subjects, self._prompts, strict=True))
        ]
        scores: list[Numbers | None] = [np.empty(0) for _ in self.questions]
        inputs = self._fitting(inputs, scores)
        for one, found in entity_logits(self.encoder, [chosen for _, _, chosen in inputs], ids):
            scores[inputs[one][0]] = found[0]
        return scores

    def _fitting(
        self, inputs: Sequence[tuple[int, int, Input]], scores: list[Numbers | None]
    ) -> list[tuple[int, int, Input]]:
        """The inputs of the questions that the model takes; others lose their scores, and are counted."""
        most = self.encoder.texts.most_tokens
        if long := {number for number, _, one in inputs if len(one.token_ids) > most}:
            self._warn(f"{counted(len(long), 'question')} longer than the model takes, scored as wrong")
        for number in long:
            scores[number] = None
        return [one for one in inputs if one[0] not in long]

    def _warn(self, text: str) -> None:
        warn(f"{self.relation.language} {self.relation.name}: {text}")


def task_data(found: QuestionData, prefix: str = "") -> TaskData:
    """The data of a task; a test is a language, with a prefix."""
    tests = {f"{prefix}{language}": questions for language, questions in found.questions.items()}
    return TaskData(tests=tests, files=tuple(found.files), faults=found.faults, left_out=found.left_out)


def _relations(data: TaskData) -> list[str]:
    return sorted({one.relation.name for questions in data.tests.values() for one in questions})


def _most_frequent(questions: Sequence[Question]) -> dict[str, str]:
    """The right object that most questions of a relation have; of equal ones the first in the alphabet."""
    found: dict[str, Counter[str]] = {}
    for one in questions:
        found.setdefault(one.relation.name, Counter()).update({item.label for item in one.objects})
    return {name: min(counter, key=lambda label: (-counter[label], label)) for name, counter in found.items()}


def _names(encoder: "Encoder", questions: Sequence[Question]) -> dict[tuple[str, Item], int]:
    """The entities of all subjects and candidates: by QID where there is one, else by title.

    A vocabulary that has none of the QIDs, such as that of mLUKE, is asked for titles alone.
    """
    relations = {one.relation: None for one in questions}
    items = dict.fromkeys((one.relation.language, one.subject) for one in questions)
    items |= dict.fromkeys((one.language, item) for one in relations for item in one.items)
    qids = [item.qid for _, item in items if item.qid]
    by_title = bool(qids) and not any(found is not None for found in encoder.texts.find_entities(qids))
    if by_title and encoder.has_entities:
        say("the vocabulary has none of the QIDs of the data: entities are found by title")
    names = [item.qid if item.qid and not by_title else item.title(language) for language, item in items]
    found = zip(items, encoder.texts.find_entities(names), strict=True)
    return {key: number for key, number in found if number is not None}
