"""Masked and padded batches for a trainer of one's own: rows of examples/{language}/*.parquet → `LukeForMaskedLM`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from mlukit.corpus.entities.vocabulary import SPECIAL_ENTITIES
from mlukit.corpus.examples.tokenizer import PAD_ID
from mlukit.pretraining.config import DataConfig
from mlukit.pretraining.data.batch import IGNORED
from mlukit.pretraining.data.counter_random import Integers
from mlukit.pretraining.data.example_rows import LISTS, ExampleRows, Flags, rows_from_table
from mlukit.pretraining.data.masking import MaskedRows, mask_rows
from mlukit.schemas.arrow import EXAMPLES

_ENTITY_PAD_ID = SPECIAL_ENTITIES.index("[PAD]")
_NO_POSITION = -1  # of an entity beyond its mention's last token, as transformers' LukeModel has it


class MaskingCollator:
    """Masks words and entities of rows, as the training of mlukit does, and pads the rows to one length.

    The collator goes with `transformers.Trainer(data_collator=…)` and with a `DataLoader(collate_fn=…)`. Random numbers
    come from PyTorch's generator, which a trainer seeds: a row is masked differently each time.
    """

    def __init__(
        self, vocabulary_size: int, config: DataConfig | None = None, word_starts: Flags | None = None
    ) -> None:
        """Sets what is masked.

        Args:
            vocabulary_size: number of pieces of the tokenizer of the examples, of which <mask> is the last.
            config: the objective, the shares to mask, and the most tokens of a mention; None for the defaults.
            word_starts: for each piece, whether it starts a word, as `ExampleDataset.word_starts`; needed by objectives
                of whole words.
        """
        self._vocabulary_size = vocabulary_size
        self._config = config or DataConfig()
        self._word_starts = word_starts

    def __call__(self, rows: Sequence[Mapping[str, Sequence[int]]]) -> dict[str, Tensor]:
        """The arguments of `LukeForMaskedLM` for some rows.

        Args:
            rows: with the columns token_ids, entity_ids, entity_starts and entity_ends; other columns are ignored.

        Returns:
            B rows of T tokens and E entities: `input_ids`, `attention_mask` and `labels`, B x T; `entity_ids`,
            `entity_attention_mask` and `entity_labels`, B x E; `entity_position_ids`, B x E x max_mention_tokens. A
            label of a place that is not to be predicted is -100. Without any entity in the rows, there are no entries
            of entities.
        """
        masked = mask_rows(self._example_rows(rows), self._config, self._vocabulary_size, self._word_starts)
        words = _padded(masked.token_ids, masked.rows.token_offsets, PAD_ID)
        batch = {
            "input_ids": words,
            "attention_mask": _used(masked.rows.tokens),
            "labels": _labels(masked.rows.token_ids, masked.word_targets, masked.rows.token_offsets),
        }
        return batch | (self._entities(masked) if len(masked.entity_ids) else {})

    def _example_rows(self, rows: Sequence[Mapping[str, Sequence[int]]]) -> ExampleRows:
        lists = [pa.array([row[name] for row in rows], EXAMPLES.field(name).type) for name in LISTS]
        table = pa.table([*lists, ["train"] * len(rows)], names=[*LISTS, "split"])
        keys = torch.randint(-(2**63), 2**63 - 1, (len(rows),)).numpy().view(np.uint64)
        return self._config.loaded_objective.keep(replace(rows_from_table(table, "train"), keys=keys))

    def _entities(self, masked: MaskedRows) -> dict[str, Tensor]:
        rows = masked.rows
        return {
            "entity_ids": _padded(masked.entity_ids, rows.entity_offsets, _ENTITY_PAD_ID),
            "entity_attention_mask": _used(rows.entities),
            "entity_position_ids": self._positions(rows),
            "entity_labels": _labels(rows.entity_ids, masked.entity_targets, rows.entity_offsets),
        }

    def _positions(self, rows: ExampleRows) -> Tensor:
        """The tokens of each mention, its first ones where it has more than a mention may have."""
        steps = np.arange(self._config.max_mention_tokens)
        places = rows.entity_starts[:, None] + steps
        flat = np.where(places < rows.entity_ends[:, None], places, _NO_POSITION)
        return _padded(flat, rows.entity_offsets, _NO_POSITION)


def _padded(values: Any, offsets: Integers, filler: int) -> Tensor:
    """Flat values of rows as a tensor with a row for each."""
    parts = torch.split(torch.from_numpy(values.astype(np.int64)), np.diff(offsets).tolist())
    return pad_sequence(list(parts), batch_first=True, padding_value=filler)


def _used(lengths: Integers) -> Tensor:
    """1 for a place of a row, 0 for padding."""
    return (torch.arange(int(lengths.max())) < torch.from_numpy(lengths)[:, None]).long()


def _labels(ids: Any, targets: Integers, offsets: Integers) -> Tensor:
    """The ids before masking of the places to predict."""
    labels = np.full(len(ids), IGNORED)
    labels[targets] = ids[targets]
    return _padded(labels, offsets, IGNORED)
