"""Opens the output of `mlukit examples`, and refuses files that do not belong together or cannot be trained on.

Opening checks that every language's folder is finished, has a known schema, was made with the vocabulary and the
tokenizer of the same output folder and within the run's limits, and that every shard has its size and its rows. The
ranks compare the SHA-256 of all shards before the first step, each rank its share, and compare rows with the limits
each time that they read them. So a damaged shard ends the run before the run trains on an example of the shard.

A folder may hold several formats; mlukit reads the first of `schemas.formats.FORMATS` that is there. A file that can be
read only from its beginning (TFRecord, JSON lines) is one row group. So all formats give the same batches if each shard
has one row group (1,024 examples at most), and otherwise the same examples in another order. To count the examples of
such a file, mlukit reads the whole file when it opens the folder.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from mlukit.corpus.entities.vocabulary import EntityVocabulary, VocabularyError
from mlukit.corpus.examples.tokenizer import WORD_START, Tokenizer, TokenizerError
from mlukit.pretraining.config import DataConfig
from mlukit.pretraining.data.example_rows import LISTS, ExampleRows, Flags, rows_from_table
from mlukit.pretraining.data.row_limits import RowLimits
from mlukit.pretraining.errors import PretrainingError
from mlukit.schemas.arrow import EXAMPLES, SCHEMA_VERSION
from mlukit.schemas.formats import FORMATS, READ_ERRORS, Format, format_of
from mlukit.schemas.layout import EXAMPLES as EXAMPLES_FOLDER
from mlukit.schemas.layout import TOKENIZER, VOCABULARY_PARQUET, split_of
from mlukit.schemas.layout import folder as data_folder
from mlukit.schemas.manifest import MANIFEST, Shard
from mlukit.schemas.records import SPLITS, Split
from mlukit.schemas.summaries import MadeExamples, summary_in
from mlukit.schemas.wording import other_version

_LIMITS = ("max_tokens", "max_entities", "max_mention_tokens")  # options of the build, and settings of a run
_PARTS = ("options", "inputs", "summary", "flows")  # the parts of a manifest that are read
_SCHEMA = {f.name: str(f.type) for f in EXAMPLES}
_UNREADABLE = (*READ_ERRORS, ValueError)


class ExamplesError(PretrainingError):
    """The examples cannot be trained on; the text shows what was found, and what would be accepted."""


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Rows of one split that are read together: a row group of a Parquet file, or a whole file of another format."""

    shard: Shard
    split: Split
    number: int  # of the row group in its shard
    first_row: int  # number of its first row among the language's rows; a row's number decides its random numbers
    rows: int


@dataclass(frozen=True, slots=True)
class MeanLengths:
    """The mean size of an example, which decides how much room a batch has."""

    tokens: float
    entities: float


@dataclass(frozen=True, slots=True, eq=False)
class ExampleDataset:
    """The examples of an output folder, ready to be read."""

    folder: Path
    groups: Mapping[str, tuple[RowGroup, ...]]  # by language, in order
    mean_lengths: Mapping[str, MeanLengths]  # by language
    vocabulary_size: int  # word pieces, special ones and <mask> included
    word_starts: Flags  # for each word piece, whether it starts a word
    entity_vocabulary_size: int  # special ones included
    fingerprints: Mapping[str, str]  # SHA-256 of "entities", "tokenizer" and "examples"
    _sound: set[str] = field(default_factory=set)  # paths of the shards whose SHA-256 was right

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that have a folder, sorted."""
        return tuple(self.groups)

    @property
    def train_examples(self) -> dict[str, int]:
        """The number of examples to train on, by language."""
        return self._examples("train")

    @property
    def validation_examples(self) -> dict[str, int]:
        """The number of held-out examples, by language."""
        return self._examples("validation")

    def _examples(self, split: Split) -> dict[str, int]:
        return {
            language: sum(group.rows for group in groups if group.split == split)
            for language, groups in self.groups.items()
        }

    @property
    def tokenizer(self) -> Path:
        """The SentencePiece model."""
        return self.folder / TOKENIZER

    def check_shards(self, rank: int = 0, world: int = 1) -> None:
        """Compares the SHA-256 of a rank's share of the shards to train on, once.

        Each rank calls it before its first step. No step is done before every rank has its batches, so no rank trains
        on a damaged shard, though a rank reads only its share of the shards from end to end.

        Raises:
            ExamplesError: a shard is not the one that was written.
        """
        shards = {g.shard.path: g.shard for groups in self.groups.values() for g in groups if g.split == "train"}
        unchecked = [shard for path, shard in shards.items() if path not in self._sound]
        for shard in unchecked[rank::world]:
            self._check_shard(shard)
        self._sound.update(shards)

    def _check_shard(self, shard: Shard) -> None:
        path = self.folder / shard.path
        try:
            _check_sum(path, shard)
        except _UNREADABLE as error:
            raise ExamplesError(f"{path}: {error}") from error
        self._sound.add(shard.path)

    def read(self, group: RowGroup, limits: RowLimits) -> ExampleRows:
        """Reads the rows of a group.

        Raises:
            ExamplesError: the shard is not the one that was written, or a row is outside the limits.
        """
        path = self.folder / group.shard.path
        if group.shard.path not in self._sound:
            self._check_shard(group.shard)
        try:
            with path.open("rb") as stream:
                table = _format_of(path).read_group(stream, EXAMPLES, group.number, [*LISTS, "split"])
            if table.num_rows != group.rows:
                raise ValueError(f"{table.num_rows:,} rows, {group.rows:,} when it was opened")
            rows = rows_from_table(table, group.split)
            limits.check(rows)
        except _UNREADABLE as error:
            raise ExamplesError(f"{path}, rows from {group.first_row:,} on: {error}") from error
        return rows


def open_dataset(folder: Path, config: DataConfig) -> ExampleDataset:
    """Opens an output folder of `mlukit examples`: reads the manifests, the vocabulary and the sizes of row groups.

    Raises:
        ExamplesError: the folder is not finished, its parts do not belong together, a shard is missing or damaged, or
            examples are larger than the configuration allows.
    """
    manifests = dict(_read_manifests(folder / EXAMPLES_FOLDER))
    for language, manifest in manifests.items():
        _check_manifest(folder / EXAMPLES_FOLDER / language, manifest, config)
    inputs = _common_inputs(manifests)
    vocabulary, tokenizer = open_vocabulary(folder / VOCABULARY_PARQUET), open_tokenizer(folder / TOKENIZER)
    _check_belongs(folder / VOCABULARY_PARQUET, vocabulary.fingerprint, inputs["entities"])
    _check_belongs(folder / TOKENIZER, tokenizer.fingerprint, inputs["tokenizer"])
    shards = {language: _shards(language, manifest) for language, manifest in manifests.items()}
    groups = {language: tuple(_groups(folder, shards[language])) for language in manifests}
    dataset = ExampleDataset(
        folder=folder,
        groups=groups,
        mean_lengths={language: _mean_lengths(manifest) for language, manifest in manifests.items()},
        vocabulary_size=tokenizer.size,
        word_starts=find_word_starts(tokenizer),
        entity_vocabulary_size=vocabulary.size,
        fingerprints={**inputs, "examples": _fingerprint(shards.values())},
    )
    for language, manifest in manifests.items():
        _check_splits(folder / EXAMPLES_FOLDER / language, manifest, groups[language])
    if not any(dataset.train_examples.values()):
        raise ExamplesError(f"{folder} has no example of the split 'train'")
    return dataset


def _read_manifests(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each language and its manifest, sorted by language."""
    languages = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    if not languages:
        raise ExamplesError(f"{folder} has no folder of a language: `mlukit examples` writes them")
    for path in languages:
        try:
            manifest = json.loads((path / MANIFEST).read_bytes())
            if missing := [name for name in _PARTS if not isinstance(manifest.get(name), dict)]:
                raise ValueError(f"there is no {', '.join(missing)}")
            yield path.name, manifest
        except FileNotFoundError:
            raise ExamplesError(f"{path} is not finished: it has no {MANIFEST}; run `mlukit examples` again") from None
        except (OSError, ValueError, AttributeError) as error:
            raise ExamplesError(f"{path / MANIFEST} is not a manifest: {error}") from error


def _check_manifest(folder: Path, manifest: Mapping[str, Any], config: DataConfig) -> None:
    """Refuses a manifest of another kind, language or schema, and examples that may exceed the run's limits."""
    expected = {"kind": EXAMPLES_FOLDER, "language": folder.name, "schema": _SCHEMA}
    if (version := manifest.get("schema_version")) != SCHEMA_VERSION:
        raise ExamplesError(other_version(str(folder / MANIFEST), "schema_version", version, SCHEMA_VERSION))
    for name, value in expected.items():
        if (found := manifest.get(name)) != value:
            raise ExamplesError(f"{folder / MANIFEST}: {name} is {found!r}; this version reads {value!r}")
    try:
        for name in _LIMITS:
            made, limit = manifest["options"][name], getattr(config, name)
            if made > limit:
                flag = f"--{name.replace('_', '-')} {limit}"
                raise ExamplesError(
                    f"{folder}: the examples were made with {name} {made:,}, the run's {name} is {limit:,}; "
                    f"raise the run's, or make the examples again with `mlukit examples {flag}`"
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
                    f"the examples of {first} were made with the {name} {expected}, the examples of {language} with "
                    f"{found}: make all examples with one vocabulary and one tokenizer"
                )
    return {name: fingerprint for name, (_, fingerprint) in common.items()}


def open_vocabulary(path: Path) -> EntityVocabulary:
    """Opens an entity vocabulary; ExamplesError if it cannot be read."""
    try:
        with path.open("rb") as stream:
            return EntityVocabulary.open(stream)
    except OSError as error:
        raise ExamplesError(f"{path} cannot be read: {error.strerror}") from error
    except VocabularyError as error:
        raise ExamplesError(f"{path}: {error}") from error


def open_tokenizer(path: Path) -> Tokenizer:
    """Loads a SentencePiece model; ExamplesError if it cannot be read."""
    try:
        return Tokenizer.load(path.read_bytes())
    except OSError as error:
        raise ExamplesError(f"{path} cannot be read: {error.strerror}") from error
    except TokenizerError as error:
        raise ExamplesError(f"{path}: {error}") from error


def find_word_starts(tokenizer: Tokenizer) -> Flags:
    """For each id of a tokenizer, whether the piece starts a word: it begins with ▁."""
    return np.array([piece.startswith(WORD_START) for piece in tokenizer.pieces(range(tokenizer.size))], np.bool_)


def _check_belongs(path: Path, found: str, expected: str) -> None:
    if found != expected:
        raise ExamplesError(f"{path} has the fingerprint {found}, the examples were made with {expected}")


def _shards(language: str, manifest: Mapping[str, Any]) -> list[Shard]:
    """The shards to read, in order: the shards of the first format that is in the folder."""
    folder = data_folder(EXAMPLES_FOLDER, language)
    try:
        shards = [Shard(**shard) for shard in manifest["shards"]]
        for shard in shards:
            if shard.path != f"{folder}/{PurePosixPath(shard.path).name}":
                raise ValueError(f"{shard.path!r} is not in {folder}")
    except (KeyError, TypeError, ValueError) as error:
        raise ExamplesError(f"{folder}/{MANIFEST}: the list of shards is wrong: {error!r}") from error
    for one in FORMATS.values():
        if chosen := [shard for shard in shards if format_of(shard.path) is one]:
            return sorted(chosen, key=lambda shard: shard.path)
    if shards:
        endings = ", ".join(f".{one.ending}" for one in FORMATS.values())
        raise ExamplesError(f"{folder} has {shards[0].path}; mlukit reads files that end in {endings}")
    return []


def _groups(folder: Path, shards: Iterable[Shard]) -> Iterator[RowGroup]:
    """The row groups of a language's shards; refuses a shard whose size or number of rows is not the manifest's."""
    first_row = 0
    for shard in shards:
        path, split = folder / shard.path, split_of(shard.path)
        if split is None:
            names = " or ".join(f"{name}-" for name in SPLITS)
            raise ExamplesError(
                f"{path}: the name has no split; it must begin with {names}; run `mlukit examples` again"
            )
        try:
            if (size := path.stat().st_size) != shard.bytes:
                raise ValueError(f"{size:,} bytes, the manifest says {shard.bytes:,}")
            with path.open("rb") as stream:
                sizes = _format_of(path).row_groups(stream)
        except _UNREADABLE as error:
            raise ExamplesError(f"{path}: {error}") from error
        if sum(sizes) != shard.rows:
            raise ExamplesError(f"{path}: {sum(sizes):,} rows, the manifest says {shard.rows:,}")
        for number, rows in enumerate(sizes):
            yield RowGroup(shard, split, number, first_row, rows)
            first_row += rows


def _format_of(path: Path) -> Format:
    """The format of a file; ValueError if no format has such a name."""
    if (found := format_of(path.name)) is None:
        raise ValueError(f"no format has names like {path.name}")
    return found


def _check_sum(path: Path, shard: Shard) -> None:
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != shard.sha256:
        raise ValueError(f"SHA-256 {found}, the manifest says {shard.sha256}; `mlukit verify` says how to repair it")


def _check_splits(folder: Path, manifest: Mapping[str, Any], groups: Sequence[RowGroup]) -> None:
    found = sum(group.rows for group in groups if group.split == "train")
    expected = summary_in(manifest, MadeExamples).train
    if found != expected:
        raise ExamplesError(f"{folder}: {found:,} examples of the split 'train', the manifest says {expected:,}")


def _mean_lengths(manifest: Mapping[str, Any]) -> MeanLengths:
    try:
        made = summary_in(manifest, MadeExamples)
        examples = max(1, made.total)
        return MeanLengths(made.tokens / examples, manifest["flows"]["mentions"]["out"] / examples)
    except (KeyError, TypeError) as error:
        raise ExamplesError(f"the manifest of {manifest.get('language')} has no counts: {error!r}") from error


def _fingerprint(languages: Iterable[Iterable[Shard]]) -> str:
    """SHA-256 of the paths and checksums of all shards."""
    lines = (f"{shard.path} {shard.sha256}\n" for shards in languages for shard in shards)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
