"""Texts with mentions in brackets, whose entities the model guesses: "Berlin is the capital of [Germany]."."""

import re
from dataclasses import dataclass

from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.pretraining.config import ModelConfig
from mlukit.pretraining.errors import PretrainingError

_MENTION = re.compile(r"\[([^\[\]]*)\]")


class FillError(PretrainingError):
    """A text cannot be filled; the message shows the text, and what would be accepted."""


@dataclass(frozen=True, slots=True)
class Cloze:
    """A text with mentions whose entities the model guesses.

    Attributes:
        text: with the brackets.
        token_ids: with <s> and </s>.
        spans: the tokens of each mention, end exclusive.
        mentions: the words of each mention, as written.
    """

    text: str
    token_ids: list[int]
    spans: list[tuple[int, int]]
    mentions: list[str]


def read_cloze(text: str, tokenizer: Tokenizer, config: ModelConfig) -> Cloze:
    """Reads a text with mentions in brackets.

    Raises:
        FillError: the text has no mention, an empty mention, or more tokens than the model takes.
    """
    parts = _MENTION.split(text)  # text, mention, text, mention, …, text
    mentions = parts[1::2]
    if not mentions:
        raise FillError(f"{text!r} has no mention in brackets, such as [Germany] or [?]")
    cuts = [sum(map(len, parts[:number])) for number in range(1, len(parts))]
    (segments,) = tokenizer.encode_segments(["".join(parts)], [cuts])
    token_ids, spans = [config.bos_id], []
    for number, segment in enumerate(segments):
        ids = [tokenizer.mask_id] if number % 2 and parts[number].strip() == "?" else segment
        if number % 2:
            spans.append((len(token_ids), len(token_ids) + len(ids)))
        token_ids += ids
    for mention, (start, end) in zip(mentions, spans, strict=True):
        if start == end:
            raise FillError(f"{text!r} has a mention without words: [{mention}]; [?] masks them")
    token_ids.append(config.eos_id)
    if len(token_ids) > (room := config.max_positions - config.pad_id - 1):
        raise FillError(f"{text!r} has {len(token_ids)} tokens; the model takes {room}")
    return Cloze(text, token_ids, spans, mentions)
