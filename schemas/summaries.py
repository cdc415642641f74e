"""Summaries: the part of a task's result that code reads, with a small class for each kind of task.

The counts of a result are for people: a report shows their names. Every value that decides something is a field here.
In JSON a summary is an object of its fields, under the summary's name; a missing or unknown field is an error.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Self, TypeVar

S = TypeVar("S", bound="Summary")


@dataclass(frozen=True, slots=True)
class Summary:
    """Values that a task returns to the code that planned the task."""

    name: ClassVar[str]

    def to_json(self) -> dict[str, Any]:
        """As written to results, manifests and records."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`.

        Raises:
            TypeError: `value` has other fields.
        """
        return cls(**value)


@dataclass(frozen=True, slots=True)
class SummaryOfNumbers(Summary):
    """A summary whose fields can be added up over the tasks of a language; by default all fields are 0."""

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True, slots=True)
class Checksum(Summary):
    """The checksums of a source file."""

    name = "checksum"
    sha256: str
    others: Mapping[str, str] = field(default_factory=dict)  # by algorithm, for the lists beside the file

    def to_json(self) -> dict[str, Any]:
        """The JSON value, without `others` if empty."""
        return {"sha256": self.sha256, **({"others": dict(self.others)} if self.others else {})}


@dataclass(frozen=True, slots=True)
class IndexedPages(Summary):
    """The number of pages in the index of a dump."""

    name = "indexed_pages"
    pages: int = 0
    problem: str = ""  # why the index cannot be read; "" if it can be read


@dataclass(frozen=True, slots=True)
class ParsedText(SummaryOfNumbers):
    """The amount of text that was read from a dump."""

    name = "text"
    xml_bytes: int = 0
    wikitext_bytes: int = 0


@dataclass(frozen=True, slots=True)
class ResolvedArticles(SummaryOfNumbers):
    """The number of articles with a Wikidata item, and the amount of text."""

    name = "articles"
    with_item: int = 0
    without_item: int = 0
    characters: int = 0  # of articles, without markup


@dataclass(frozen=True, slots=True)
class EntitySpread(SummaryOfNumbers):
    """The number of entities by the number of languages with links to the entity."""

    name = "entity_spread"
    entities: Counter[int] = field(default_factory=Counter)  # number of languages -> number of entities

    def to_json(self) -> dict[str, Any]:
        """The JSON value, whose keys must be strings."""
        return {"entities": {str(languages): number for languages, number in sorted(self.entities.items())}}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`."""
        spread = cls(**value)
        return cls(Counter({int(languages): number for languages, number in spread.entities.items()}))


@dataclass(frozen=True, slots=True)
class TokenizerModel(Summary):
    """The tokenizer of the output."""

    name = "tokenizer"
    fingerprint: str  # SHA-256 of the model file
    pieces: int


@dataclass(frozen=True, slots=True)
class MadeExamples(SummaryOfNumbers):
    """The number of training examples, by split."""

    name = "examples"
    train: int = 0
    validation: int = 0
    tokens: int = 0  # of both splits

    @property
    def total(self) -> int:
        """Examples of both splits."""
        return self.train + self.validation


@dataclass(frozen=True, slots=True)
class Anchors(Summary):
    """The number of different anchors in a shard of a mention dictionary."""

    name = "anchors"
    anchors: int


@dataclass(frozen=True, slots=True)
class VerifiedShard(Summary):
    """The result of reading a shard again."""

    name = "verified"
    problem: str  # "" where the shard is whole


SUMMARIES: Mapping[str, type[Summary]] = {
    summary.name: summary
    for summary in (
        Checksum,
        IndexedPages,
        ParsedText,
        ResolvedArticles,
        EntitySpread,
        TokenizerModel,
        MadeExamples,
        Anchors,
        VerifiedShard,
    )
}


def summary_in(value: Mapping[str, Any], kind: type[S]) -> S:
    """The summary of a class in a manifest, or in a record's part about a language.

    Raises:
        KeyError: there is no such summary.
        TypeError: the summary has other fields.
    """
    return kind.from_json(value["summary"][kind.name])
