"""Texts as pieces of a checkpoint's tokenizer, cut wherever a task needs a border. No torch here."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mlukit.corpus.examples.tokenizer import Tokenizer

if TYPE_CHECKING:
    from mlukit.pretraining.prediction.entity_ids import EntityIds


@dataclass(frozen=True, slots=True)
class Pieces:
    """A text in pieces, without <s> and </s>.

    Attributes:
        ids: of the pieces.
        places: for each offset at which the text was cut, the first piece at or after the offset, by its index in
            `ids`; `len(ids)` for an offset behind the last piece.
    """

    ids: list[int]
    places: dict[int, int]

    def span(self, start: int, end: int, first: int = 1) -> tuple[int, int]:
        """The tokens between two of the offsets, end exclusive.

        Args:
            start: an offset at which the text was cut.
            end: as `start`.
            first: the place of the first piece in the sequence: 1 after <s>.
        """
        return self.places[start] + first, self.places[end] + first


@dataclass(frozen=True, slots=True, eq=False)
class PlacedPieces:
    """A text in pieces, without <s> and </s>, each with its place in the text.

    Attributes:
        ids: of the pieces.
        starts: where each piece begins in the text, in code points, ascending.
        ends: where each piece ends, ascending.
    """

    ids: list[int]
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]

    def overlapping(self, start: int, end: int) -> tuple[int, int]:
        """The pieces that have some of a span of the text: the first one, and the one after the last."""
        first = int(np.searchsorted(self.ends, start, "right"))
        return first, max(first, int(np.searchsorted(self.starts, end, "left")))

    def up_to(self, number: int) -> "PlacedPieces":
        """The first pieces."""
        return PlacedPieces(self.ids[:number], self.starts[:number], self.ends[:number])


@dataclass(frozen=True, slots=True, eq=False)
class TextEncoder:
    """The tokenizer of a checkpoint, and the ids that tasks need.

    Attributes:
        tokenizer: of the checkpoint.
        entities: finds entities by name; None for a checkpoint without entities, such as XLM-R.
        most_tokens: that the model takes at once, <s> and </s> included.
        bos: the token <s>.
        eos: the token </s>.
        mask_word: the token <mask>.
        ent: the token <ent>.
        ent2: the token <ent2>.
        mask: the entity [MASK].
        mask2: the entity [MASK2].
        unknown: the entity [UNK].
    """

    tokenizer: Tokenizer
    entities: "EntityIds | None"
    most_tokens: int
    bos: int
    eos: int
    mask_word: int
    ent: int
    ent2: int
    mask: int
    mask2: int
    unknown: int

    def encode(self, texts: Sequence[str], cuts: Sequence[Sequence[int]]) -> list[Pieces]:
        """Encodes texts as pretraining does: the pieces are those of the whole text, except at the cuts.

        Args:
            texts: the texts.
            cuts: for each text, the offsets (code points) at which no piece may cross, such as the borders of entities.
                Any order, repeated or not; entities may overlap.
        """
        ordered = [sorted(set(of_text)) for of_text in cuts]
        segments = self.tokenizer.encode_segments(texts, ordered)
        return [_pieces(of_text, parts) for of_text, parts in zip(ordered, segments, strict=True)]

    def encode_placed(self, text: str) -> PlacedPieces:
        """Encodes a whole text as pretraining does, and says where in the text each piece is."""
        ids, spans = self.tokenizer.encode_with_spans(text)
        places = np.array(spans, np.int64).reshape(-1, 2)
        return PlacedPieces(ids, places[:, 0], places[:, 1])

    def encode_words(self, words: Sequence[str]) -> tuple[list[int], list[int]]:
        """Encodes words one by one, each with the ▁ of the beginning of a word.

        Returns:
            The pieces, and the index of the first piece of each word and of the end.
        """
        pieces = self.tokenizer.encode(words)
        return [one for of_word in pieces for one in of_word], list(accumulate(map(len, pieces), initial=0))

    def find_entities(self, names: Sequence[str]) -> list[int | None]:
        """The id of each entity by QID ("Q64") or title ("de:Berlin"); None for one that the checkpoint lacks."""
        return [None] * len(names) if self.entities is None else self.entities.find(names)


def _pieces(cuts: Sequence[int], segments: Sequence[Sequence[int]]) -> Pieces:
    starts = accumulate(map(len, segments[:-1]))
    return Pieces([one for segment in segments for one in segment], dict(zip(cuts, starts, strict=True)))
