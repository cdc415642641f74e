"""The input of the model: masked examples, packed one after the other without padding between them.

Shape suffixes: W words, E entities, M tokens of mentions, S sequences, PW and PE places to predict. Each size is a
fixed capacity, so that a compiled model sees the same shapes at every step; the unused end of a tensor is filled up.

The encoder works on one stream of W + E places: the words of an example, then its entities, then the next example. A
place attends only to the places of its own sequence. The unused words and entities are in separate sequences at the
end of the stream.
"""

from dataclasses import dataclass, fields
from typing import Self

import torch
from torch import Tensor

IGNORED = -100  # the label of an unused place to predict; PyTorch's own default


@dataclass(frozen=True, slots=True)
class Batch:
    """The examples of one micro-batch. Integers are int64, except `sequence_starts`: attention kernels want int32."""

    token_ids_W: Tensor  # after masking; pad_id where unused
    token_positions_W: Tensor  # rows of XLM-R's position table: place in the example + pad_id + 1; unused: pad_id
    entity_ids_E: Tensor  # after masking; entity_pad_id where unused
    mention_positions_M: Tensor  # rows of the entities' position table: place in the example, <s> is 0
    mention_entities_M: Tensor  # indices into entity_ids_E, ascending; E where unused
    word_slots_W: Tensor  # the place of each word in the stream
    entity_slots_E: Tensor  # the place of each entity in the stream
    sequence_starts_S1: Tensor  # int32, S + 1 of them: 0 first, W + E last; unused sequences are empty or hold padding
    masked_words_PW: Tensor  # indices into token_ids_W; 0 where unused
    word_labels_PW: Tensor  # the token ids before masking; IGNORED where unused
    masked_entities_PE: Tensor  # indices into entity_ids_E; 0 where unused
    entity_labels_PE: Tensor  # the entity ids before masking; IGNORED where unused
    longest: int  # the most places a sequence may have, max_tokens + max_entities: the same for every batch
    examples: int
    words: int  # how many of W are used
    entities: int  # how many of E are used
    word_targets: int  # how many of PW are used: word losses are summed over these
    entity_targets: int  # how many of PE are used

    def to(self, device: torch.device) -> Self:
        """Copies the tensors of the batch to a device."""
        moved = {f.name: getattr(self, f.name) for f in fields(self)}
        for name, value in moved.items():
            if isinstance(value, Tensor):
                moved[name] = value.to(device, non_blocking=True)
        return type(self)(**moved)
