"""A batch as the model takes it: masked examples, packed one after the other without padding between them.

Shape suffixes: W words, E entities, M tokens of mentions, S sequences, PW and PE places to predict. Each has a fixed
capacity, so that a compiled model sees the same shapes at every step; what is left of it is filled at the end.

The encoder works on one stream of W + E places: the words of an example, then its entities, then the next example. A
place attends to the places of its own sequence alone. The unused words and entities lie in sequences of their own, at
the stream's end.
"""

from dataclasses import dataclass, fields
from typing import Self

import torch
from torch import Tensor

IGNORED = -100  # the label of an unused place to predict; PyTorch's own default


@dataclass(frozen=True, slots=True)
class Batch:
    """Examples of one micro-batch. Integers are int64 but for `sequence_starts`, which attention kernels want int32."""

    token_ids_W: Tensor  # after masking; pad_id where unused
    token_positions_W: Tensor  # rows of XLM-R's position table: place in the example + pad_id + 1; pad_id where unused
    entity_ids_E: Tensor  # after masking; entity_pad_id where unused
    mention_positions_M: Tensor  # rows of the entities' position table: place in the example, <s> is 0
    mention_entities_M: Tensor  # into entity_ids_E, ascending; E where unused
    word_slots_W: Tensor  # places of the words in the stream
    entity_slots_E: Tensor  # places of the entities in the stream
    sequence_starts_S1: Tensor  # int32, S + 1 of them: 0 first, W + E last; unused sequences are empty or hold padding
    masked_words_PW: Tensor  # into token_ids_W; 0 where unused
    word_labels_PW: Tensor  # what stood there; IGNORED where unused
    masked_entities_PE: Tensor  # into entity_ids_E; 0 where unused
    entity_labels_PE: Tensor
    longest: int  # no sequence is longer: max_tokens + max_entities, whatever the batch, for static shapes
    examples: int
    words: int  # used, of W
    entities: int  # used, of E
    word_targets: int  # used, of PW: word losses are summed over these
    entity_targets: int  # used, of PE

    def to(self, device: torch.device) -> Self:
        """The batch with its tensors on another device."""
        moved = {f.name: getattr(self, f.name) for f in fields(self)}
        for name, value in moved.items():
            if isinstance(value, Tensor):
                moved[name] = value.to(device, non_blocking=True)
        return type(self)(**moved)
