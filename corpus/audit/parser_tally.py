"""Counts the differences between mlukit's parser and mwparserfromhell over a sample of pages."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlukit.corpus.audit.compare_parsers import Kind, compare, number_of
from mlukit.corpus.audit.hash_sample import HashSample
from mlukit.corpus.languages.language import Language
from mlukit.schemas.records import Page

KINDS: tuple[Kind, ...] = ("link", "heading", "label", "paragraph")
MOST_CHARACTERS = 300_000  # of a page's wikitext: each rule has both parsers read the page again
TOO_LONG, FAILED = "too long", "a parser failed"  # why a page of the sample is not compared
_SHOWN = 200  # characters of an example


def is_in_sample(page_id: int, share: float) -> bool:
    """Whether a page is in the sample of a share of all pages: a hash of its id decides."""
    return int.from_bytes(hashlib.blake2b(f"{page_id}".encode(), digest_size=8).digest()) < share * 2**64


@dataclass
class ParserTally:
    """What was found on the pages of the sample."""

    pages: int = 0
    left_out: Counter[str] = field(default_factory=Counter)  # pages of the sample that were not compared, by reason
    facts: Counter[str] = field(default_factory=Counter)  # of mwparserfromhell, by kind
    differences: Counter[str] = field(default_factory=Counter)  # by class: the name of a rule, or UNEXPLAINED
    examples: dict[str, HashSample] = field(default_factory=dict)  # by class

    def add_page(self, page: Page, language: Language) -> None:
        """Compares the two readings of a page."""
        if len(page.text) > MOST_CHARACTERS:
            self.left_out[TOO_LONG] += 1
            return
        try:
            facts, found = compare(page.text, page.title, language)
        except Exception:  # one page must not end the audit, and it is counted
            self.left_out[FAILED] += 1
            return
        self.pages += 1
        self.facts.update(facts)
        self.differences += number_of(found)
        for number, one in enumerate(found):
            kind, target, text = one.fact
            example = {"page_id": page.page_id, "title": page.title, "only_in": one.side, "kind": kind}
            sample = self.examples.setdefault(one.name, HashSample())
            sample.add(f"{page.page_id}:{number}", {**example, "target": target[:_SHOWN], "text": text[:_SHOWN]})

    def add(self, other: "ParserTally") -> None:
        """Adds the counts of another shard."""
        self.pages += other.pages
        for total, more in (
            (self.left_out, other.left_out),
            (self.facts, other.facts),
            (self.differences, other.differences),
        ):
            total.update(more)
        for name, sample in other.examples.items():
            self.examples.setdefault(name, HashSample()).add_json(sample.to_json())

    def to_json(self) -> dict[str, Any]:
        """As written to disk."""
        return {
            "pages": self.pages,
            "left_out": dict(self.left_out),
            "facts": dict(self.facts),
            "differences": dict(self.differences),
            "examples": {name: sample.to_json() for name, sample in self.examples.items()},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ParserTally":
        """The inverse of `to_json`."""
        left_out, facts, differences = (Counter(value[name]) for name in ("left_out", "facts", "differences"))
        tally = cls(value["pages"], left_out, facts, differences)
        for name, rows in value["examples"].items():
            tally.examples[name] = HashSample()
            tally.examples[name].add_json(rows)
        return tally
