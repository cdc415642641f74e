"""Trains a SentencePiece model on a sample of the corpus: the same bytes for the same articles, whoever reads them.

The settings are those of XLM-R's model (unigram, nmt_nfkc, character coverage 0.9995, no byte pieces), as its
ModelProto has them. Training sums floating-point numbers by thread, so the number of threads is a constant.
"""

import heapq
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

import sentencepiece

SAMPLE_SENTENCES = 250_000  # some 40 MB; training holds some thirty times as much
MAX_SENTENCE_BYTES = 4192  # of UTF-8: SentencePiece's own limit
_THREADS = 4
_TOO_SMALL = re.compile(r"Vocabulary size is smaller than required_chars\. (\d+) vs (\d+)")


class TrainingError(ValueError):
    """No model of the asked size comes of the sample."""


@dataclass(slots=True)
class SentenceSample:
    """Those sentences whose hashes are the smallest, each text once.

    Which they are depends neither on the order they come in nor on how they are dealt out: the samples of shards,
    added to one, give the sample of all.
    """

    size: int = SAMPLE_SENTENCES
    too_long: int = 0  # sentences over MAX_SENTENCE_BYTES, which are left out
    _heap: list[tuple[int, str]] = field(default_factory=list)  # (-hash, sentence): the largest hash first
    _hashes: set[int] = field(default_factory=set)

    def add(self, sentences: Iterable[str]) -> None:
        """Takes sentences in, such as those of another sample."""
        for sentence in sentences:
            encoded = sentence.encode()
            if len(encoded) > MAX_SENTENCE_BYTES:
                self.too_long += 1
            elif encoded:
                self._take(sentence, int.from_bytes(blake2b(encoded, digest_size=16).digest()))

    def _take(self, sentence: str, key: int) -> None:
        if key in self._hashes:
            return
        if len(self._heap) < self.size:
            heapq.heappush(self._heap, (-key, sentence))
        elif key < -self._heap[0][0]:
            dropped, _ = heapq.heapreplace(self._heap, (-key, sentence))
            self._hashes.discard(-dropped)
        else:
            return
        self._hashes.add(key)

    def __iter__(self) -> Iterator[str]:
        """The sentences, by hash."""
        return (sentence for _, sentence in sorted(self._heap, reverse=True))


def train_sentencepiece(sentences: Iterable[str], vocab_size: int) -> bytes:
    """Trains a unigram model.

    Args:
        sentences: in an order that is always the same, such as a `SentenceSample`'s.
        vocab_size: pieces to make, <unk>, <s> and </s> included. Where the sentences give fewer, the model has fewer.

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
            max_sentence_length=MAX_SENTENCE_BYTES,
            shuffle_input_sentence=False,
            num_threads=_THREADS,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise TrainingError(_reason(str(error), vocab_size)) from error
    return model.getvalue()


def _reason(message: str, vocab_size: int) -> str:
    if match := _TOO_SMALL.search(message):
        return (
            f"a SentencePiece model of {vocab_size} pieces is too small: the sample's characters alone need {match[2]}"
        )
    if "!sentences_.empty()" in message:
        return "there is no sentence to train a SentencePiece model on"
    return f"a SentencePiece model of {vocab_size} pieces could not be trained: {message}"
