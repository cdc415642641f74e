"""Questions about facts: a template with a subject, [X], and candidates for the object, [Y]."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from mlukit.corpus.languages.load import any_language
from mlukit.corpus.titles.normalise import capitalise

SUBJECT, OBJECT = "[X]", "[Y]"
_QID = re.compile(r"Q[1-9][0-9]*", re.ASCII)


class Item(NamedTuple):
    """A subject or an object: its label in the language, and its QID; "" if the data does not have the QID."""

    label: str
    qid: str = ""

    def title(self, language: str) -> str:
        """The title of the Wikipedia article that has the label as its name, such as "de:Berlin"."""
        return f"{language}:{capitalise(self.label, any_language(language))}"


@dataclass(frozen=True, eq=False)
class Relation:
    """A relation in one language.

    Attributes:
        language: code of its Wikipedia.
        name: such as "P17".
        template: with [X] and [Y], in any order; [Y] is there once.
        items: the candidates, each once; a label may have several QIDs.
    """

    language: str
    name: str
    template: str
    items: tuple[Item, ...]

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The labels of the candidates, each once."""
        return tuple(self.by_label)

    @cached_property
    def by_label(self) -> Mapping[str, Sequence[Item]]:
        """The candidates with each label."""
        found: dict[str, list[Item]] = {}
        for item in self.items:
            found.setdefault(item.label, []).append(item)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A subject whose objects are to be found.

    Attributes:
        id: unique in the language, and the same in all languages if the data says so.
        relation: of the subject and its objects.
        subject: with its label.
        objects: the right ones; any of them counts.
    """

    id: str
    relation: Relation
    subject: Item
    objects: tuple[Item, ...]

    @property
    def right_items(self) -> tuple[Item, ...]:
        """The right candidates: those with the label of an object and, where both have a QID, with its QID."""
        found = [
            item
            for one in self.objects
            for item in self.relation.by_label.get(one.label, ())
            if not (item.qid and one.qid) or item.qid == one.qid
        ]
        return tuple(dict.fromkeys(found))

    @property
    def object_in_subject(self) -> bool:
        """Whether the label of a right object is part of the subject's label: "Bank of Italy", "Italy"."""
        subject = self.subject.label.casefold()
        return any(one.label.casefold() in subject for one in self.objects)


@dataclass(frozen=True, slots=True)
class QuestionData:
    """What a reader found.

    Attributes:
        questions: by language.
        files: that were read.
        faults: see `TaskData`.
        left_out: see `TaskData`.
    """

    questions: dict[str, list[Question]] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)
    faults: dict[str, list[str]] = field(default_factory=dict)
    left_out: dict[str, list[str]] = field(default_factory=dict)

    def add(self, relation: Relation, questions: Sequence[Question]) -> None:
        """Adds the questions of a relation; those without a right candidate are faults."""
        self.questions.setdefault(relation.language, []).extend(questions)
        for one in questions:
            if not one.right_items:
                name = f"{relation.language} {one.id} ({one.objects[0].label!r})"
                self.faults.setdefault("without a right object among the candidates", []).append(name)


def qid_of(value: object) -> str:
    """The QID, or "" for anything else, such as an id of Freebase."""
    return value if isinstance(value, str) and _QID.fullmatch(value) else ""


def fault_of_template(template: str) -> str:
    """Why a template cannot be used; "" for a good one."""
    for slot, accepted in ((SUBJECT, template.count(SUBJECT) > 0), (OBJECT, template.count(OBJECT) == 1)):
        if not accepted:
            return f"{slot} is there {template.count(slot)} times; accepted: [X] once or more, and [Y] once"
    return ""


def candidates(labels: Iterable[str], objects: Iterable[Item]) -> tuple[Item, ...]:
    """The candidates with these labels, each once: a candidate for each QID that objects with the label have.

    Args:
        labels: of the candidates; empty ones are left out.
        objects: of the rows.
    """
    of_label: Mapping[str, dict[Item, None]] = {label: {} for label in labels if label.strip()}
    for item in objects:
        if item.qid and item.label in of_label:
            of_label[item.label][item] = None
    return tuple(item for label, items in of_label.items() for item in (items or {Item(label): None}))
