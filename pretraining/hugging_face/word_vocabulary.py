"""Whether the word table of a model folder is for our tokenizer: ids mean nothing by themselves."""

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
    """The vocabulary of words of what is imported."""

    size: int  # rows of the table that are used
    dropped: int  # rows after <mask>, of tokens added for tasks, or of none
    compared: str  # how the tokenizers were compared, for import.json


def word_vocabulary(source: Checkpoint, rows: int, sentencepiece: Path | None) -> WordVocabulary:
    """Compares a model folder's tokenizer with that of the examples.

    Args:
        rows: of the folder's word table.
        sentencepiece: the examples' SentencePiece model; None to keep the folder's own.

    Raises:
        CheckpointError: they are not the same, or sizes tell that they cannot be; the text names both.
    """
    theirs = source.folder / SENTENCEPIECE_FILE
    if not theirs.is_file() and (bpe := [name for name in _BPE_FILES if (source.folder / name).is_file()]):
        raise CheckpointError(
            f"{source.folder} has {bpe[0]}: its vocabulary is of byte-level BPE, as that of LUKE for English; "
            "examples have the pieces of a SentencePiece model, so only XLM-R, mLUKE and their like can be imported"
        )
    if sentencepiece is None:
        if not theirs.is_file():
            raise CheckpointError(f"{source.folder} has no {SENTENCEPIECE_FILE}: name the examples by --examples")
        sentencepiece = theirs
    ours = _load(sentencepiece)
    compared = _compare(source.folder, sentencepiece, ours)
    dropped = rows - ours.size
    if dropped < 0 or (dropped and not _may_drop(source, dropped, compared)):
        raise CheckpointError(
            f"{source.folder} has a table of {rows:,} words, {sentencepiece} makes a vocabulary of {ours.size:,}"
        )
    return WordVocabulary(ours.size, dropped, compared or f"not: the folder has no {SENTENCEPIECE_FILE}; same size")


def _may_drop(source: Checkpoint, rows: int, compared: str) -> bool:
    """Rows at the end are of no piece where pieces are known to be the same, or where a conversion adds them."""
    return bool(compared) or (source.config.get("model_type") == LUKE and rows == _ADDED_BY_CONVERSION)


def _compare(folder: Path, sentencepiece: Path, ours: Tokenizer) -> str:
    """How the folder's tokenizer is the same; "" where it has none; CheckpointError where it is another."""
    if (file := folder / SENTENCEPIECE_FILE).is_file():
        theirs = _load(file)
        if theirs.fingerprint == ours.fingerprint:
            return f"same SentencePiece model, SHA-256 {ours.fingerprint}"
        _check_pieces(f"{file} (SHA-256 {theirs.fingerprint})", theirs.pieces(range(theirs.size)), sentencepiece, ours)
        return f"same pieces, of another SentencePiece model, SHA-256 {theirs.fingerprint}"
    if (file := folder / TOKENIZER_FILE).is_file():
        _check_pieces(str(file), _pieces_of_json(file), sentencepiece, ours)
        return f"same pieces, of {TOKENIZER_FILE}"
    return ""


def _check_pieces(name: str, theirs: Sequence[str], sentencepiece: Path, ours: Tokenizer) -> None:
    pieces = ours.pieces(range(ours.size))
    if theirs == pieces:
        return
    first = next((i for i, (a, b) in enumerate(zip(theirs, pieces, strict=False)) if a != b), None)
    what = f"{len(theirs):,} pieces" if first is None else f"{theirs[first]!r} at id {first}"
    other = f"{len(pieces):,}" if first is None else repr(pieces[first])
    raise CheckpointError(f"{name} has {what}, {sentencepiece} (SHA-256 {ours.fingerprint}) has {other}")


def _pieces_of_json(file: Path) -> list[str]:
    model: Any = read_json_object(file).get("model")
    if not isinstance(model, dict) or model.get("type", "Unigram") != "Unigram":
        kind = model.get("type") if isinstance(model, dict) else json.dumps(model)
        raise CheckpointError(f"{file} has a model of type {kind}, that of XLM-R is Unigram")
    try:
        return [piece for piece, _ in model["vocab"]]
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{file} has no pieces with their scores: {error!r}") from error


def _load(file: Path) -> Tokenizer:
    try:
        return Tokenizer.load(file.read_bytes())
    except (OSError, TokenizerError) as error:
        raise CheckpointError(f"{file}: {error}") from error
