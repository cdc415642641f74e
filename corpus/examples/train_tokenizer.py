"""Trains a SentencePiece model: the same sentences in the same order give the same bytes.

The settings come from the ModelProto of XLM-R's model (unigram, nmt_nfkc, character coverage 0.9995, no byte pieces).
Each thread sums floating-point numbers, so the result depends on the number of threads, which is a constant.
"""

import io
import re
from collections.abc import Iterable

import sentencepiece

_MAX_SENTENCE_BYTES = 1 << 20  # a paragraph; SentencePiece ignores longer ones
_THREADS = 4
_TOO_SMALL = re.compile(r"Vocabulary size is smaller than required_chars\. (\d+) vs (\d+)")


class TrainingError(ValueError):
    """A model of the requested size cannot be trained on the sample."""


def train_sentencepiece(sentences: Iterable[str], vocab_size: int) -> bytes:
    """Trains a unigram model.

    Args:
        sentences: a bounded sample (training needs some thirty times its size in memory), always in the same order.
            Paragraphs are accepted, too.
        vocab_size: the number of pieces, <unk>, <s> and </s> included. The model is smaller if the sentences have fewer
            pieces.

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
