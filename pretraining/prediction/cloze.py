"""Texts with mentions in brackets, whose entities the model guesses: "Berlin is the capital of [Germany]."."""

import re
from dataclasses import dataclass

from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.pretraining.config import DataConfig, ModelConfig
from mlukit.pretraining.prediction.text_errors import TextError, check_text, shown
from mlukit.schemas.wording import counted

_MENTION = re.compile(r"\[([^\[\]]*)\]")


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


def beyond_training(cloze: Cloze, limits: DataConfig) -> list[str]:
    """Describes how a text exceeds the examples that the model was trained on, and brackets that mark no mention.

    The model still takes every mention whole: the words of a bracket without its partner are plain text.

    Args:
        cloze: the text.
        limits: the settings of the training.
    """
    lengths = [end - start for start, end in cloze.spans]
    found = [("tokens", len(cloze.token_ids), limits.max_tokens), ("mentions", len(lengths), limits.max_entities)]
    told = [
        f"it has {number:,} {name}, and the examples of the training had at most {most:,}"
        for name, number, most in found
        if number > most
    ]
    told += [
        f"the mention {shown(f'[{mention}]')} has {length:,} tokens, and mentions of the training had at most "
        f"{limits.max_mention_tokens:,}"
        for mention, length in zip(cloze.mentions, lengths, strict=True)
        if length > limits.max_mention_tokens
    ]
    if alone := re.findall(r"[\[\]]", _MENTION.sub("", cloze.text)):
        told.append(f"{counted(len(alone), 'bracket')} ({' '.join(alone)}) without a partner: no mention is read there")
    return told


def read_cloze(text: str, tokenizer: Tokenizer, config: ModelConfig) -> Cloze:
    """Reads a text with mentions in brackets.

    Raises:
        TextError: the text is not valid Unicode, has no mention, an empty mention, or more tokens than the model takes.
    """
    check_text(text)
    parts = _MENTION.split(text)  # text, mention, text, mention, …, text
    mentions = parts[1::2]
    if not mentions:
        raise TextError(f"{shown(text)} has no mention in brackets, such as [Germany] or [?]")
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
            raise TextError(f"{shown(text)} has a mention without words: [{mention}]; [?] masks them")
    token_ids.append(config.eos_id)
    if len(token_ids) > (room := config.max_positions - config.pad_id - 1):
        raise TextError(f"{shown(text)} has {len(token_ids)} tokens; the model takes {room}")
    return Cloze(text, token_ids, spans, mentions)
