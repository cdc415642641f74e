"""Encodes text as SentencePiece pieces with the ids of Hugging Face's XLM-R tokenizer, cut at the borders of mentions.

SentencePiece normalises a text (for XLM-R: NFKC, whitespace to one `▁` each, one `▁` before the first word), then
finds the pieces. This module does the two steps separately: it normalises the whole sentence, cuts the normalised text
where mentions begin and end, and splits each segment into pieces without adding or removing characters. So the joined
pieces of the segments are SentencePiece's normalised text of the sentence, in every script, with the same `▁`. Two
rules decide the place of a cut:

- a `▁` belongs to the segment after it;
- a character that normalisation makes of several (e + U+0301) belongs to the segment with the first of them.

Each word of a segment is split separately, as in Hugging Face's tokenizers. No piece contains a `▁` after its first
character, so this is SentencePiece's own split except for ties: "...." is ". ..." or "... .", and SentencePiece's
choice depends on the rounding of the scores of the text before (one English sentence in 5,000).
"""

import hashlib
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice, pairwise
from typing import Self

import sentencepiece

from mlukit.corpus.examples.piece_cache import PieceCache

BOS_ID, PAD_ID, EOS_ID, UNK_ID = range(4)  # <s>, <pad>, </s>, <unk>: fairseq's order, which XLM-R was trained in
SPECIAL_PIECES = ("<s>", "<pad>", "</s>", "<unk>")
MASK_PIECE = "<mask>"  # has the last id
WORD_START = "▁"
_FIRST_PIECES = ["<unk>", "<s>", "</s>"]  # at ids 0 to 2 of an XLM-R model file

# sentencepiece_model.proto: ModelProto.pieces = 1, .normalizer_spec = 3; SentencePiece.piece = 1, .score = 2, .type = 3
_PIECE_TAG = 0x0A
_UNKNOWN, _CONTROL, _USER_DEFINED, _BYTE = 2, 3, 4, 6
_WORD = re.compile(f"{WORD_START}?[^{WORD_START}]+|{WORD_START}")
_UNSUITABLE = {_USER_DEFINED: "a user-defined symbol", _BYTE: "a byte piece (byte_fallback)"}
_NMT_NFKC = b"\x0a\x08nmt_nfkc"  # NormalizerSpec.name = 1
# a second normalizer_spec, which protobuf merges into the first: precompiled_charsmap "", add_dummy_prefix and
# remove_extra_whitespaces false
_NORMALISE_NOTHING = bytes([0x1A, 6, 0x12, 0, 0x18, 0, 0x20, 0])


class TokenizerError(ValueError):
    """Bytes are not a SentencePiece model, or are a model whose ids are not in XLM-R's layout."""


@dataclass(frozen=True, slots=True)
class TokenizerIdentity:
    """The size and the fingerprint of a model."""

    size: int  # of the vocabulary, special pieces and <mask> included
    fingerprint: str  # SHA-256 of the model file


def identify(model: bytes) -> TokenizerIdentity:
    """Reads the identity of a model file.

    Raises:
        TokenizerError: see `Tokenizer.load`.
    """
    added = len(SPECIAL_PIECES) - len(_FIRST_PIECES) + len((MASK_PIECE,))
    return TokenizerIdentity(_check_layout(model) + added, hashlib.sha256(model).hexdigest())


@dataclass(frozen=True, slots=True, eq=False)
class Tokenizer:
    """Turns text into piece ids."""

    size: int  # of the vocabulary, special pieces and <mask> included: ids are 0 to size - 1
    fingerprint: str  # SHA-256 of the model file
    _prefix: str  # the text that normalisation puts before every text
    _normalizer: sentencepiece.SentencePieceNormalizer
    _processor: sentencepiece.SentencePieceProcessor  # takes normalised text; its ids are those written
    words: PieceCache | None  # ids by `_encode_words`; None if words cannot be encoded one by one

    @classmethod
    def load(cls, model: bytes, *, checked: bool = False) -> Self:
        """Reads a model file.

        Args:
            model: a SentencePiece unigram or BPE model with <unk>, <s>, </s> at ids 0, 1, 2.
            checked: the file passed the check before. The check takes as long as loading.

        Raises:
            TokenizerError: the file is not such a model, or has user-defined symbols or byte pieces.
        """
        if not checked:
            _check_layout(model)
        processor = sentencepiece.SentencePieceProcessor(model_proto=_in_written_order(model))
        normalizer = sentencepiece.SentencePieceNormalizer(model_proto=model)
        prefix = normalizer.normalize("x").removesuffix("x")
        words = None
        if _splits_words(model, normalizer, processor):
            words = PieceCache(partial(_encode_words, normalizer, processor))
        return cls(len(processor) + 1, hashlib.sha256(model).hexdigest(), prefix, normalizer, processor, words)

    @property
    def mask_id(self) -> int:
        """The id of <mask>."""
        return self.size - 1

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The pieces of ids: "▁dog", "s", "<s>", "<mask>"; IndexError for an id out of range."""
        return [MASK_PIECE if i == self.mask_id else self._processor.id_to_piece(i) for i in ids]

    def normalize(self, text: str) -> str:
        """SentencePiece's normalised text, whitespace as `▁`. Pieces, except unknown ones, join to this text."""
        normalised: str = self._normalizer.normalize(text)
        return normalised

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids that SentencePiece gives each whole text, without <s> and </s>."""
        return self._encode_normalised(self._normalizer.normalize(list(texts)))

    def encode_segments(self, texts: Sequence[str], cuts: Sequence[Sequence[int]]) -> list[list[list[int]]]:
        """The ids of each text's segments.

        Args:
            texts: sentences.
            cuts: for each text, the offsets at which it is cut, in code points and ascending; they may be empty, and
                may repeat.

        Returns:
            For each text, the ids of its segments: one segment more than cuts; a segment may have no ids.
        """
        segments: list[str] = []
        for text, text_cuts, normalised in zip(texts, cuts, self._normalizer.normalize(list(texts)), strict=True):
            if text_cuts:
                segments += _cut(normalised, self._places(text, normalised, text_cuts))
            else:
                segments.append(normalised)
        ids = iter(self._encode_by_words(segments) if self.words else self._encode_normalised(segments))
        return [list(islice(ids, len(text_cuts) + 1)) for text_cuts in cuts]

    def _encode_by_words(self, segments: Sequence[str]) -> list[list[int]]:
        """The ids of normalised segments; each distinct word is encoded once."""
        words = [_WORD.findall(segment) for segment in segments]
        different = list(dict.fromkeys(chain.from_iterable(words)))
        ids = dict(zip(different, self._encode_normalised(different), strict=True))
        return [list(chain.from_iterable(map(ids.__getitem__, segment_words))) for segment_words in words]

    def _places(self, text: str, normalised: str, cuts: Sequence[int]) -> list[int]:
        """Converts the cuts of a text to offsets into its normalised text."""
        if normalised == self._prefix + text.replace(" ", WORD_START):  # the same characters: offsets are not needed
            shift = len(self._prefix)
            return [cut and cut + shift for cut in cuts]
        _, offsets = self._normalizer.normalize(text, with_offsets=True)
        return [bisect_left(offsets, cut) for cut in cuts]

    def _encode_normalised(self, texts: list[str]) -> list[list[int]]:
        ids: list[list[int]] = self._processor.encode(texts, num_threads=1)
        return ids

    def encode_with_spans(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """The ids of a text, as `encode_segments` without cuts gives them, and the span of the text behind each piece.

        A blank before a word belongs to no piece, except to a piece that is only a blank. Where normalisation makes
        several characters of one, their pieces have the same span. A `▁` that is put before the text has an empty one.
        """
        normalised, offsets = self._normalizer.normalize(text, with_offsets=True)
        words = _WORD.findall(normalised) if self.words else [normalised]
        ids = [one for of_word in self._encode_normalised(words) for one in of_word]
        spans, position = [], 0
        for pieces in self._processor.encode(words, return_type=str, num_threads=1):
            for piece in pieces:
                first = position + (piece[0] == WORD_START and len(piece) > 1)
                position += len(piece)
                end = position if piece == WORD_START else bisect_right(offsets, offsets[position - 1])
                spans.append((offsets[first], offsets[end] if end < len(offsets) else len(text)))
        return ids, spans

    def piece_borders(self, text: str, cuts: Sequence[int]) -> list[tuple[int, bool]]:
        """The places in a text where it can be cut between two of its pieces.

        Args:
            text: a sentence.
            cuts: see `encode_segments`.

        Returns:
            (place in the text, whether a word starts there) for each safe border, ascending and without the ends of the
            text. A border is safe if normalising both sides gives the same text as normalising the whole.
        """
        normalised, offsets = self._normalizer.normalize(text, with_offsets=True)
        segments = _cut(normalised, self._places(text, normalised, cuts))
        borders, position = [], 0
        for pieces in self._processor.encode(segments, return_type=str, num_threads=1):
            for piece in pieces:
                if position and offsets[position] > offsets[position - 1] and normalised[position - 1] != WORD_START:
                    borders.append((offsets[position], normalised[position] == WORD_START))
                position += len(piece)
        return borders


def _cut(normalised: str, places: Sequence[int]) -> list[str]:
    """The segments between the places; a `▁` before a place belongs to the segment after it."""
    cuts = [place - 1 if normalised[place - 1 : place] == WORD_START else place for place in places]
    return [normalised[start:end] for start, end in pairwise((0, *cuts, len(normalised)))]


def _splits_words(
    model: bytes,
    normalizer: sentencepiece.SentencePieceNormalizer,
    processor: sentencepiece.SentencePieceProcessor,
) -> bool:
    """Whether words can be normalised and encoded one by one.

    This is true if the rules are SentencePiece's nmt_nfkc, which never depend on text beyond a space, if runs of spaces
    become one `▁`, and if no piece has a `▁` after its first character.
    """
    if _NMT_NFKC not in model or normalizer.normalize(" x  ﬁ ") != "▁x▁fi":
        return False
    return all(processor.id_to_piece(i).find(WORD_START, 1) < 0 for i in range(len(processor)))


def _encode_words(
    normalizer: sentencepiece.SentencePieceNormalizer,
    processor: sentencepiece.SentencePieceProcessor,
    words: list[str],
) -> list[list[int]]:
    """The ids of words in a text; a word with a space before it continues a word that was cut."""
    normalised = normalizer.normalize(words)
    bare = [text[1:] if word[0] == " " else text for word, text in zip(words, normalised, strict=True)]
    ids: list[list[int]] = processor.encode(bare, num_threads=1)
    return ids


def _check_layout(model: bytes) -> int:
    """The number of the model's pieces; TokenizerError for a model that cannot be used."""
    if not model:
        raise TokenizerError("the SentencePiece model is empty")
    try:
        as_is = sentencepiece.SentencePieceProcessor(model_proto=model)
    except (RuntimeError, OSError, ValueError) as error:
        raise TokenizerError(f"the file is not a SentencePiece model ({len(model):,} bytes)") from error
    first = [as_is.id_to_piece(i) for i in range(min(3, len(as_is)))]
    if first != _FIRST_PIECES or not as_is.is_unknown(0):
        raise TokenizerError(f"the model's first pieces are {first}; accepted: {_FIRST_PIECES}, as XLM-R has them")
    for number, piece in enumerate(_piece_messages(model)):
        if piece[-2] == 0x18 and piece[-1] in _UNSUITABLE:
            raise TokenizerError(
                f"piece {number} of the model, {as_is.id_to_piece(number)!r}, is {_UNSUITABLE[piece[-1]]}; "
                f"accepted: only models without such pieces, as XLM-R's"
            )
    return len(as_is)


def _piece_messages(model: bytes) -> Iterator[bytes]:
    """The serialised pieces: they are first in a model file, in the order of their ids."""
    position = 0
    while position < len(model) and model[position] == _PIECE_TAG:
        length, shift, position = 0, 0, position + 1
        while True:
            byte, position = model[position], position + 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        yield model[position : position + length]
        position += length


def _in_written_order(model: bytes) -> bytes:
    """The model with its pieces in the order of XLM-R's ids, and with a normaliser that changes nothing."""
    types = [_CONTROL, _CONTROL, _CONTROL, _UNKNOWN]
    special = b"".join(map(_piece_message, SPECIAL_PIECES, types))
    pieces = _piece_messages(model)
    skipped = sum(2 + len(next(pieces)) for _ in _FIRST_PIECES)  # each is short: a tag, a byte of length
    return special + model[skipped:] + _NORMALISE_NOTHING


def _piece_message(piece: str, piece_type: int) -> bytes:
    """A serialised piece with the score 0."""
    text = piece.encode()
    body = bytes([0x0A, len(text)]) + text + bytes([0x15, 0, 0, 0, 0, 0x18, piece_type])
    return bytes([_PIECE_TAG, len(body)]) + body
