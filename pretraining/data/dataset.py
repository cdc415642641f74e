"""Opens what `mlukit examples` wrote, and refuses what does not belong together or cannot be trained on.

At opening: every language's folder is finished, of a schema that we know, made with the vocabulary and the tokenizer
that lie beside it and within the run's limits; every shard has its size and its rows. A shard's SHA-256 is compared
when the shard is first read, once for each run, and its rows are held against the limits each time they are read: a
damaged shard ends the run before an example of it is trained on.

A folder may hold Parquet, TFRecord or both; Parquet is read where there is some. A TFRecord file is a group by itself,
as it can be read only from its beginning. So both formats give the same batches where shards have one row group each
(1,024 examples at most), and otherwise the same examples in another order. Opening TFRecord reads all of it, to learn
which examples are of which split.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from google.protobuf.message import Error as ProtobufError

from mlukit.corpus.entities.vocabulary import EntityVocabulary, VocabularyError
from mlukit.corpus.examples.tokenizer import Tokenizer, TokenizerError
from mlukit.pretraining.config import DataConfig
from mlukit.pretraining.data.example_rows import ExampleRows, read_parquet_rows, read_tfrecord_rows
from mlukit.pretraining.data.row_limits import RowLimits
from mlukit.schemas.arrow import EXAMPLES, SCHEMA_VERSION
from mlukit.schemas.manifest import MANIFEST, Shard
from mlukit.schemas.summaries import MadeExamples, summary_in
from mlukit.schemas.tfrecord import TFRecordError

TOKENIZER = "tokenizer/sentencepiece.bpe.model"
VOCABULARY = "vocabulary/vocabulary.parquet"
_PARQUET, _TFRECORD = ".parquet", ".tfrecord.gz"
_LIMITS = {"max_tokens": "max_tokens", "max_entities": "max_entities", "max_mention_tokens": "max_mention_tokens"}
_PARTS = ("options", "inputs", "summary", "flows")  # of a manifest that are read
_SCHEMA = {f.name: str(f.type) for f in EXAMPLES}
_UNREADABLE = (OSError, ValueError, OverflowError, pa.ArrowException, TFRecordError, ProtobufError)


class ExamplesError(ValueError):
    """The examples cannot be trained on; the text shows what was found, and what would be accepted."""


@dataclass(frozen=True, slots=True)
class Group:
    """What is read at once: a row group of Parquet, or a TFRecord file."""

    shard: Shard
    number: int  # of the row group in its shard; 0 for TFRecord
    first_row: int  # its number among the language's rows, which a row's random numbers come from
    rows: int
    train: int
    validation: int


@dataclass(frozen=True, slots=True)
class Means:
    """What an example has on average, for a batch to have room."""

    tokens: float
    entities: float


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """The examples of an output folder, ready to be read."""

    folder: Path
    groups: Mapping[str, tuple[Group, ...]]  # by language, in order
    means: Mapping[str, Means]  # by language
    vocabulary_size: int  # word pieces, special ones and <mask> included
    entity_vocabulary_size: int  # special ones included
    fingerprints: Mapping[str, str]  # SHA-256 of "entities", "tokenizer" and "examples"
    _sound: set[str] = field(default_factory=set)  # shards whose SHA-256 was found right

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that there are folders of, sorted."""
        return tuple(self.groups)

    @property
    def train_examples(self) -> dict[str, int]:
        """How many examples of each language are there to train on."""
        return {language: sum(group.train for group in groups) for language, groups in self.groups.items()}

    @property
    def validation_examples(self) -> dict[str, int]:
        """How many examples of each language are held out."""
        return {language: sum(group.validation for group in groups) for language, groups in self.groups.items()}

    @property
    def tokenizer(self) -> Path:
        """The SentencePiece model."""
        return self.folder / TOKENIZER

    def read(self, group: Group, limits: RowLimits) -> ExampleRows:
        """A group's rows.

        Raises:
            ExamplesError: the shard is not the one that was written, or a row is not within the limits.
        """
        path = self.folder / group.shard.path
        try:
            if group.shard.path not in self._sound:
                _check_sum(path, group.shard)
                self._sound.add(group.shard.path)
            rows = read_parquet_rows(path, group.number) if path.name.endswith(_PARQUET) else read_tfrecord_rows(path)
            found = len(rows), int(rows.train.sum())
            if found != (group.rows, group.train):
                raise ValueError(f"{found} rows and train rows, {(group.rows, group.train)} when it was opened")
            limits.check(rows)
        except _UNREADABLE as error:
            raise ExamplesError(f"{path}, rows from {group.first_row:,} on: {error}") from error
        return rows


def open_corpus(folder: Path, config: DataConfig) -> Corpus:
    """Opens an output folder of `mlukit examples`; reads its manifests, its vocabulary and which split its rows are of.

    Raises:
        ExamplesError: the folder is not finished, its parts do not belong together, a shard is missing or damaged, or
            examples are larger than the configuration allows.
    """
    manifests = dict(_read_manifests(folder / "examples"))
    for language, manifest in manifests.items():
        _check_manifest(folder / "examples" / language, manifest, config)
    made_with = _common_inputs(manifests)
    vocabulary, tokenizer = _open_vocabulary(folder / VOCABULARY), _open_tokenizer(folder / TOKENIZER)
    _check_belongs(folder / VOCABULARY, vocabulary.fingerprint, made_with["entities"])
    _check_belongs(folder / TOKENIZER, tokenizer.fingerprint, made_with["tokenizer"])
    shards = {language: _shards(language, manifest) for language, manifest in manifests.items()}
    groups = {language: tuple(_groups(folder, shards[language])) for language in manifests}
    corpus = Corpus(
        folder=folder,
        groups=groups,
        means={language: _means(manifest) for language, manifest in manifests.items()},
        vocabulary_size=tokenizer.size,
        entity_vocabulary_size=vocabulary.size,
        fingerprints={**made_with, "examples": _fingerprint(shards.values())},
    )
    for language, manifest in manifests.items():
        _check_splits(folder / "examples" / language, manifest, groups[language])
    if not any(corpus.train_examples.values()):
        raise ExamplesError(f"{folder} has no example of the split 'train'")
    return corpus


def _read_manifests(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    languages = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    if not languages:
        raise ExamplesError(f"{folder} has no folder of a language: `mlukit examples` writes them")
    for path in languages:
        try:
            manifest = json.loads((path / MANIFEST).read_bytes())
            if missing := [name for name in _PARTS if not isinstance(manifest.get(name), dict)]:
                raise ValueError(f"it has no {', '.join(missing)}")
            yield path.name, manifest
        except FileNotFoundError:
            raise ExamplesError(f"{path} is not finished: it has no {MANIFEST}; run `mlukit examples` again") from None
        except (OSError, ValueError, AttributeError) as error:
            raise ExamplesError(f"{path / MANIFEST} is no manifest: {error}") from error


def _check_manifest(folder: Path, manifest: Mapping[str, Any], config: DataConfig) -> None:
    expected = {"kind": "examples", "language": folder.name, "schema_version": SCHEMA_VERSION, "schema": _SCHEMA}
    for name, value in expected.items():
        if (found := manifest.get(name)) != value:
            raise ExamplesError(f"{folder / MANIFEST}: {name} is {found!r}; this version reads {value!r}")
    try:
        for option, setting in _LIMITS.items():
            made, limit = manifest["options"][option], getattr(config, setting)
            if made > limit:
                flag = f"--{option.replace('_', '-')} {limit}"
                raise ExamplesError(
                    f"{folder}: its examples were made with {option} {made:,}, the run's {setting} is {limit:,}; "
                    f"raise the one, or make them anew with `mlukit examples {flag}`"
                )
    except (KeyError, TypeError) as error:
        raise ExamplesError(f"{folder / MANIFEST} does not say how examples were made: {error!r}") from error


def _common_inputs(manifests: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The fingerprints of the vocabulary and the tokenizer that all languages were made with."""
    common: dict[str, tuple[str, str]] = {}  # name -> the first language, its fingerprint
    for language, manifest in manifests.items():
        for name in ("entities", "tokenizer"):
            found = manifest["inputs"].get(name)
            first, expected = common.setdefault(name, (language, found))
            if found is None or found != expected:
                raise ExamplesError(
                    f"the examples of {first} were made with the {name} {expected}, those of {language} with {found}: "
                    "make them with one vocabulary and one tokenizer"
                )
    return {name: fingerprint for name, (_, fingerprint) in common.items()}


def _open_vocabulary(path: Path) -> EntityVocabulary:
    try:
        with path.open("rb") as stream:
            return EntityVocabulary.open(stream)
    except (OSError, VocabularyError) as error:
        raise ExamplesError(f"{path}: {error}") from error


def _open_tokenizer(path: Path) -> Tokenizer:
    try:
        return Tokenizer.load(path.read_bytes())
    except (OSError, TokenizerError) as error:
        raise ExamplesError(f"{path}: {error}") from error


def _check_belongs(path: Path, found: str, expected: str) -> None:
    if found != expected:
        raise ExamplesError(f"{path} has the fingerprint {found}, the examples were made with {expected}")


def _shards(language: str, manifest: Mapping[str, Any]) -> list[Shard]:
    """The shards to be read, in order: those of Parquet where there are any."""
    folder = f"examples/{language}"
    try:
        shards = [Shard(**shard) for shard in manifest["shards"]]
        for shard in shards:
            if shard.path != f"{folder}/{PurePosixPath(shard.path).name}":
                raise ValueError(f"{shard.path!r} does not lie in {folder}")
    except (KeyError, TypeError, ValueError) as error:
        raise ExamplesError(f"{folder}/{MANIFEST}: its shards are wrong: {error!r}") from error
    for ending in (_PARQUET, _TFRECORD):
        if chosen := [shard for shard in shards if shard.path.endswith(ending)]:
            return sorted(chosen, key=lambda shard: shard.path)
    if shards:
        raise ExamplesError(f"{folder} has {shards[0].path}; what can be read ends in {_PARQUET} or {_TFRECORD}")
    return []


def _groups(folder: Path, shards: Iterable[Shard]) -> Iterator[Group]:
    first_row = 0
    for shard in shards:
        path = folder / shard.path
        try:
            if (size := path.stat().st_size) != shard.bytes:
                raise ValueError(f"{size:,} bytes, the manifest says {shard.bytes:,}")
            splits = _parquet_splits(path) if path.name.endswith(_PARQUET) else [_tfrecord_splits(path)]
        except _UNREADABLE as error:
            raise ExamplesError(f"{path}: {error}") from error
        if (rows := sum(train + validation for train, validation in splits)) != shard.rows:
            raise ExamplesError(f"{path}: {rows:,} rows, the manifest says {shard.rows:,}")
        for number, (train, validation) in enumerate(splits):
            yield Group(shard, number, first_row, train + validation, train, validation)
            first_row += train + validation


def _parquet_splits(path: Path) -> list[tuple[int, int]]:
    """How many rows of each row group are to train on, and how many are held out."""
    with pq.ParquetFile(path, read_dictionary=["split"]) as file:
        sizes = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
        column = file.read(columns=["split"], use_threads=False).column("split")
    train, validation = (
        np.split(np.asarray(pc.equal(column, split)), np.cumsum(sizes)[:-1]) for split in ("train", "validation")
    )
    return [(int(t.sum()), int(v.sum())) for t, v in zip(train, validation, strict=True) if sizes]


def _tfrecord_splits(path: Path) -> tuple[int, int]:
    rows = read_tfrecord_rows(path)
    train = int(rows.train.sum())
    return train, len(rows) - train


def _check_sum(path: Path, shard: Shard) -> None:
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != shard.sha256:
        raise ValueError(f"SHA-256 {found}, the manifest says {shard.sha256}; `mlukit verify` says how to mend it")


def _check_splits(folder: Path, manifest: Mapping[str, Any], groups: Sequence[Group]) -> None:
    found, said = sum(group.train for group in groups), summary_in(manifest, MadeExamples).train
    if found != said:
        raise ExamplesError(f"{folder}: {found:,} examples of the split 'train', the manifest says {said:,}")


def _means(manifest: Mapping[str, Any]) -> Means:
    try:
        made = summary_in(manifest, MadeExamples)
        examples = max(1, made.total)
        return Means(made.tokens / examples, manifest["flows"]["mentions"]["out"] / examples)
    except (KeyError, TypeError) as error:
        raise ExamplesError(f"the manifest of {manifest.get('language')} lacks counts: {error!r}") from error


def _fingerprint(languages: Iterable[Iterable[Shard]]) -> str:
    lines = (f"{shard.path} {shard.sha256}\n" for shards in languages for shard in shards)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
