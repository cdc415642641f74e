"""A small mLUKE with random weights, in transformers' layout, for tests that fine-tune in seconds."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import LukeConfig, LukeModel, XLMRobertaConfig, XLMRobertaModel

from tests.small_dumps import sentencepiece_model

SIZES: dict[str, Any] = {
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "max_position_embeddings": 66,
    "type_vocab_size": 1,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "layer_norm_eps": 1e-5,
}
_FIRST_IDS = 4  # <s>, <pad>, </s>, <unk>
_AFTER = 1  # <mask>


def write_mluke(folder: Path, words: Sequence[str], entities: Sequence[str] = (), *, seed: int = 0) -> Path:
    """Writes a model whose pieces are whole words, and whose entities have these names."""
    torch.manual_seed(seed)
    names = ["[PAD]", "[UNK]", "[MASK]", "[MASK2]", *entities]
    config = LukeConfig(
        vocab_size=_size(words), entity_vocab_size=len(names), entity_emb_size=24, architectures=["LukeModel"], **SIZES
    )
    model = LukeModel(config, add_pooling_layer=False)
    with torch.no_grad():  # larger than at the beginning of a pretraining, so that fine-tuning takes fewer steps
        model.embeddings.word_embeddings.weight.normal_(std=0.5)
        model.entity_embeddings.entity_embeddings.weight.normal_(std=0.5)
        for layer in model.encoder.layer:
            attention = layer.attention.self
            for query in (attention.w2e_query, attention.e2w_query, attention.e2e_query):
                query.load_state_dict(attention.query.state_dict())
    model.save_pretrained(folder)
    (folder / "entity_vocab.json").write_text(json.dumps({name: row for row, name in enumerate(names)}))
    return _with_words(folder, words)


def write_xlmr(folder: Path, words: Sequence[str]) -> Path:
    """Writes a model without entities."""
    torch.manual_seed(0)
    model = XLMRobertaModel(XLMRobertaConfig(vocab_size=_size(words), **SIZES), add_pooling_layer=False)
    model.save_pretrained(folder)
    return _with_words(folder, words)


def _with_words(folder: Path, words: Sequence[str]) -> Path:
    (folder / "sentencepiece.bpe.model").write_bytes(sentencepiece_model(_pieces(words)))
    return folder


def _pieces(words: Sequence[str]) -> list[str]:
    return [*(f"▁{word}" for word in words), "▁", "."]


def _size(words: Sequence[str]) -> int:
    return _FIRST_IDS + len(_pieces(words)) + _AFTER
