"""Sentences whose entities are marked by a tag for each word, and the tags: IOB1, IOB2 and IO, read as IOB2.

- IOB2 (Ratnaparkhi, 1998): B-TYPE at the first word of an entity, I-TYPE at the others, O outside.
- IOB1 (Ramshaw and Marcus, 1995): B-TYPE only where an entity follows another one of its type without a gap.
- IO: I-TYPE at every word; two entities of a type without a gap become one.

One rule reads all three, that of CoNLL's own scorer (conlleval): an entity begins at a B, and at an I after O or after
another type.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from mlukit.evaluation.data.official_files import OfficialSet

OUTSIDE = "O"
UNTAGGED = "(no tag)"  # the label of words without a tag: no prediction has it, so such words are scored as wrong
_TAG = re.compile(r"([BI])-(.+)")
_ACCEPTED = "accepted are O, B-TYPE and I-TYPE, such as B-PER"


class Entity(NamedTuple):
    """An entity of a sentence.

    Attributes:
        start: its first word.
        end: the word after its last one.
        label: its type, such as "PER".
    """

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """The words of sentences that belong together, in their order."""

    sentences: list[tuple[str, ...]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TaggedSentence:
    """A sentence with its entities.

    Attributes:
        id: of the sentence in its file: the line of its first word, or the number of its row.
        words: at least one.
        entities: in their order, without overlap. Words without a tag are entities with the label `UNTAGGED`.
        document: that the sentence is in.
        number: of the sentence in its document, from 0 on.
    """

    id: str
    words: tuple[str, ...]
    entities: tuple[Entity, ...]
    document: Document = field(repr=False, compare=False)
    number: int = field(compare=False)


class Row(NamedTuple):
    """A sentence as it is in a file.

    Attributes:
        id: see `TaggedSentence`.
        words: at least one.
        tags: of the words; None for a word without a tag.
        begins_document: whether a document begins with the sentence.
    """

    id: str
    words: Sequence[str]
    tags: Sequence[str | None]
    begins_document: bool


@dataclass(frozen=True, slots=True)
class TaggedFile:
    """A file of sentences.

    Attributes:
        path: of the file.
        sentences: all of them.
        scheme: of its tags: "IOB2", "IOB1", "IO", or "mixed", which fits none of the three.
        changed: how many tags are not as in IOB2, and were read as B.
        untagged: the names of the sentences that have words without a tag.
    """

    path: Path
    sentences: list[TaggedSentence]
    scheme: str
    changed: int
    untagged: list[str]

    @property
    def has_borders(self) -> bool:
        """Whether the file has more than one document."""
        return self.sentences[0].document is not self.sentences[-1].document

    def conversion(self) -> str:
        """One line about tags that were converted; "" if there is none."""
        if not self.changed:
            return ""
        return f"{self.path.name}: its tags are {self.scheme}; {self.changed:,} of them are read as B, as IOB2 has it"


class TagError(ValueError):
    """A tag is in none of the schemes; the text shows it."""


def entities_of(tags: Sequence[str | None]) -> tuple[Entity, ...]:
    """The entities of a sentence, by conlleval's rule.

    Args:
        tags: of its words; words without a tag (None) are entities with the label `UNTAGGED`.

    Raises:
        TagError: a tag is in none of the schemes.
    """
    found: list[Entity] = []
    label = None  # of the entity that the word before is in
    for place, tag in enumerate(tags):
        begins, kind = _parsed(tag)
        if kind is not None:
            if begins or kind != label:
                found.append(Entity(place, place + 1, kind))
            else:
                found[-1] = found[-1]._replace(end=place + 1)
        label = kind
    return tuple(found)


def tags_of(entities: Iterable[Entity], words: int) -> list[str]:
    """The tags of a sentence in IOB2: the inverse of `entities_of`.

    Args:
        entities: without overlap.
        words: how many the sentence has.
    """
    tags = [OUTSIDE] * words
    for start, end, label in entities:
        tags[start:end] = [f"I-{label}"] * (end - start)
        tags[start] = f"B-{label}"
    return tags


def tagged_file(official: OfficialSet, path: Path, rows: Iterable[Row]) -> TaggedFile:
    """Makes the sentences of a file, with their documents, and counts what its tags are.

    Raises:
        OfficialFileError: a tag is in none of the schemes, or the file has no sentence with tags.
    """
    sentences: list[TaggedSentence] = []
    untagged = []
    begins = _Begins()
    document = Document()
    for row in rows:
        try:
            entities = entities_of(row.tags)
        except TagError as error:
            raise official.wrong(path, f"the sentence at {row.id} has {error}") from error
        begins.add(row.tags, entities)
        if row.begins_document:
            document = Document()
        if None in row.tags:
            untagged.append(f"{path.name} at {row.id}")
        document.sentences.append(tuple(row.words))
        place = len(document.sentences) - 1
        sentences.append(TaggedSentence(row.id, document.sentences[-1], entities, document, place))
    if not sentences:
        raise official.wrong(path, "it has no sentence")
    if len(untagged) == len(sentences):
        raise official.wrong(path, f"no sentence has a tag at every word; the first is at {sentences[0].id}")
    return TaggedFile(path, sentences, begins.scheme, begins.inside, untagged)


def _parsed(tag: str | None) -> tuple[bool, str | None]:
    """Whether a tag begins an entity in any case, and the type of the entity."""
    if tag is None:
        return False, UNTAGGED
    if tag == OUTSIDE:
        return False, None
    if (match := _TAG.fullmatch(tag)) is None:
        raise TagError(f"the tag {tag!r}; {_ACCEPTED}")
    return match[1] == "B", match[2]


@dataclass(slots=True)
class _Begins:
    """How the entities of a file begin."""

    inside: int = 0  # with I
    adjacent: int = 0  # with B, directly after an entity of the same type
    other: int = 0  # with B elsewhere, which IOB1 does not have

    def add(self, tags: Sequence[str | None], entities: Sequence[Entity]) -> None:
        """Counts a sentence."""
        before = Entity(0, -1, "")
        for entity in entities:
            tag = tags[entity.start] or ""
            if tag.startswith("I"):
                self.inside += 1
            elif tag and (before.end, before.label) == (entity.start, entity.label):
                self.adjacent += 1
            elif tag:
                self.other += 1
            before = entity

    @property
    def scheme(self) -> str:
        """See `TaggedFile`."""
        if not self.inside:
            return "IOB2"
        if self.other:
            return "mixed"
        return "IOB1" if self.adjacent else "IO"
