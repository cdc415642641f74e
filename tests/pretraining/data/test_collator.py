"""Rows of examples as masked and padded batches of `LukeForMaskedLM`; test_torch_dataset.py trains with them."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from mlukit.pretraining.config import DataConfig
from mlukit.pretraining.data.collator import MaskingCollator

WORDS = 50  # of which 49 is <mask>
ROWS: list[dict[str, list[int]]] = [
    {"token_ids": [0, 10, 11, 12, 13, 2], "entity_ids": [7, 8], "entity_starts": [1, 2], "entity_ends": [3, 3]},
    {"token_ids": [0, 20, 2], "entity_ids": [], "entity_starts": [], "entity_ends": []},
]


def test_a_batch_in_full() -> None:
    """Everything is masked, so that nothing depends on random numbers."""
    config = DataConfig(
        word_mask_share=1, word_mask_token_share=1, word_random_share=0, entity_mask_share=1, max_mention_tokens=2
    )
    batch = MaskingCollator(WORDS, config)(ROWS)
    assert {name: tensor.tolist() for name, tensor in batch.items()} == {
        "input_ids": [[0, 49, 49, 49, 49, 2], [0, 49, 2, 1, 1, 1]],
        "attention_mask": [[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0]],
        "labels": [[-100, 10, 11, 12, 13, -100], [-100, 20, -100, -100, -100, -100]],
        "entity_ids": [[2, 2], [0, 0]],
        "entity_attention_mask": [[1, 1], [0, 0]],
        "entity_labels": [[7, 8], [-100, -100]],
        "entity_position_ids": [[[1, 2], [2, -1]], [[-1, -1], [-1, -1]]],
    }


def test_rows_without_entities() -> None:
    assert set(MaskingCollator(WORDS)(ROWS[1:])) == {"input_ids", "attention_mask", "labels"}


def test_objectives() -> None:
    whole = DataConfig(objective="whole words and entities", word_mask_share=0.5)
    starts = np.isin(np.arange(WORDS), (10, 12, 20))
    for _ in range(9):
        labels = MaskingCollator(WORDS, whole, starts)(ROWS)["labels"].tolist()
        assert labels[0] in ([-100, 10, 11, -100, -100, -100], [-100, -100, -100, 12, 13, -100])
    assert set(MaskingCollator(WORDS, DataConfig(objective="words"))(ROWS)) == {"input_ids", "attention_mask", "labels"}


def test_masks_go_by_the_generator_of_pytorch() -> None:
    collate = MaskingCollator(WORDS)
    torch.manual_seed(1)
    first, second = collate(ROWS * 8), collate(ROWS * 8)
    torch.manual_seed(1)
    again = collate(ROWS * 8)
    assert torch.equal(first["input_ids"], again["input_ids"])
    assert not torch.equal(first["input_ids"], second["input_ids"])


@given(
    st.lists(st.lists(st.integers(4, WORDS - 2), min_size=1, max_size=20), min_size=1, max_size=6), st.integers(0, 9)
)
def test_what_is_not_to_be_predicted_is_unchanged(texts: list[list[int]], seed: int) -> None:
    torch.manual_seed(seed)
    rows = [{**ROWS[1], "token_ids": [0, *text, 2]} for text in texts]
    batch = MaskingCollator(WORDS)(rows)
    before = torch.where(batch["labels"] == -100, batch["input_ids"], batch["labels"])
    for row, ids, used in zip(rows, before.tolist(), batch["attention_mask"].tolist(), strict=True):
        assert ids[: sum(used)] == row["token_ids"] and set(ids[sum(used) :]) <= {1}
    assert (batch["labels"] != -100).sum(1).tolist() == [max(1, round(0.15 * len(text))) for text in texts]
