"""Compares the tokenizer of a model folder with that of the examples: a word table has a row for each of its pieces."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlukit.corpus.examples.tokenizer import Tokenizer, TokenizerError
from mlukit.pretraining.hugging_face.checkpoint_files import Checkpoint, CheckpointError, read_json_object
from mlukit.pretraining.hugging_face.luke_config import LUKE
from mlukit.pretraining.hugging_face.tokenizer_files import SENTENCEPIECE_FILE, TOKENIZER_FILE

_BPE_FILES = ("vocab.json", "merges.txt")
_ADDED_BY_CONVERSION = 2  # <ent> and <ent2>, which transformers' conversion of mLUKE adds at the end


@dataclass(frozen=True, slots=True)
class WordVocabulary:
    """The word vocabulary of an imported model."""

    size: int  # used rows of the word table
    dropped: int  # rows after <mask>: of tokens that were added for tasks, or of no token
    compared: str  # how the tokenizers were compared, for import.json


def refuse_byte_level_bpe(folder: Path) -> None:
    """Refuses a folder with the tokenizer of RoBERTa, whose words LUKE for English has.

    Raises:
        CheckpointError: the folder has no SentencePiece model, but a tokenizer of byte-level BPE.
    """
    if (folder / SENTENCEPIECE_FILE).is_file():
        return
    files = [name for name in _BPE_FILES if (folder / name).is_file()]
    if not files and (file := folder / TOKENIZER_FILE).is_file() and _json_model(file).get("type") == "BPE":
        files = [TOKENIZER_FILE]
    if files:
        raise CheckpointError(
            f"{folder} has {files[0]}: its words are pieces of byte-level BPE, as LUKE for English has; examples have "
            "the pieces of a SentencePiece unigram model, so XLM-R, mLUKE and models with their words can be imported"
        )


def word_vocabulary(source: Checkpoint, rows: int, sentencepiece: Path | None) -> WordVocabulary:
    """Compares the tokenizer of a model folder with the tokenizer of the examples.

    Args:
        source: the model folder.
        rows: of the folder's word table.
        sentencepiece: the examples' SentencePiece model; None to keep the folder's own.

    Raises:
        CheckpointError: the tokenizers or the sizes differ; the text names both.
    """
    folder_file = source.folder / SENTENCEPIECE_FILE
    if sentencepiece is None:
        if not folder_file.is_file():
            raise CheckpointError(f"{source.folder} has no {SENTENCEPIECE_FILE}: name the examples by --examples")
        sentencepiece = folder_file
    tokenizer = _load(sentencepiece)
    compared = _compare(source.folder, sentencepiece, tokenizer)
    dropped = rows - tokenizer.size
    if dropped < 0 or (dropped and not _may_drop(source, dropped, compared)):
        raise CheckpointError(
            f"{source.folder} has a table of {rows:,} words, {sentencepiece} makes a vocabulary of {tokenizer.size:,}"
        )
    return WordVocabulary(
        tokenizer.size, dropped, compared or f"not: the folder has no {SENTENCEPIECE_FILE}; same size"
    )


def _may_drop(source: Checkpoint, rows: int, compared: str) -> bool:
    """Whether the last rows belong to no piece: because the pieces are the same, or a conversion added two rows."""
    return bool(compared) or (source.config.get("model_type") == LUKE and rows == _ADDED_BY_CONVERSION)


def _compare(folder: Path, sentencepiece: Path, tokenizer: Tokenizer) -> str:
    """Says how the tokenizers are the same; "" if the folder has no tokenizer; CheckpointError if they differ."""
    if (file := folder / SENTENCEPIECE_FILE).is_file():
        found = _load(file)
        if found.fingerprint == tokenizer.fingerprint:
            return f"same SentencePiece model, SHA-256 {tokenizer.fingerprint}"
        pieces = found.pieces(range(found.size))
        _check_pieces(f"{file} (SHA-256 {found.fingerprint})", pieces, sentencepiece, tokenizer)
        return f"same pieces, of another SentencePiece model, SHA-256 {found.fingerprint}"
    if (file := folder / TOKENIZER_FILE).is_file():
        _check_pieces(str(file), _read_json_pieces(file), sentencepiece, tokenizer)
        return f"same pieces, of {TOKENIZER_FILE}"
    return ""


def _check_pieces(name: str, found: Sequence[str], sentencepiece: Path, tokenizer: Tokenizer) -> None:
    """Refuses pieces that differ from the tokenizer's, or their order; the text shows the first difference."""
    expected = tokenizer.pieces(range(tokenizer.size))
    if found == expected:
        return
    first = next((i for i, (a, b) in enumerate(zip(found, expected, strict=False)) if a != b), None)
    found_text = f"{len(found):,} pieces" if first is None else f"{found[first]!r} at id {first}"
    expected_text = f"{len(expected):,}" if first is None else repr(expected[first])
    raise CheckpointError(
        f"{name} has {found_text}, {sentencepiece} (SHA-256 {tokenizer.fingerprint}) has {expected_text}"
    )


def _read_json_pieces(file: Path) -> list[str]:
    """Reads the pieces of a tokenizer.json, in the order of their ids."""
    model = _json_model(file)
    if (kind := model.get("type", "Unigram")) != "Unigram":
        raise CheckpointError(f"{file} has a model of type {kind}, XLM-R has one of type Unigram")
    try:
        return [piece for piece, _ in model["vocab"]]
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{file} has no pieces with their scores: {error!r}") from error


def _json_model(file: Path) -> dict[str, Any]:
    """Reads the model in a tokenizer.json."""
    model = read_json_object(file).get("model")
    if not isinstance(model, dict):
        raise CheckpointError(f"{file} has the model {json.dumps(model)}, XLM-R has one of type Unigram")
    return model


def _load(file: Path) -> Tokenizer:
    try:
        return Tokenizer.load(file.read_bytes())
    except (OSError, TokenizerError) as error:
        raise CheckpointError(f"{file}: {error}") from error
