"""Models of SentencePiece that `mlukit export` can write for transformers, and models that it cannot."""

import io
from collections.abc import Callable

import pytest
import sentencepiece

from mlukit.corpus.examples.sentencepiece_model import export_problem, read_unigram_model
from mlukit.corpus.examples.tokenizer import TokenizerError

SENTENCES = ["Berlin is the capital of Germany.", "Hamburg lies on the river Elbe, north of Berlin."]


def trained(**options: object) -> bytes:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        **{"sentence_iterator": iter(SENTENCES * 4), "model_writer": model, "vocab_size": 40, "hard_vocab_limit": False}
        | {"minloglevel": 2}
        | options
    )
    return model.getvalue()


def test_a_model_that_can_be_exported() -> None:
    model = trained(normalization_rule_name="nmt_nfkc")
    assert export_problem(model) == ""
    assert read_unigram_model(model).charsmap


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: trained(model_type="bpe", hard_vocab_limit=True), "the model is of type BPE; transformers' tokenizer"),
        (lambda: trained(add_dummy_prefix=False), "add_dummy_prefix False, XLM-R's has True"),
        (lambda: trained(remove_extra_whitespaces=False), "remove_extra_whitespaces False, XLM-R's has True"),
        (lambda: trained(treat_whitespace_as_suffix=True), "has ▁ at the end of words"),
        (lambda: b"\x0a\xff", r"not a SentencePiece model \(2 bytes\)"),
    ],
    ids=["BPE", "no dummy prefix", "blanks kept", "suffix", "no model"],
)
def test_a_model_that_cannot_be_exported(make: Callable[[], bytes], message: str) -> None:
    model = make()
    with pytest.raises(TokenizerError, match=message):
        read_unigram_model(model)
    assert export_problem(model)
