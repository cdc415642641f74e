"""Which words and entities are masked, and as what."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlukit.pretraining.config import DataConfig
from mlukit.pretraining.data.masking import MaskedRows, mask_rows
from mlukit.schemas.records import Example
from tests.pretraining.written_examples import VOCABULARY, invented_example, rows_of

CONFIG = DataConfig()
MASK, ENTITY_MASK, UNKNOWN = VOCABULARY - 1, 2, 1
NUMBERS = st.lists(st.integers(0, 500), min_size=1, max_size=90, unique=True)


def example(pieces: int, entities: list[int], mention: int = 1, page_id: int = 1) -> Example:
    """`pieces` pieces without <s> and </s>; mentions of so many tokens one after the other from the first piece on."""
    starts = tuple(range(1, 1 + mention * len(entities), mention))
    tokens = (0, *range(10, 10 + pieces), 2)
    ends = tuple(start + mention for start in starts)
    return Example("en", page_id, 0, "train", tokens, tuple(entities), starts, ends, (), ())


def masked(examples: list[Example], config: DataConfig = CONFIG, key: int = 1) -> MaskedRows:
    return mask_rows(rows_of(examples, key), config, VOCABULARY)


def numbers(targets: MaskedRows) -> tuple[list[int], list[int]]:
    return np.diff(targets.word_target_offsets).tolist(), np.diff(targets.entity_target_offsets).tolist()


@pytest.mark.parametrize(
    ("pieces", "words"), [(1, 1), (3, 1), (9, 1), (10, 2), (11, 2), (16, 2), (17, 3), (100, 15), (510, 76)]
)
def test_how_many_words(pieces: int, words: int) -> None:
    assert numbers(masked([example(pieces, [])])) == ([words], [0])  # as Python rounds 0.15 · pieces, at least 1


@pytest.mark.parametrize(
    ("entities", "expected"),
    [([], 0), ([5], 1), ([UNKNOWN], 0), ([UNKNOWN, 5], 1), ([5] * 9, 1), ([5] * 10, 2), ([5] * 20 + [1] * 9, 3)],
)
def test_how_many_entities(entities: list[int], expected: int) -> None:
    assert numbers(masked([example(40, entities)]))[1] == [expected]


def test_nothing_where_the_shares_are_0() -> None:
    found = masked([example(40, [5, 6])], replace(CONFIG, word_mask_share=0, entity_mask_share=0))
    assert numbers(found) == ([0], [0])
    assert found.token_ids.tolist() == found.rows.token_ids.tolist()


@settings(deadline=None)
@given(NUMBERS, st.integers(0, 2**63), st.booleans())
def test_labels_put_back_give_what_was_there(page_ids: list[int], key: int, mention_words: bool) -> None:
    examples = [invented_example("en", number) for number in page_ids]
    found = masked(examples, replace(CONFIG, mask_mention_words=mention_words), key)
    rows = found.rows
    token_ids, entity_ids = found.token_ids.copy(), found.entity_ids.copy()
    assert (entity_ids[found.entity_targets] == ENTITY_MASK).all()
    token_ids[found.word_targets] = rows.token_ids[found.word_targets]
    entity_ids[found.entity_targets] = rows.entity_ids[found.entity_targets]
    assert token_ids.tolist() == rows.token_ids.tolist() == [i for e in examples for i in e.token_ids]
    assert entity_ids.tolist() == rows.entity_ids.tolist() == [i for e in examples for i in e.entity_ids]
    assert UNKNOWN not in rows.entity_ids[found.entity_targets]
    ends = {*rows.token_offsets[:-1].tolist(), *(rows.token_offsets[1:] - 1).tolist()}
    assert not ends & set(found.word_targets.tolist())
    for targets, offsets, bounds in (
        (found.word_targets, found.word_target_offsets, rows.token_offsets),
        (found.entity_targets, found.entity_target_offsets, rows.entity_offsets),
    ):
        assert (np.diff(targets) > 0).all()
        assert offsets.tolist() == np.searchsorted(targets, bounds).tolist()


@settings(deadline=None)
@given(NUMBERS)
def test_an_example_is_masked_the_same_in_any_company(page_ids: list[int]) -> None:
    examples = {number: invented_example("en", number) for number in page_ids}
    config = replace(CONFIG, mask_mention_words=True)

    def by_number(order: list[int]) -> dict[int, tuple[list[int], list[int]]]:
        found = masked([examples[number] for number in order], config)
        tokens, entities = found.rows.token_offsets, found.rows.entity_offsets
        return {
            number: (
                found.token_ids[tokens[i] : tokens[i + 1]].tolist(),
                found.entity_ids[entities[i] : entities[i + 1]].tolist(),
            )
            for i, number in enumerate(order)
        }

    shuffled = sorted(page_ids, key=lambda number: (number * 7919) % 503)
    alone = {number: by_number([number])[number] for number in page_ids[:5]}
    assert by_number(page_ids) == by_number(shuffled)
    assert alone.items() <= by_number(page_ids).items()


def test_other_keys_mask_otherwise() -> None:
    examples = [example(100, [5] * 20)]
    first, second = masked(examples, key=1), masked(examples, key=2)
    assert first.word_targets.tolist() != second.word_targets.tolist()
    assert first.entity_targets.tolist() != second.entity_targets.tolist()


def test_masks_never_change() -> None:
    found = masked([example(20, [5, 6, 7, 8, 9, 10, 11])])
    assert found.word_targets.tolist() == [2, 12, 13]
    assert found.token_ids[found.word_targets].tolist() == [999, 551, 999]
    assert found.entity_targets.tolist() == [4]


def test_shares_of_what_becomes_of_words_and_where_they_are() -> None:
    found = masked([example(100, [], page_id=number) for number in range(4_000)])
    before, after = found.rows.token_ids[found.word_targets], found.token_ids[found.word_targets]
    kept, mask = before == after, after == MASK
    random = after[~kept & ~mask]
    assert len(before) == 60_000
    assert mask.mean() == pytest.approx(0.8, abs=0.01)
    assert kept.mean() == pytest.approx(0.1, abs=0.01)
    assert random.min() == 4 and random.max() == VOCABULARY - 2  # no <s>, <pad>, </s>, <unk>; no <mask>
    by_piece = np.bincount(random, minlength=VOCABULARY)[4 : VOCABULARY - 1]
    assert by_piece.std() == pytest.approx(by_piece.mean() ** 0.5, rel=0.15)  # Poisson: even
    by_place = np.bincount(before - 10, minlength=100)  # the pieces are numbered
    assert by_place.std() == pytest.approx((600 * 0.85) ** 0.5, rel=0.3)
    chosen = np.zeros((4_000, 100))
    chosen[np.repeat(np.arange(4_000), 15), before - 10] = 1
    together = np.corrcoef(chosen, rowvar=False) - np.eye(100)
    assert np.abs(together).max() < 0.1  # no two places go together: 4 standard deviations are 0.063


def test_entities_are_masked_evenly() -> None:
    found = masked([example(100, list(range(10, 30)), page_id=number) for number in range(2_000)])
    counts = Counter(found.rows.entity_ids[found.entity_targets].tolist())
    assert sum(counts.values()) == 6_000 and len(counts) == 20
    assert min(counts.values()) > 240 and max(counts.values()) < 360


def test_words_of_masked_mentions() -> None:
    config = replace(CONFIG, mask_mention_words=True)
    found = masked([example(100, [5] * 20, mention=3, page_id=number) for number in range(500)], config)
    targets, entity_targets = set(found.word_targets.tolist()), found.entity_targets
    assert set(np.diff(found.word_target_offsets).tolist()) == {15}  # 9 of them under the 3 mentions
    became: Counter[str] = Counter()
    for entity in entity_targets.tolist():
        start = entity // 20 * 102 + 1 + entity % 20 * 3
        words = range(start, start + 3)
        assert targets.issuperset(words)
        after, before = found.token_ids[words], found.rows.token_ids[words]
        kinds = {"mask" if a == MASK else "kept" if a == b else "random" for a, b in zip(after, before, strict=True)}
        assert len(kinds) == 1  # one draw for the mention
        became[kinds.pop()] += 1
    assert became["mask"] == pytest.approx(1_200, abs=60)
    assert became["kept"] == pytest.approx(150, abs=40)


def test_more_words_under_masked_mentions_than_the_share() -> None:
    config = replace(CONFIG, mask_mention_words=True, entity_mask_share=1)
    found = masked([example(10, [5, 6], mention=4), example(10, [UNKNOWN], mention=4)], config)
    assert found.word_targets.tolist()[:8] == list(range(1, 9))
    assert numbers(found) == ([8, 2], [2, 0])


def test_text_alone() -> None:
    examples = [invented_example("en", number) for number in range(20)]
    alone = mask_rows(rows_of(examples).without_entities(), replace(CONFIG, mask_mention_words=True), VOCABULARY)
    assert alone.token_ids.tolist() == masked(examples).token_ids.tolist()
    assert len(alone.entity_targets) == 0


def test_no_rows() -> None:
    assert numbers(masked([])) == ([], [])


def test_a_row_that_cannot_be_sorted() -> None:
    with pytest.raises(ValueError, match="a row has 65,538 places; at most 65,536 can be sorted"):
        masked([example(65_536, [])])
