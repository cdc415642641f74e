"""Whole-word masking: which pieces are words, and which words are chosen."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlukit.pretraining.config import DataConfig
from mlukit.pretraining.data.dataset import find_word_starts, open_tokenizer
from mlukit.pretraining.data.example_rows import Flags
from mlukit.pretraining.data.masking import MaskedRows, mask_rows
from mlukit.pretraining.data.packing import capacities, fill_batch, pack, sizes_of
from mlukit.pretraining.errors import PretrainingError
from mlukit.pretraining.objectives.whole_words_and_entities import LONGEST_WORD
from mlukit.schemas.records import Example
from tests.pretraining.written_examples import VOCABULARY, invented_example, rows_of, taken_apart, write_tokenizer

CONFIG = DataConfig(objective="whole words and entities")
START, CONTINUED = 10, 11  # pieces
STARTS: Flags = np.arange(VOCABULARY) % 2 == 0  # pieces of even ids start words
LENGTHS = st.lists(st.integers(1, LONGEST_WORD + 3), min_size=1, max_size=60)
SHARES = st.sampled_from([0.0, 0.05, 0.15, 0.5, 1.0])


def example(lengths: list[int], page_id: int = 1, mentions: tuple[tuple[int, int], ...] = ()) -> Example:
    """Words of so many pieces, and mentions of the entity 5."""
    tokens = (0, *(piece for length in lengths for piece in (START, *[CONTINUED] * (length - 1))), 2)
    starts, ends = tuple(start for start, _ in mentions), tuple(end for _, end in mentions)
    return Example("en", page_id, 0, "train", tokens, (5,) * len(mentions), starts, ends, (), ())


def masked(examples: list[Example], config: DataConfig = CONFIG, key: int = 1) -> MaskedRows:
    return mask_rows(rows_of(examples, key), config, VOCABULARY, STARTS)


def targets_of(found: MaskedRows) -> list[list[int]]:
    """The places of the targets in each row."""
    return [
        (found.word_targets[start:end] - first).tolist()
        for (start, end), first in zip(
            pairwise(found.word_target_offsets.tolist()), found.rows.token_offsets.tolist(), strict=False
        )
    ]


def words_of(tokens: tuple[int, ...]) -> list[list[int]]:
    """The places of each word, one place after the other."""
    words: list[list[int]] = []
    for place in range(1, len(tokens) - 1):
        if tokens[place] % 2 == 0 or place == 1:
            words.append([])
        words[-1].append(place)
    return [part for word in words for part in ([[p] for p in word] if len(word) > LONGEST_WORD else [word])]


def test_the_words_of_a_tokenizer(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, ["▁", "▁dog", "s", ".", "▁the"])
    starts = find_word_starts(open_tokenizer(tmp_path / "tokenizer/sentencepiece.bpe.model"))
    assert starts.tolist() == [False] * 4 + [True, True, False, False, True, False]  # first <s> to <unk>, last <mask>


@pytest.mark.parametrize(
    ("lengths", "number"),
    [
        ([3], 3),  # the share is one piece, and the only word has three
        ([2, 3], 2),  # the shortest word
        ([4] * 10, 4),  # the share is six pieces: one word fits
        ([1] * 20, 3),
        ([LONGEST_WORD] * 2, LONGEST_WORD),
        ([LONGEST_WORD + 1] * 2, 3),  # no words: piece by piece
    ],
)
def test_how_many_pieces(lengths: list[int], number: int) -> None:
    for key in range(20):
        assert len(masked([example(lengths)], key=key).word_targets) == number


@settings(deadline=None)
@given(st.lists(LENGTHS, min_size=1, max_size=70), SHARES, st.integers(0, 2**63))
def test_whole_words_within_a_word_of_the_share(rows: list[list[int]], share: float, key: int) -> None:
    examples = [example(lengths, number) for number, lengths in enumerate(rows)]
    for one, targets in zip(
        examples, targets_of(masked(examples, replace(CONFIG, word_mask_share=share), key)), strict=True
    ):
        words, pieces = words_of(one.token_ids), len(one.token_ids) - 2
        chosen = [word for word in words if word[0] in targets]
        assert [place for word in chosen for place in word] == targets
        if not share:
            assert targets == []
            continue
        quota, shortest = max(1, round(share * pieces)), min(map(len, words))
        assert 1 <= len(targets) <= max(quota, shortest)
        assert all(len(word) > quota - len(targets) for word in words if word not in chosen)


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 500), min_size=1, max_size=70, unique=True),
    st.booleans(),
    st.sampled_from([0.01, 0.15, 0.6]),
)
def test_batches_have_room(numbers: list[int], mention_words: bool, share: float) -> None:
    examples = [invented_example("en", number) for number in numbers]
    sizes = {"micro_batch_tokens": 128, "max_tokens": 40, "max_entities": 8}
    config = replace(CONFIG, **sizes, mask_mention_words=mention_words, word_mask_share=share)  # type: ignore[arg-type]
    found, room = masked(examples, config), capacities(config, 23, 2)
    assert (sizes_of(found) <= room.limits).all()
    batches = [fill_batch(found, chosen, room) for chosen in pack(sizes_of(found), room.limits)]
    seen = {example.token_ids: example for batch in batches for example in taken_apart(batch)}
    assert len(seen) == len(examples)
    for one in examples:
        targets = set(seen[one.token_ids].word_targets)
        assert all(targets.issuperset(word) or targets.isdisjoint(word) for word in words_of(one.token_ids))


@settings(deadline=None)
@given(st.lists(LENGTHS, min_size=2, max_size=70))
def test_a_row_is_masked_the_same_in_any_company(rows: list[list[int]]) -> None:
    examples = [example(lengths, number) for number, lengths in enumerate(rows)]
    together = targets_of(masked(examples))
    assert targets_of(masked(examples[::-1])) == together[::-1]
    assert targets_of(masked(examples[1:2])) == together[1:2]


def test_the_share_of_a_text() -> None:
    chance = np.random.default_rng(1)
    examples = [example(chance.integers(1, 5, 160).tolist(), number) for number in range(1_000)]
    found = masked(examples)
    assert len(found.word_targets) / (found.rows.tokens - 2).sum() == pytest.approx(0.15, abs=0.001)
    before = [len(word) for one in examples for word in words_of(one.token_ids)]
    chosen = [
        len(word)
        for one, targets in zip(examples, targets_of(found), strict=True)
        for word in words_of(one.token_ids)
        if word[0] in targets
    ]
    shares = np.bincount(chosen)[1:] / np.bincount(before)[1:]  # by length: the last places are for short words
    assert shares.tolist() == pytest.approx([0.17, 0.15, 0.15, 0.14], abs=0.01)


def test_choices_never_change() -> None:
    found = masked([example([2, 1, 3, 1, 1, 4, 2, 2, 1, 3, 1, 1, 2, 1, 1])])
    assert targets_of(found) == [[13, 14, 21, 26]]


def test_words_of_masked_mentions_are_whole() -> None:
    config = replace(CONFIG, mask_mention_words=True, entity_mask_share=1)
    cut = example([2, 4, 1, 3, 9, 2], mentions=((5, 7), (12, 14)))  # two pieces of the second word; two of the run of 9
    for key in range(30):
        assert targets_of(masked([cut], config, key)) == [[3, 4, 5, 6, 12, 13]]


def test_without_word_starts() -> None:
    with pytest.raises(PretrainingError, match="'whole words and entities' needs word_starts"):
        mask_rows(rows_of([example([2, 3])]), CONFIG, VOCABULARY)
