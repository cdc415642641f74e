"""Whether a model's words are the examples' words."""

import json
import re
import shutil
from pathlib import Path

import pytest

from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.corpus.examples.train_tokenizer import train_sentencepiece
from mlukit.pretraining.hugging_face.checkpoint_files import Checkpoint, CheckpointError
from mlukit.pretraining.hugging_face.tokenizer_files import fast_tokenizer
from mlukit.pretraining.hugging_face.word_vocabulary import (
    WordVocabulary,
    refuse_byte_level_bpe,
    word_vocabulary,
)
from tests.pretraining.hugging_face.small_output import SENTENCES


@pytest.fixture
def sentencepiece(output: Path) -> Path:
    return output / "tokenizer/sentencepiece.bpe.model"


def model(folder: Path, kind: str = "xlm-roberta") -> Checkpoint:
    return Checkpoint(folder, {"model_type": kind}, {})


def test_same_file(sentencepiece: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    shutil.copy(sentencepiece, tmp_path)
    compared = f"same SentencePiece model, SHA-256 {tokenizer.fingerprint}"
    size = tokenizer.size
    assert word_vocabulary(model(tmp_path), size, sentencepiece) == WordVocabulary(size, 0, compared)
    assert word_vocabulary(model(tmp_path), size + 35, sentencepiece) == WordVocabulary(size, 35, compared)
    assert word_vocabulary(model(tmp_path), size, None) == WordVocabulary(size, 0, compared)


def test_same_pieces(sentencepiece: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    """As XLM-R's published file and one rebuilt from its pieces."""
    rebuilt = sentencepiece.read_bytes() + bytes([0x12, 2, 0x50, 1])  # trainer_spec: a field that says nothing of ids
    (tmp_path / "sentencepiece.bpe.model").write_bytes(rebuilt)
    other = Tokenizer.load(rebuilt).fingerprint
    assert other != tokenizer.fingerprint
    found = word_vocabulary(model(tmp_path), tokenizer.size, sentencepiece)
    assert found.compared == f"same pieces, of another SentencePiece model, SHA-256 {other}"


def test_same_pieces_of_tokenizer_json(sentencepiece: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    fast_tokenizer(sentencepiece.read_bytes()).save(str(tmp_path / "tokenizer.json"))
    assert word_vocabulary(model(tmp_path), tokenizer.size, sentencepiece).compared == "same pieces, of tokenizer.json"


def test_other_pieces(sentencepiece: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    (tmp_path / "sentencepiece.bpe.model").write_bytes(train_sentencepiece([SENTENCES["ru"]] * 9, 60))
    message = (
        rf"\(SHA-256 \w+\) has '.+' at id \d+, .*sentencepiece.bpe.model \(SHA-256 {tokenizer.fingerprint}\) has '.'"
    )
    with pytest.raises(CheckpointError, match=message):
        word_vocabulary(model(tmp_path), tokenizer.size, sentencepiece)


def test_no_tokenizer(sentencepiece: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    size = tokenizer.size
    assert word_vocabulary(model(tmp_path), size, sentencepiece).compared.startswith("not: the folder has no")
    assert word_vocabulary(model(tmp_path, "luke"), size + 2, sentencepiece).dropped == 2
    for kind, rows in (("xlm-roberta", size + 2), ("luke", size + 3), ("luke", size - 1)):
        with pytest.raises(CheckpointError, match=f"has a table of {rows} words, .* makes a vocabulary of {size}"):
            word_vocabulary(model(tmp_path, kind), rows, sentencepiece)
    with pytest.raises(CheckpointError, match=r"has no sentencepiece\.bpe\.model: name the examples by --examples"):
        word_vocabulary(model(tmp_path), size, None)


@pytest.mark.parametrize("name", ["vocab.json", "merges.txt", "tokenizer.json"])
def test_luke_for_english(name: str, sentencepiece: Path, tmp_path: Path) -> None:
    (tmp_path / name).write_text('{"model": {"type": "BPE", "vocab": {}}}')
    with pytest.raises(CheckpointError, match=f"has {re.escape(name)}: its words are pieces of byte-level BPE"):
        refuse_byte_level_bpe(tmp_path)
    shutil.copy(sentencepiece, tmp_path)
    refuse_byte_level_bpe(tmp_path)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"model": {"type": "BPE", "vocab": {}}}, "has a model of type BPE, XLM-R has one of type Unigram"),
        ({"model": {"type": "WordPiece", "vocab": {}}}, "has a model of type WordPiece, XLM-R has one of type Unigram"),
        ({"model": None}, "has the model null"),
        ({"model": {"vocab": ["a"]}}, "has no pieces with their scores"),
    ],
)
def test_tokenizer_json_of_another_kind(
    value: dict[str, object], message: str, sentencepiece: Path, tmp_path: Path
) -> None:
    (tmp_path / "tokenizer.json").write_text(json.dumps(value))
    with pytest.raises(CheckpointError, match=message):
        word_vocabulary(model(tmp_path), 170, sentencepiece)
