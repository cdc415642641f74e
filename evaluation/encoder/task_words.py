"""Rows for the words <ent> and <ent2>, which mark entities in a text, and which pretraining does not have.

A folder of mLUKE has the two rows after <mask>. Any other checkpoint gets copies of the rows of `@` and `#`, pieces
without ▁, as in transformers' conversion of mLUKE. A word table ends with unused rows up to a multiple of 128; if there
are fewer than two, the table grows.
"""

import torch
from torch import Tensor, nn

from mlukit.corpus.examples.tokenizer import UNK_ID, Tokenizer
from mlukit.pretraining.config import ROW_ALIGNMENT
from mlukit.pretraining.hugging_face.checkpoint_files import Checkpoint
from mlukit.pretraining.model.model import PretrainingModel
from mlukit.pretraining.model.table import Table

COPIED_PIECES = ("@", "#")
_TABLE = "embeddings.word_embeddings.weight"


def add_task_words(model: PretrainingModel, tokenizer: Tokenizer, source: Checkpoint | None) -> None:
    """Gives a model the rows of <ent> and <ent2>, whose ids are `vocabulary_size` and the next.

    Args:
        model: changed in place.
        tokenizer: of the model.
        source: the folder of transformers that the model comes from; None for a run or INIT.
    """
    size = model.config.vocabulary_size
    if size + len(COPIED_PIECES) > model.config.word_rows:
        _grow(model)
    with torch.no_grad():
        words = model.word_embeddings.words.weight
        rows = _rows_of(source, size)
        if rows is None:
            pieces = tokenizer.pieces(range(tokenizer.size))
            rows = words[[pieces.index(piece) if piece in pieces else UNK_ID for piece in COPIED_PIECES]]
        words[size : size + len(COPIED_PIECES)] = rows.to(words)


def _rows_of(source: Checkpoint | None, size: int) -> Tensor | None:
    """The rows of a folder of transformers after those of its pieces, if there are two."""
    tables = [tensor for name, tensor in source.tensors.items() if name.endswith(_TABLE)] if source else []
    if not tables or len(tables[0]) != size + len(COPIED_PIECES):
        return None
    return tables[0][size:]


def _grow(model: PretrainingModel) -> None:
    """Adds unused rows to the word table and to the bias of its softmax."""
    old = model.word_embeddings.words
    rows = len(old.weight) + ROW_ALIGNMENT
    table = Table(rows, old.embedding_dim, padding_idx=old.padding_idx, device=old.weight.device)
    bias = torch.zeros(rows, device=old.weight.device)
    with torch.no_grad():
        table.weight.zero_()
        table.weight[: len(old.weight)] = old.weight
        bias[: len(old.weight)] = model.word_head.bias
    model.word_embeddings.words = table
    model.word_head.bias = nn.Parameter(bias)
