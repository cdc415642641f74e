"""Output folders of `mlukit examples` written straight from examples, and batches taken apart again."""

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import pyarrow.parquet as pq

from mlukit.corpus.entities.vocabulary import SPECIAL_ENTITIES, EntityVocabulary
from mlukit.engine.measures import Measures
from mlukit.engine.step_results import StepResults
from mlukit.pretraining.data.batch import IGNORED, Batch
from mlukit.pretraining.data.counter_random import random_bits
from mlukit.pretraining.data.example_rows import ExampleRows, offsets_of
from mlukit.schemas.arrow import EXAMPLE_ROWS, EXAMPLES, VOCABULARY_ROWS
from mlukit.schemas.formats import FORMATS
from mlukit.schemas.manifest import MANIFEST, Flow, FolderContents, Shard, TaskResult, dump_json, folder_manifest
from mlukit.schemas.parquet import ParquetWriter
from mlukit.schemas.records import SPLITS, Entity, Example, Split
from mlukit.schemas.summaries import MadeExamples
from tests.small_dumps import sentencepiece_model

PIECES = [f"▁w{number}" for number in range(995)]
VOCABULARY = 5 + len(PIECES)  # <s>, <pad>, </s>, <unk>, <mask>
ENTITIES = 54
Ids = tuple[int, ...]


def invented_example(language: str, number: int, most_tokens: int = 40) -> Example:
    """An example that no other is like, with 0 to 4 mentions; one page in five is held out."""
    chance = random.Random(f"{language} {number}")
    tokens = [0, *(chance.randrange(4, VOCABULARY - 1) for _ in range(chance.randint(6, most_tokens - 2))), 2]
    borders = sorted(chance.sample(range(1, len(tokens)), 2 * chance.randint(0, min(4, (len(tokens) - 1) // 2))))
    starts, ends = tuple(borders[::2]), tuple(borders[1::2])
    entities = tuple(1 if chance.random() < 0.1 else chance.randrange(4, ENTITIES) for _ in starts)
    split: Split = "validation" if number % 5 == 4 else "train"
    return Example(language, number, 0, split, tuple(tokens), entities, starts, ends, (0,), (1,))


def invented_shards(language: str, *sizes: int) -> list[list[Example]]:
    """Shards of so many examples."""
    firsts = np.cumsum([0, *sizes])
    return [
        [invented_example(language, int(number)) for number in range(first, first + size)]
        for first, size in zip(firsts, sizes, strict=False)
    ]


@dataclass(frozen=True)
class Written:
    """How an output folder is written."""

    shards: Mapping[str, Sequence[Sequence[Example]]]
    formats: Sequence[str] = ("parquet",)
    group_rows: int = 8
    options: Mapping[str, Any] = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        """Writes the folder, and returns it."""
        tokenizer, entities = write_tokenizer(folder), write_vocabulary(folder)
        options = {"max_tokens": 40, "max_entities": 8, "max_mention_tokens": 30, **self.options}
        for language, examples in self.shards.items():
            (folder / "examples" / language).mkdir(parents=True)
            shards = [
                write_shard(folder, f"examples/{language}/{split}-{number:05}", kind, some, self.group_rows)
                for number, shard in enumerate(examples)
                for split, some in by_split(shard)
                for kind in self.formats
            ]
            inputs = {"entities": entities, "tokenizer": tokenizer}
            write_manifest(folder, language, [e for shard in examples for e in shard], shards, options, inputs)
        return folder


def by_split(examples: Sequence[Example]) -> list[tuple[str, list[Example]]]:
    """The examples of each split; of train always, of validation where there are any."""
    parts = {split: [example for example in examples if example.split == split] for split in SPLITS}
    return [(split, part) for split, part in parts.items() if part or split == "train"]


def in_order(shards: Sequence[Sequence[Example]]) -> list[Example]:
    """The examples of a language as they are numbered: those to train on of all shards, then those held out."""
    parts = [dict(by_split(shard)) for shard in shards]
    return [example for split in SPLITS for part in parts for example in part.get(split, [])]


def write_tokenizer(folder: Path, pieces: Sequence[str] = PIECES) -> str:
    """Writes a tokenizer of these pieces; returns its fingerprint."""
    (folder / "tokenizer").mkdir(parents=True, exist_ok=True)
    model = sentencepiece_model(pieces)
    (folder / "tokenizer/sentencepiece.bpe.model").write_bytes(model)
    return hashlib.sha256(model).hexdigest()


def write_vocabulary(folder: Path, size: int = ENTITIES) -> str:
    """Writes an entity vocabulary of this size; returns its fingerprint."""
    (folder / "vocabulary").mkdir(parents=True, exist_ok=True)
    special = [Entity(i, name, None, 0, (), (), ()) for i, name in enumerate(SPECIAL_ENTITIES)]
    items = [Entity(i, f"Q{i}", i, 1, (), (), ()) for i in range(len(special), size)]
    path = folder / "vocabulary/vocabulary.parquet"
    with pq.ParquetWriter(path, VOCABULARY_ROWS.schema) as file:
        file.write_batch(VOCABULARY_ROWS.to_batch([*special, *items]))
    with path.open("rb") as stream:
        return EntityVocabulary.open(stream).fingerprint


def write_shard(folder: Path, name: str, kind: str, examples: Sequence[Example], group_rows: int) -> Shard:
    """Writes a shard in a format."""
    path, batch = f"{name}.{FORMATS[kind].ending}", EXAMPLE_ROWS.to_batch(examples)
    with (folder / path).open("wb") as file:
        stream = cast(BinaryIO, file)
        parquet = kind == "parquet"
        with (
            ParquetWriter(stream, EXAMPLES, group_rows) if parquet else FORMATS[kind].writer(stream, EXAMPLES) as writer
        ):
            writer.write(batch)
    data = (folder / path).read_bytes()
    return Shard(path, len(examples), len(data), hashlib.sha256(data).hexdigest())


def write_manifest(
    folder: Path,
    language: str,
    examples: Sequence[Example],
    shards: Sequence[Shard],
    options: Mapping[str, Any],
    inputs: Mapping[str, str],
) -> None:
    """Writes the manifest of a language's examples."""
    train = sum(example.split == "train" for example in examples)
    tokens = sum(len(example.token_ids) for example in examples)
    mentions = sum(len(example.entity_ids) for example in examples)
    flows = {"mentions": Flow(entered=mentions, out=mentions)}
    result = TaskResult("examples", flows=flows, summary=MadeExamples(train, len(examples) - train, tokens))
    contents = FolderContents("examples", EXAMPLES, language, options=options, inputs=inputs)
    manifest = folder_manifest(contents, shards, StepResults.of_task(result, Measures()).to_json())
    (folder / "examples" / language / MANIFEST).write_bytes(dump_json(manifest))


def rows_of(examples: Sequence[Example], key: int = 1) -> ExampleRows:
    """Examples as rows, with keys."""

    def flat(name: str) -> np.ndarray[Any, np.dtype[np.int32]]:
        return np.array([value for example in examples for value in getattr(example, name)], np.int32)

    return ExampleRows(
        token_ids=flat("token_ids"),
        token_offsets=offsets_of(np.array([len(example.token_ids) for example in examples], np.int64)),
        entity_ids=flat("entity_ids"),
        entity_starts=flat("entity_starts"),
        entity_ends=flat("entity_ends"),
        entity_offsets=offsets_of(np.array([len(example.entity_ids) for example in examples], np.int64)),
        keys=random_bits(np.uint64(key), np.array([example.page_id for example in examples], np.int64)),
    )


@dataclass(frozen=True, order=True)
class Seen:
    """An example as a model sees it in a batch."""

    token_ids: Ids  # before masking
    masked_ids: Ids
    word_targets: Ids  # places in the example
    entity_ids: Ids
    masked_entities: Ids
    entity_targets: Ids
    mentions: tuple[Ids, ...]  # places, for each entity


def taken_apart(batch: Batch) -> list[Seen]:
    """The examples of a batch, by its sequences, slots, mentions and targets."""
    words, entities = batch.token_ids_W.tolist(), batch.entity_ids_E.tolist()
    word_labels = _labels(batch.masked_words_PW.tolist(), batch.word_labels_PW.tolist())
    entity_labels = _labels(batch.masked_entities_PE.tolist(), batch.entity_labels_PE.tolist())
    mentions: dict[int, list[int]] = {}
    for place, entity in zip(batch.mention_positions_M.tolist(), batch.mention_entities_M.tolist(), strict=True):
        mentions.setdefault(entity, []).append(place)
    word_slots, entity_slots = batch.word_slots_W.tolist(), batch.entity_slots_E.tolist()
    starts = batch.sequence_starts_S1.tolist()
    seen = []
    for start, end in pairwise(starts[: batch.examples + 1]):
        word_indices = [i for i, slot in enumerate(word_slots) if start <= slot < end]
        entity_indices = [i for i, slot in enumerate(entity_slots) if start <= slot < end]
        assert [word_slots[i] for i in word_indices] + [entity_slots[i] for i in entity_indices] == list(
            range(start, end)
        )
        assert batch.token_positions_W[word_indices].tolist() == [2 + place for place in range(len(word_indices))]
        seen.append(
            Seen(
                token_ids=tuple(word_labels.get(i, words[i]) for i in word_indices),
                masked_ids=tuple(words[i] for i in word_indices),
                word_targets=tuple(place for place, i in enumerate(word_indices) if i in word_labels),
                entity_ids=tuple(entity_labels.get(i, entities[i]) for i in entity_indices),
                masked_entities=tuple(entities[i] for i in entity_indices),
                entity_targets=tuple(place for place, i in enumerate(entity_indices) if i in entity_labels),
                mentions=tuple(tuple(mentions[i]) for i in entity_indices),
            )
        )
    return seen


def _labels(places: list[int], labels: list[int]) -> dict[int, int]:
    return {place: label for place, label in zip(places, labels, strict=True) if label != IGNORED}
