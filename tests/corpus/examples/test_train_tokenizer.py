import pytest

from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.corpus.examples.train_tokenizer import TrainingError, train_sentencepiece

TEXT = [
    f"{word} {other} {word}{other} und {other}"
    for word in ["haus", "boot", "dampf", "schiff", "donau", "bahn", "hof"]
    for other in ["fahrt", "meister", "brücke", "leitung", "garten", "wasser", "weg"]
]


def test_the_same_sentences_give_the_same_bytes() -> None:
    models = {train_sentencepiece(iter(TEXT), 45) for _ in range(4)}
    assert len(models) == 1
    assert Tokenizer.load(models.pop()).size == 47


def test_fewer_pieces_where_the_sentences_give_no_more() -> None:
    assert 10 < Tokenizer.load(train_sentencepiece(["a rose is a rose"], 5000)).size < 100


def test_too_few_pieces_for_the_characters() -> None:
    with pytest.raises(TrainingError, match=r"model of 5 pieces is too small: the sample's characters need \d+ pieces"):
        train_sentencepiece(TEXT, 5)


def test_no_sentence() -> None:
    with pytest.raises(TrainingError, match="no sentence to train"):
        train_sentencepiece([], 100)


def test_long_paragraphs_are_learnt_from() -> None:
    tokenizer = Tokenizer.load(train_sentencepiece(["ab " * 10_000 + "ж " * 5000], 20))
    assert "ж" in "".join(tokenizer.pieces(range(tokenizer.size)))
