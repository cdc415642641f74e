"""Writes the tokenizer files of an export, from which `AutoTokenizer` makes an `MLukeTokenizer` with our ids.

transformers 4 reads `sentencepiece.bpe.model` and orders the ids itself. transformers 5 needs `tokenizer.json`: its ids
are shifted if there is only the SentencePiece model. Its `MLukeTokenizer` moreover takes only the pieces from
`tokenizer.json`, and loses the normaliser (so `（` and `…` are unknown) and the position of `<unk>`, unless its
configuration has `trust_remote_code`: then `TokenizersBackend.convert_to_native_format` passes the whole file on. The
setting runs no code, since the folder has no code. Observed in 5.24.

<ent> and <ent2> have the ids after <mask>. transformers 4 gives them these ids by itself; transformers 5 has only
`▁<ent>` and `▁<ent2>` there, unless tokenizer.json and tokenizer_config.json name the words.

`<mask>` does not absorb the space before it (XLM-R's does): SentencePiece drops a space at the end anyway, and if
`<mask>` did, `MLukeTokenizer` of transformers 5 would not find it in a text with entities.
"""

import json
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram

from mlukit.corpus.examples.sentencepiece_model import read_unigram_model
from mlukit.corpus.examples.tokenizer import BOS_ID, EOS_ID, MASK_PIECE, SPECIAL_PIECES, UNK_ID, WORD_START
from mlukit.pretraining.config import DataConfig

SENTENCEPIECE_FILE, TOKENIZER_FILE, TOKENIZER_CONFIG_FILE = (
    "sentencepiece.bpe.model",
    "tokenizer.json",
    "tokenizer_config.json",
)
TOKENIZER_CLASS = "MLukeTokenizer"
ENT, ENT2 = TASK_TOKENS = ("<ent>", "<ent2>")  # the tokenizer's tasks put them around mentions; ids after <mask>
_TYPE = {"__type": "AddedToken"}
_FIRST_PIECES = 3  # <unk>, <s>, </s> of SentencePiece's ids, which the SPECIAL_PIECES replace


def fast_tokenizer(model: bytes) -> Tokenizer:
    """Makes a tokenizer of the tokenizers library with the ids of `corpus.examples.tokenizer.Tokenizer`.

    Each step is a step of SentencePiece: its table of characters, several blanks become one, none at the end, ▁ before
    the first word, the best pieces by their log probabilities. docs/checkpoints.md lists the differences.

    Raises:
        TokenizerError: the model cannot be expressed in this form.
    """
    unigram = read_unigram_model(model)
    pieces = [(piece, 0.0) for piece in SPECIAL_PIECES] + [*unigram.pieces[_FIRST_PIECES:], (MASK_PIECE, 0.0)]
    tokenizer = Tokenizer(Unigram(pieces, unk_id=UNK_ID))
    blanks = [normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), WORD_START)]
    table = [normalizers.Precompiled(unigram.charsmap)] if unigram.charsmap else []
    tokenizer.normalizer = normalizers.Sequence([*table, *blanks])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=WORD_START, prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement=WORD_START, prepend_scheme="always")
    bos, _, eos, _ = SPECIAL_PIECES
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A {eos}",
        pair=f"{bos} $A {eos} {eos} $B {eos}",
        special_tokens=[(bos, BOS_ID), (eos, EOS_ID)],
    )
    special = (*SPECIAL_PIECES, MASK_PIECE, *TASK_TOKENS)
    tokenizer.add_special_tokens([AddedToken(piece, normalized=False) for piece in special])
    return tokenizer


def tokenizer_config(mask_id: int, limits: DataConfig) -> dict[str, Any]:
    """Returns the content of tokenizer_config.json.

    Args:
        mask_id: the id of <mask>.
        limits: the limits of an example in training.
    """
    bos, pad, eos, unknown = SPECIAL_PIECES
    special = {**dict(enumerate(SPECIAL_PIECES)), **dict(enumerate((MASK_PIECE, *TASK_TOKENS), start=mask_id))}
    return {
        "tokenizer_class": TOKENIZER_CLASS,
        "trust_remote_code": True,  # the whole of tokenizer.json, see above
        "model_max_length": limits.max_tokens,
        "max_entity_length": limits.max_entities,
        "max_mention_length": limits.max_mention_tokens,
        "task": None,
        "clean_up_tokenization_spaces": False,
        "bos_token": bos,
        "cls_token": bos,
        "pad_token": pad,
        "eos_token": eos,
        "sep_token": eos,
        "unk_token": unknown,
        "mask_token": _added_token(MASK_PIECE) | _TYPE,
        "entity_token_1": _added_token(ENT) | _TYPE,  # as a string, transformers 5 would name it `▁<ent>`
        "entity_token_2": _added_token(ENT2) | _TYPE,
        "added_tokens_decoder": {str(number): _added_token(piece) for number, piece in special.items()},
    }


def _added_token(piece: str) -> dict[str, Any]:
    switches = dict.fromkeys(("lstrip", "normalized", "rstrip", "single_word"), False)
    return {"content": piece, **switches, "special": True}


def write_tokenizer(model: bytes, folder: Path, limits: DataConfig) -> int:
    """Writes the three files of the tokenizer.

    Args:
        model: a SentencePiece model file.
        folder: the folder to write to.
        limits: the limits of an example in training.

    Returns:
        The number of ids, which are 0 to size - 1.

    Raises:
        TokenizerError: transformers' mLUKE tokenizer cannot be made of this SentencePiece model.
    """
    tokenizer = fast_tokenizer(model)
    size: int = tokenizer.get_vocab_size()
    config = tokenizer_config(size - 1 - len(TASK_TOKENS), limits)
    (folder / SENTENCEPIECE_FILE).write_bytes(model)
    tokenizer.save(str(folder / TOKENIZER_FILE), pretty=False)
    (folder / TOKENIZER_CONFIG_FILE).write_text(json.dumps(config, ensure_ascii=False, indent=1) + "\n")
    return size
