"""What a sample of examples says about a language, and random examples to show."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.report.row_sample import FolderSample, RandomRows
from mlukit.report.shown_text import IN_VOCABULARY, UNKNOWN, Mark, Part, piece_parts

BINS = 16  # of the histogram of lengths
UNKNOWN_ID = 1  # of the special entity [UNK]


@dataclass(slots=True)
class ExampleNumbers:
    """The numbers of the examples that were read."""

    bin_tokens: int  # the width of a bin of `lengths`
    rows: int = 0  # examples of the language
    read: int = 0
    lengths: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))  # examples by length

    def to_json(self) -> dict[str, Any]:
        """The numbers in report.json."""
        return {"examples_read": self.read, "examples_by_length": self.lengths.tolist()}


def bin_width(max_tokens: int) -> int:
    """The width of a bin, such that BINS bins hold all lengths up to `max_tokens`."""
    return -(-max_tokens // BINS)


def sample_examples(sample: FolderSample, chosen: RandomRows, bin_tokens: int) -> ExampleNumbers:
    """Counts the examples of a sample by length, and offers them to be shown."""
    numbers = ExampleNumbers(bin_tokens, rows=sample.rows)
    for table in sample:
        lengths = pc.list_value_length(table["token_ids"]).to_numpy()
        numbers.lengths += np.bincount(np.clip((lengths - 1) // bin_tokens, 0, BINS - 1), minlength=BINS)
        chosen.offer(table)
    numbers.read = sample.read
    return numbers


def example_parts(
    row: Mapping[str, Any], tokenizer: Tokenizer, names: Mapping[int, str], labels: Mapping[str, Mapping[str, str]]
) -> list[Part]:
    """The pieces of an example with its mentions.

    Args:
        row: the example.
        tokenizer: the tokenizer of the examples.
        names: the names of entities by id, such as "Q64".
        labels: the labels of items, by language.
    """
    marks = []
    for number, start, end in zip(row["entity_ids"], row["entity_starts"], row["entity_ends"], strict=True):
        name = names.get(number, "")
        texts = labels.get(name, {})
        label = texts.get(row["language"]) or texts.get("en") or next(iter(texts.values()), "")
        status = UNKNOWN if number == UNKNOWN_ID else IN_VOCABULARY
        marks.append(Mark(start, end, name, label, f"entity {number}, tokens {start} to {end - 1}", status))
    return list(piece_parts(tokenizer.pieces(row["token_ids"]), marks))
