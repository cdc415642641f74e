"""A real multilingual encoder in XLM-R's layout, imported: MLUKIT_XLMR_WEIGHTS names its folder."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from transformers import XLMRobertaModel

from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.pretraining.hugging_face.checkpoint_files import read_checkpoint
from mlukit.pretraining.hugging_face.imported_model import import_model
from tests.pretraining.hugging_face.our_logits import our_hidden_states, our_model
from tests.pretraining.hugging_face.small_output import SENTENCES

WEIGHTS = os.environ.get("MLUKIT_XLMR_WEIGHTS", "")


@pytest.mark.skipif(not WEIGHTS, reason="MLUKIT_XLMR_WEIGHTS names no folder of a real model in XLM-R's layout")
def test_hidden_states_of_eight_languages(output: Path, tmp_path: Path) -> None:
    shutil.copytree(output / "vocabulary", tmp_path / "vocabulary")
    (tmp_path / "tokenizer").mkdir()
    shutil.copy(Path(WEIGHTS) / "sentencepiece.bpe.model", tmp_path / "tokenizer")
    tokenizer = Tokenizer.load((tmp_path / "tokenizer/sentencepiece.bpe.model").read_bytes())
    model = import_model(read_checkpoint(Path(WEIGHTS)), tmp_path, seed=1, entity_width=256)
    assert model.report["unused"] == []
    ours = our_model(model.config, model.weights)
    theirs = XLMRobertaModel.from_pretrained(WEIGHTS, dtype=torch.float64, add_pooling_layer=False).eval()
    for ids in tokenizer.encode([*SENTENCES.values()]):
        inputs = {"input_ids": [0, *ids, 2]}
        words, _ = our_hidden_states(ours, inputs)
        with torch.no_grad():
            expected = theirs(torch.tensor([inputs["input_ids"]])).last_hidden_state[0]
        torch.testing.assert_close(words, expected, rtol=1e-9, atol=1e-10)
