"""Writes the model of the tokenizer to the output: trained on the articles, or copied."""

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

SAMPLE_CHARACTERS = 10_000_000  # in all languages: training takes about 25 bytes per character, a worker has 600 MB
CHARACTERS_A_PIECE = 200  # gives a larger sample for models of more than 50,000 pieces
SHARDS_SAMPLED = 16  # at least, per language: the pages of one shard were created at about the same time
LANGUAGE_EXPONENT = 0.7  # of the size of a language, as mLUKE samples languages


@dataclass(frozen=True)
class ModelFile(Task):
    """A model file of the user, which was checked before the run."""

    step: ClassVar[str] = "tokenizer"
    path: str
    identity: TokenizerIdentity


@dataclass(eq=False, repr=False)
class CopyTokenizer(TaskTransform[ModelFile]):
    """ModelFile -> the tokenizer of the output, a copy."""

    task = ModelFile

    def run(self, task: ModelFile, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """Copies the file.

        Raises:
            ValueError: the file has changed since it was checked.
        """
        with open_file(task.path) as stream:
            model = stream.read()
        found = hashlib.sha256(model).hexdigest()
        if found != task.identity.fingerprint:
            raise ValueError(f"{task.path} has changed: its SHA-256 was {task.identity.fingerprint}, now it is {found}")
        return _write(task.name, model, task.identity, storage)


@dataclass(frozen=True)
class TrainingText(Task):
    """The articles on which a model is trained."""

    step: ClassVar[str] = "tokenizer"
    shards: tuple[tuple[str, tuple[str, ...]], ...]  # (language, files of articles)
    characters: tuple[tuple[str, int], ...]  # (language, number of characters of text)


@dataclass(eq=False, repr=False)
class TrainTokenizer(TaskTransform[TrainingText]):
    """TrainingText -> the tokenizer of the output, trained in one process, as SentencePiece's trainer requires."""

    task = TrainingText
    pieces: int

    def run(self, task: TrainingText, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """Trains on a sample of paragraphs from every language."""
        model = train_sentencepiece(self._paragraphs(task, storage, heartbeat), self.pieces)
        return _write(task.name, model, identify(model), storage)

    def _paragraphs(self, task: TrainingText, storage: Storage, heartbeat: Heartbeat) -> Iterator[str]:
        """The sample: reads shards in a fixed random order until each language has its share."""
        budgets = sample_sizes(dict(task.characters), max(SAMPLE_CHARACTERS, CHARACTERS_A_PIECE * self.pieces))
        for language, paths in task.shards:
            left = budgets[language]
            share = left // min(len(paths), SHARDS_SAMPLED) + 1
            for path in sorted(paths, key=lambda p: hashlib.sha256(p.encode()).digest()):
                for text in _texts(storage, path, min(share, left), heartbeat):
                    left -= len(text)
                    yield from text.split("\n")
        pa.default_memory_pool().release_unused()  # memory of the reader, before the training needs memory


def _texts(storage: Storage, path: str, characters: int, heartbeat: Heartbeat) -> Iterator[str]:
    """The texts of the first pages of a shard, until they have the given number of characters."""
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
    """The number of characters per language in a sample, in proportion to the language's characters ** 0.7."""
    weights = {language: n**LANGUAGE_EXPONENT for language, n in characters.items()}
    scale = total / math.fsum(weights.values()) if any(weights.values()) else 0.0
    return {language: math.ceil(weight * scale) for language, weight in weights.items()}


def _write(name: str, model: bytes, identity: TokenizerIdentity, storage: Storage) -> TaskResult:
    with storage.write(TOKENIZER) as stream:
        stream.write(model)
        stream.rows = identity.size
    summary = TokenizerModel(identity.fingerprint, identity.size)
    return TaskResult(name, (storage.shard(TOKENIZER, stream),), summary=summary)
