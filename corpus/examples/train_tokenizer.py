"""Trains a SentencePiece model: the same sentences in the same order give the same bytes.

The settings are those of XLM-R's model (unigram, nmt_nfkc, character coverage 0.9995, no byte pieces), as its
ModelProto has them. Training sums floating-point numbers by thread, so the number of threads is a constant.
"""

import io
import re
from collections.abc import Iterable

import sentencepiece

_MAX_SENTENCE_BYTES = 1 << 20  # a paragraph; SentencePiece ignores longer ones
_THREADS = 4
_TOO_SMALL = re.compile(r"Vocabulary size is smaller than required_chars\. (\d+) vs (\d+)")


class TrainingError(ValueError):
    """A sample gives no model of the size asked for."""


def train_sentencepiece(sentences: Iterable[str], vocab_size: int) -> bytes:
    """Trains a unigram model.

    Args:
        sentences: a bounded sample (training holds some thirty times as much), in an order that is always the same.
            Paragraphs will do.
        vocab_size: pieces to make, <unk>, <s> and </s> included. The model is smaller if the sentences give fewer.

    Returns:
        The model file, for `Tokenizer.load`.

    Raises:
        TrainingError: there are no sentences, or more characters than pieces.
    """
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences),
            model_writer=model,
            model_type="unigram",
            vocab_size=vocab_size,
            hard_vocab_limit=False,
            character_coverage=0.9995,
            normalization_rule_name="nmt_nfkc",
            max_sentence_length=_MAX_SENTENCE_BYTES,
            shuffle_input_sentence=False,
            num_threads=_THREADS,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise TrainingError(_reason(str(error), vocab_size)) from error
    return model.getvalue()


def _reason(message: str, vocab_size: int) -> str:
    """SentencePiece's error message in words that say what to change."""
    if match := _TOO_SMALL.search(message):
        return (
            f"a SentencePiece model of {vocab_size} pieces is too small: the sample's characters need {match[2]} pieces"
        )
    if "!sentences_.empty()" in message:
        return "there is no sentence to train a SentencePiece model on"
    return f"a SentencePiece model of {vocab_size} pieces could not be trained: {message}"
