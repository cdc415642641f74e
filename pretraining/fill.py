"""`mlukit fill`: which entities a model thinks a text is about."""

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from corpus.tokenizer import Tokenizer, TokenizerError
from pretraining.config import ConfigError, ModelConfig
from pretraining.run_folder import CHECKPOINTS, RUN, RunFolderError, read_json, read_model_config, weights_file

_MENTION = re.compile(r"\[([^\[\]]*)\]")
_EPILOG = """examples:
  mlukit fill RUN --text 'Berlin is the capital of [Germany].'
  mlukit fill RUN --text 'Berlin ist die Hauptstadt von [?].' --language de
Each mention in brackets is guessed, from its words and those around it; [?] masks its words too.
"""


class FillError(ValueError):
    """A text cannot be filled; the message shows it, and what would be accepted."""


@dataclass(frozen=True, slots=True)
class Cloze:
    """A text with mentions whose entities are to be guessed.

    Attributes:
        token_ids: <s> and </s> included.
        spans: tokens of each mention, end exclusive.
        mentions: the words of each, as they were written.
    """

    text: str
    token_ids: list[int]
    spans: list[tuple[int, int]]
    mentions: list[str]


def read_cloze(text: str, tokenizer: Tokenizer, config: ModelConfig) -> Cloze:
    """Reads a text with mentions in brackets; FillError where it has none, an empty one, or more tokens than fit."""
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


def main(arguments: Sequence[str]) -> int:
    """Runs the command; its exit status."""
    asked = _parser().parse_args(arguments)
    from pretraining.examples import ExamplesError  # torch, which takes seconds

    try:
        _fill(asked.run, asked.text, asked.examples, asked.number, asked.language)
    except (ConfigError, ExamplesError, FillError, RunFolderError, TokenizerError, OSError) as error:
        print(f"mlukit fill: {error}", file=sys.stderr)
        return 2
    return 0


def _fill(run: Path, texts: Sequence[str], examples: Path | None, number: int, language: str) -> None:
    from pretraining.guess_entities import EntityGuesser

    if examples is None:
        if not (run / CHECKPOINTS).is_dir():
            raise RunFolderError(f"{run} is no run, which would know its examples: name them by --examples")
        examples = Path(read_json(run / RUN)["examples"])
    config = read_model_config(run)
    guesser = EntityGuesser.load(config, weights_file(run, say=_say), examples)
    clozes = [read_cloze(text, guesser.tokenizer, config) for text in texts]
    for cloze in clozes:
        print(cloze.text)
        for mention, guesses in zip(cloze.mentions, guesser.guess(cloze, number, language), strict=True):
            for rank, guess in enumerate(guesses):
                shown = f"[{mention}]" if rank == 0 else ""
                print(f"  {shown:<24} {guess.probability:6.1%}  {guess.label} ({guess.name})")


def _say(text: str) -> None:
    print(f"mlukit fill: {text}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mlukit fill",
        description="Guesses the entities of mentions in a text.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of `mlukit train`; or INIT of `mlukit import`")
    parser.add_argument("--text", action="append", required=True, help="mentions in brackets; may be given again")
    parser.add_argument("--number", type=_count, default=5, metavar="N", help="guesses of each (default: 5)")
    parser.add_argument("--language", default="en", metavar="CODE", help="of the labels (default: en)")
    parser.add_argument(
        "--examples", type=Path, metavar="OUT", help="output folder of `mlukit build` (default: where RUN found it)"
    )
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)
