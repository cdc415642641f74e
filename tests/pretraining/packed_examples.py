"""Random masked examples, packed as `Batch` has them, and padded as transformers takes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from mlukit.pretraining.config import ModelConfig
from mlukit.pretraining.data.batch import IGNORED, Batch

SMALL = ModelConfig(
    vocabulary_size=101,
    entity_vocabulary_size=37,
    hidden_size=24,
    layers=2,
    heads=3,
    feed_forward_size=40,
    entity_embedding_size=8,
    max_positions=66,
    hidden_dropout=0.0,
)


@dataclass(frozen=True)
class MaskedExample:
    token_ids: list[int]
    mentions: list[tuple[int, int]]  # start and end, one for each entity
    entity_ids: list[int]
    word_labels: dict[int, int]  # by place
    entity_labels: dict[int, int]


def masked_examples(
    shapes: Sequence[tuple[int, int]], config: ModelConfig = SMALL, *, seed: int = 0, longest_mention: int = 4
) -> list[MaskedExample]:
    """Examples of so many words and entities, a seventh of the words masked and one entity."""
    chance = torch.Generator().manual_seed(seed)

    def draw(low: int, high: int) -> int:
        return int(torch.randint(low, high, (), generator=chance))

    examples = []
    for words, entities in shapes:
        token_ids = [draw(4, config.mask_id) for _ in range(words)]
        starts = [draw(0, words) for _ in range(entities)]
        mentions = [(start, min(words, start + draw(1, longest_mention + 1))) for start in starts]
        entity_ids = [draw(4, config.entity_vocabulary_size) for _ in range(entities)]
        masked = sorted({draw(0, words) for _ in range(max(1, words // 7))})
        word_labels = {place: token_ids[place] for place in masked}
        entity_labels = {0: entity_ids[0]} if entities else {}
        for place in masked:
            token_ids[place] = config.mask_id
        if entities:
            entity_ids[0] = config.entity_mask_id
        examples.append(MaskedExample(token_ids, mentions, entity_ids, word_labels, entity_labels))
    return examples


def packed(examples: Sequence[MaskedExample], config: ModelConfig = SMALL, *, spare: int = 0) -> Batch:
    """A batch with room for `spare` more of everything."""
    tokens = [token for e in examples for token in e.token_ids]
    positions = [place + config.pad_id + 1 for e in examples for place in range(len(e.token_ids))]
    entities = [entity for e in examples for entity in e.entity_ids]
    spans = [span for e in examples for span in e.mentions]
    first_words = list(accumulate((len(e.token_ids) for e in examples), initial=0))
    first_entities = list(accumulate((len(e.entity_ids) for e in examples), initial=0))
    word_slots = [first_entities[i] + w for i, e in enumerate(examples) for w in _range(first_words[i], e.token_ids)]
    entity_slots = [
        first_words[i + 1] + n for i, e in enumerate(examples) for n in _range(first_entities[i], e.entity_ids)
    ]
    words = {first_words[i] + place: label for i, e in enumerate(examples) for place, label in e.word_labels.items()}
    targets = {
        first_entities[i] + place: label for i, e in enumerate(examples) for place, label in e.entity_labels.items()
    }
    used = len(tokens) + len(entities)
    lengths = [len(e.token_ids) + len(e.entity_ids) for e in examples]
    starts = [*accumulate(lengths, initial=0), used + spare, used + 2 * spare]
    room_for_entities = len(entities) + spare
    return Batch(
        token_ids_W=_filled(tokens, spare, config.pad_id),
        token_positions_W=_filled(positions, spare, config.pad_id),
        entity_ids_E=_filled(entities, spare, config.entity_pad_id),
        mention_positions_M=_filled([place for span in spans for place in range(*span)], spare, 0),
        mention_entities_M=_filled([n for n, span in enumerate(spans) for _ in range(*span)], spare, room_for_entities),
        word_slots_W=torch.tensor([*word_slots, *range(used, used + spare)], dtype=torch.int64),
        entity_slots_E=torch.tensor([*entity_slots, *range(used + spare, used + 2 * spare)], dtype=torch.int64),
        sequence_starts_S1=torch.tensor(starts, dtype=torch.int32),
        masked_words_PW=_filled(list(words), spare, 0),
        word_labels_PW=_filled(list(words.values()), spare, IGNORED),
        masked_entities_PE=_filled(list(targets), spare, 0),
        entity_labels_PE=_filled(list(targets.values()), spare, IGNORED),
        longest=max(*lengths, spare),
        examples=len(examples),
        words=len(tokens),
        entities=len(entities),
        word_targets=len(words),
        entity_targets=len(targets),
    )


def _range(first: int, items: Sequence[int]) -> range:
    return range(first, first + len(items))


def _filled(values: Sequence[int], spare: int, filling: int) -> Tensor:
    return torch.tensor([*values, *[filling] * spare], dtype=torch.int64)


def padded(examples: Sequence[MaskedExample], config: ModelConfig = SMALL) -> dict[str, Tensor]:
    """The arguments of `LukeForMaskedLM`."""
    words, entities = max(len(e.token_ids) for e in examples), max(len(e.entity_ids) for e in examples)
    longest = max((end - start for e in examples for start, end in e.mentions), default=1)
    shape = (len(examples), words)
    arguments = {
        "input_ids": torch.full(shape, config.pad_id),
        "attention_mask": torch.zeros(shape, dtype=torch.int64),
        "labels": torch.full(shape, IGNORED),
    }
    for row, e in enumerate(examples):
        arguments["input_ids"][row, : len(e.token_ids)] = torch.tensor(e.token_ids)
        arguments["attention_mask"][row, : len(e.token_ids)] = 1
        for place, label in e.word_labels.items():
            arguments["labels"][row, place] = label
    return arguments | (_padded_entities(examples, config, entities, longest) if entities else {})


def _padded_entities(
    examples: Sequence[MaskedExample], config: ModelConfig, entities: int, longest: int
) -> dict[str, Tensor]:
    shape = (len(examples), entities)
    ids, mask = torch.full(shape, config.entity_pad_id), torch.zeros(shape, dtype=torch.int64)
    positions, labels = torch.full((*shape, longest), -1), torch.full(shape, IGNORED)
    for row, e in enumerate(examples):
        ids[row, : len(e.entity_ids)] = torch.tensor(e.entity_ids)
        mask[row, : len(e.entity_ids)] = 1
        for n, (start, end) in enumerate(e.mentions):
            positions[row, n, : end - start] = torch.arange(start, end)
        for n, label in e.entity_labels.items():
            labels[row, n] = label
    return {
        "entity_ids": ids,
        "entity_attention_mask": mask,
        "entity_position_ids": positions,
        "entity_labels": labels,
    }
