"""How examples are shared out, and what stands where in a batch."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mlukit.pretraining.config import DataConfig
from mlukit.pretraining.data.batch import IGNORED, Batch
from mlukit.pretraining.data.masking import mask_rows
from mlukit.pretraining.data.packing import Capacities, capacities, deal, fill_batch, pack, sizes_of
from mlukit.schemas.records import Example
from tests.pretraining.written_examples import VOCABULARY, Seen, invented_example, rows_of, taken_apart

CONFIG = DataConfig(micro_batch_tokens=128, max_tokens=40, max_entities=8)
ROOM = Capacities(words=128, entities=16, mention_tokens=60, examples=10, word_targets=24, entity_targets=8, longest=48)


def batches(examples: list[Example], config: DataConfig = CONFIG, room: Capacities = ROOM) -> list[Batch]:
    masked = mask_rows(rows_of(examples), config, VOCABULARY)
    return [fill_batch(masked, chosen, room) for chosen in pack(sizes_of(masked), room.limits)]


def test_capacities_of_the_paper_s_examples() -> None:
    config = DataConfig(batch_size=2000)
    assert capacities(config, mean_tokens=405, mean_entities=16) == Capacities(
        words=16_384,
        entities=816,  # 1.25 · 16 of 40.5 examples, a multiple of 8
        mention_tokens=3_264,
        examples=64,  # 1.5 · 40.5
        word_targets=2_464,  # 15%
        entity_targets=168,  # 15% of 816, and one for each of 40.5 examples
        longest=640,
    )


def test_capacities_of_text_alone() -> None:
    room = capacities(DataConfig(objective="words"), mean_tokens=400, mean_entities=16)
    assert (room.entities, room.mention_tokens, room.entity_targets, room.longest) == (0, 0, 0, 512)


@pytest.mark.parametrize("mention_words", [False, True])
@pytest.mark.parametrize("mean", [(512, 128), (512, 0.0), (7, 1.0), (30, 7.5)])
def test_there_is_room_for_the_largest_example(mean: tuple[float, float], mention_words: bool) -> None:
    config = DataConfig(micro_batch_tokens=512, mask_mention_words=mention_words, entity_mask_share=1)
    starts = tuple(range(1, 511, 4))[:127]
    ends = tuple(start + 4 for start in starts)
    large = Example("en", 1, 0, "train", (0, *[9] * 510, 2), (5,) * 127, starts, ends, (), ())
    masked = mask_rows(rows_of([large]), config, VOCABULARY)
    assert (sizes_of(masked)[0] <= capacities(config, *mean).limits).all()


@given(st.lists(st.integers(3, 512), max_size=100), st.integers(1, 8))
def test_deal(tokens: list[int], world: int) -> None:
    shares = deal(np.array(tokens, np.int64), world)
    assert sorted(np.concatenate(shares).tolist()) == list(range(len(tokens)))
    assert all((np.diff(share) > 0).all() for share in shares)
    sizes, sums = [len(share) for share in shares], [sum(tokens[i] for i in share) for share in shares]
    assert max(sizes) - min(sizes) <= 1
    assert max(sums) - min(sums) <= max(tokens, default=0)


SIZES = st.lists(st.tuples(st.integers(1, 50), st.integers(0, 9), st.just(1)), max_size=60)


@given(SIZES)
def test_pack_leaves_nothing_out_and_nothing_over(sizes: list[tuple[int, int, int]]) -> None:
    array, limits = np.array(sizes, np.int64).reshape(-1, 3), (100, 20, 12)
    packed = pack(array, limits)
    assert sorted(np.concatenate([np.empty(0, np.int64), *packed]).tolist()) == list(range(len(sizes)))
    assert all(
        len(group) and (array[group].sum(axis=0) <= limits).all() and (np.diff(group) > 0).all() for group in packed
    )
    assert len(packed) <= 2 * np.ceil((array.sum(axis=0) / limits).max(initial=0))


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([], []),
        ([(100, 1)], [[0]]),
        ([(50, 1), (50, 1)], [[0, 1]]),  # full to the brim
        ([(60, 1), (60, 1), (40, 1), (40, 1)], [[0, 2], [1, 3]]),
        ([(1, 4), (1, 4), (1, 4)], [[0, 2], [1]]),  # 8 fit, 12 do not
        ([(1, 0)] * 3, [[0, 1, 2]]),
    ],
)
def test_pack(sizes: list[tuple[int, int]], expected: list[list[int]]) -> None:
    assert [group.tolist() for group in pack(np.array(sizes, np.int64).reshape(-1, 2), (100, 8))] == expected


def test_a_limit_of_0() -> None:
    assert [group.tolist() for group in pack(np.array([(10, 0), (10, 0)]), (10, 0))] == [[0], [1]]


def test_little_is_wasted_on_a_step_of_real_sizes() -> None:
    chance = np.random.default_rng(1)
    tokens = np.minimum(512, chance.lognormal(5.6, 0.7, 2048).astype(np.int64) + 7)
    sizes = np.stack([tokens, chance.poisson(tokens / 25), np.ones(2048, np.int64)], axis=1)
    room = capacities(DataConfig(), float(tokens.mean()), float(sizes[:, 1].mean()))
    packed = pack(sizes, (room.words, room.entities, room.examples))
    assert tokens.sum() / room.words / len(packed) > 0.97


@settings(deadline=None)
@given(st.lists(st.integers(0, 999), min_size=1, max_size=30, unique=True), st.booleans())
def test_a_batch_holds_its_examples(numbers: list[int], mention_words: bool) -> None:
    examples = [invented_example("en", number) for number in numbers]
    config = DataConfig(micro_batch_tokens=128, max_tokens=40, max_entities=8, mask_mention_words=mention_words)
    room = capacities(config, 23, 2) if mention_words else ROOM
    seen: list[Seen] = []
    for batch in batches(examples, config, room):
        check_shapes(batch, room)
        seen += taken_apart(batch)
    assert sorted((example.token_ids, example.entity_ids, example.mentions) for example in seen) == sorted(
        (
            example.token_ids,
            example.entity_ids,
            tuple(tuple(range(*span)) for span in zip(example.entity_starts, example.entity_ends, strict=True)),
        )
        for example in examples
    )
    for example in seen:
        assert all(example.masked_entities[i] == 2 for i in example.entity_targets)
        assert all(
            example.masked_entities[i] == example.entity_ids[i]
            for i in {*range(len(example.entity_ids))} - {*example.entity_targets}
        )
        assert all(
            m == t
            for i, (m, t) in enumerate(zip(example.masked_ids, example.token_ids, strict=True))
            if i not in example.word_targets
        )


def check_shapes(batch: Batch, room: Capacities) -> None:
    """What holds of every batch, whatever is in it."""
    tensors = {
        name: getattr(batch, name) for name in Batch.__dataclass_fields__ if torch.is_tensor(getattr(batch, name))
    }
    assert {name: (tensor.dtype, len(tensor)) for name, tensor in tensors.items()} == {
        "token_ids_W": (torch.int64, room.words),
        "token_positions_W": (torch.int64, room.words),
        "entity_ids_E": (torch.int64, room.entities),
        "mention_positions_M": (torch.int64, room.mention_tokens),
        "mention_entities_M": (torch.int64, room.mention_tokens),
        "word_slots_W": (torch.int64, room.words),
        "entity_slots_E": (torch.int64, room.entities),
        "sequence_starts_S1": (torch.int32, room.sequences + 1),
        "masked_words_PW": (torch.int64, room.word_targets),
        "word_labels_PW": (torch.int64, room.word_targets),
        "masked_entities_PE": (torch.int64, room.entity_targets),
        "entity_labels_PE": (torch.int64, room.entity_targets),
    }
    places = room.words + room.entities
    assert sorted([*batch.word_slots_W.tolist(), *batch.entity_slots_E.tolist()]) == list(range(places))
    starts = batch.sequence_starts_S1
    assert starts[0] == 0 and starts[-1] == places
    assert starts.diff().min() >= 0 and starts.diff().max() <= batch.longest == room.longest
    assert starts[batch.examples] == batch.words + batch.entities  # what is unused lies behind
    assert (batch.token_ids_W[batch.words :] == 1).all() and (batch.token_positions_W[batch.words :] == 1).all()
    assert (batch.entity_ids_E[batch.entities :] == 0).all()
    assert (batch.mention_entities_M.diff() >= 0).all()
    assert set(batch.mention_entities_M.tolist()) <= {*range(batch.entities), room.entities}
    assert int((batch.word_labels_PW != IGNORED).sum()) == batch.word_targets
    assert int((batch.entity_labels_PE != IGNORED).sum()) == batch.entity_targets
    assert (batch.masked_words_PW[batch.word_targets :] == 0).all()
    assert (batch.masked_entities_PE[batch.entity_targets :] == 0).all()


def test_a_batch_by_hand() -> None:
    examples = [
        Example("en", 1, 0, "train", (0, 11, 12, 13, 2), (7, 1), (1, 3), (3, 4), (), ()),
        Example("en", 2, 0, "train", (0, 21, 2), (), (), (), (), ()),
    ]
    room = Capacities(words=12, entities=4, mention_tokens=5, examples=3, word_targets=4, entity_targets=2, longest=7)
    config = DataConfig(
        micro_batch_tokens=12, max_tokens=5, max_entities=2, word_mask_token_share=1, word_random_share=0
    )
    (batch,) = batches(examples, config, room)
    hidden = [int(batch.masked_words_PW[0]), 6]
    expected = [0, 11, 12, 13, 2, 0, 21, 2, 1, 1, 1, 1]
    labels = [expected[place] for place in hidden]
    for place in hidden:
        expected[place] = VOCABULARY - 1
    assert batch.token_ids_W.tolist() == expected
    assert batch.token_positions_W.tolist() == [2, 3, 4, 5, 6, 2, 3, 4, 1, 1, 1, 1]
    assert batch.entity_ids_E.tolist() == [2, 1, 0, 0]  # the unknown one is not predicted
    assert batch.mention_positions_M.tolist() == [1, 2, 3, 0, 0]
    assert batch.mention_entities_M.tolist() == [0, 0, 1, 4, 4]
    assert batch.word_slots_W.tolist() == [0, 1, 2, 3, 4, 7, 8, 9, 10, 11, 12, 13]
    assert batch.entity_slots_E.tolist() == [5, 6, 14, 15]
    assert batch.sequence_starts_S1.tolist() == [0, 7, 10, 16, 16, 16, 16]
    assert (batch.masked_words_PW.tolist(), batch.word_labels_PW.tolist()) == ([*hidden, 0, 0], [*labels, -100, -100])
    assert (batch.masked_entities_PE.tolist(), batch.entity_labels_PE.tolist()) == ([0, 0], [7, -100])
    assert (batch.examples, batch.words, batch.entities) == (2, 8, 2)
    assert (batch.word_targets, batch.entity_targets, batch.longest) == (2, 1, 7)


@pytest.mark.parametrize(
    ("version", "world", "words"),
    [
        (1, 1, 16_256),  # 828,251 expected at most, in 51 micro-batches: 16,240, aligned
        (1, 8, 15_104),  # 105,600 in 7
        (1, 64, 13_952),  # 13,931 in 1
        (2, 1, 16_256),
        (2, 8, 15_488),  # 107,801 in 7: the largest share of eight
        (2, 64, 15_360),  # 15,250 in 1
    ],
)
def test_micro_batches_share_a_step_evenly(version: int, world: int, words: int) -> None:
    config = DataConfig(keys_version=version)
    assert capacities(config, mean_tokens=400, mean_entities=16, world=world).words == words
