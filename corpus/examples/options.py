"""Options for making examples from articles."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

EntityIds: TypeAlias = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.int32]]  # QIDs -> ids; -1: not in vocabulary

SPECIAL_TOKENS = 2  # <s> and </s>


@dataclass(frozen=True, slots=True)
class ExampleOptions:
    """Limits and choices; the defaults are mLUKE's (luke/pretraining/dataset.py of studio-ousia/luke)."""

    max_tokens: int = 512  # of an example, <s> and </s> counted: --max-seq-length
    max_entities: int = 128  # mentions of an example: --max-entity-length
    max_mention_tokens: int = 30  # --max-mention-length
    min_sentence_pieces: int = 5  # --min-sentence-length
    keep_without_entities: bool = False  # --include-sentences-without-entities
    include_unknown_entities: bool = False  # --include-unk-entities: as [UNK]
    include_headings: bool = False  # mLUKE's paragraphs (wikipedia2vec 1.0.5, dump_db.pyx) leave headings out
    mluke_exact: bool = False  # see corpus.examples.mluke_reference

    def __post_init__(self) -> None:
        for name, least in (("max_tokens", SPECIAL_TOKENS + 1), ("max_entities", 1), ("max_mention_tokens", 1)):
            if (value := getattr(self, name)) < least:
                raise ValueError(f"{name} is {value}; accepted: {least} or more")
        if not 0 <= self.min_sentence_pieces <= self.max_pieces:
            raise ValueError(
                f"min_sentence_pieces is {self.min_sentence_pieces}; accepted: 0 to {self.max_pieces}, the number of "
                f"pieces that max_tokens allows"
            )

    @property
    def max_pieces(self) -> int:
        """The maximal number of pieces between <s> and </s>."""
        return self.max_tokens - SPECIAL_TOKENS
