"""Puts the tokenizer's model into the output: trained on its articles, or copied."""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from mlukit.corpus.examples.tokenizer import TokenizerIdentity, identify
from mlukit.corpus.examples.train_tokenizer import train_sentencepiece
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.storage import Storage, open_file
from mlukit.engine.task import Task
from mlukit.engine.task_transform import TaskTransform
from mlukit.schemas.layout import TOKENIZER
from mlukit.schemas.manifest import TaskResult
from mlukit.schemas.parquet import read_parquet
from mlukit.schemas.summaries import TokenizerModel

SAMPLE_CHARACTERS = 10_000_000  # over all languages: training takes some 25 bytes for each, and a worker has 600 MB
CHARACTERS_A_PIECE = 200  # where so many pieces are asked for that the sample has too few: from 50,000 on
SHARDS_SAMPLED = 16  # of a language, at least: a shard's pages are of one time
LANGUAGE_EXPONENT = 0.7  # of a language's share, as mLUKE samples languages


@dataclass(frozen=True)
class ModelFile(Task):
    """A model file of the user's, which was looked at before the run."""

    step: ClassVar[str] = "tokenizer"
    path: str
    identity: TokenizerIdentity


@dataclass(eq=False, repr=False)
class CopyTokenizer(TaskTransform[ModelFile]):
    """ModelFile -> the tokenizer of the output."""

    task = ModelFile

    def run(self, task: ModelFile, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """Copies the file; ValueError where it is another one by now."""
        with open_file(task.path) as stream:
            model = stream.read()
        found = hashlib.sha256(model).hexdigest()
        if found != task.identity.fingerprint:
            raise ValueError(f"{task.path} has changed: its SHA-256 was {task.identity.fingerprint}, now it is {found}")
        return _write(task.name, model, task.identity, storage)


@dataclass(frozen=True)
class TrainingText(Task):
    """What a model is to be trained on."""

    step: ClassVar[str] = "tokenizer"
    shards: tuple[tuple[str, tuple[str, ...]], ...]  # of articles, by language
    characters: tuple[tuple[str, int], ...]  # of text, by language


@dataclass(eq=False, repr=False)
class TrainTokenizer(TaskTransform[TrainingText]):
    """TrainingText -> a model of the articles' own, in one process: SentencePiece's trainer knows no other way."""

    task = TrainingText
    pieces: int

    def run(self, task: TrainingText, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """Reads shards in an order of their own until each language has its share."""
        model = train_sentencepiece(self._paragraphs(task, storage, heartbeat), self.pieces)
        return _write(task.name, model, identify(model), storage)

    def _paragraphs(self, task: TrainingText, storage: Storage, heartbeat: Heartbeat) -> Iterator[str]:
        budgets = sample_sizes(dict(task.characters), max(SAMPLE_CHARACTERS, CHARACTERS_A_PIECE * self.pieces))
        for language, paths in task.shards:
            left = budgets[language]
            share = left // min(len(paths), SHARDS_SAMPLED) + 1
            for path in sorted(paths, key=lambda p: hashlib.sha256(p.encode()).digest()):
                for text in _texts(storage, path, min(share, left), heartbeat):
                    left -= len(text)
                    yield from text.split("\n")
        pa.default_memory_pool().release_unused()  # what reading took, before training takes its own


def _texts(storage: Storage, path: str, characters: int, heartbeat: Heartbeat) -> Iterator[str]:
    """The texts of the first pages of a shard, until they have so many characters."""
    if characters <= 0:
        return
    with storage.open(path) as stream:
        for batch in read_parquet(stream, columns=["text"]):
            heartbeat.advance()
            for text in batch["text"].to_pylist():
                yield text
                characters -= len(text)
                if characters <= 0:
                    return


def sample_sizes(characters: dict[str, int], total: int) -> dict[str, int]:
    """How many characters each language gives to a sample, in proportion to its own to the power of 0.7."""
    weights = {language: n**LANGUAGE_EXPONENT for language, n in characters.items()}
    scale = total / math.fsum(weights.values()) if any(weights.values()) else 0.0
    return {language: math.ceil(weight * scale) for language, weight in weights.items()}


def _write(name: str, model: bytes, identity: TokenizerIdentity, storage: Storage) -> TaskResult:
    with storage.write(TOKENIZER) as stream:
        stream.write(model)
        stream.rows = identity.size
    summary = TokenizerModel(identity.fingerprint, identity.size)
    return TaskResult(name, (storage.shard(TOKENIZER, stream),), summary=summary)
