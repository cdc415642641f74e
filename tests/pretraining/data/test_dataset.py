"""What is refused when an output folder is opened or read, and what is told of one that is sound."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mlukit.pretraining.config import DataConfig, changed
from mlukit.pretraining.data.dataset import ExamplesError, MeanLengths, open_dataset
from mlukit.pretraining.data.example_rows import ExampleRows, concatenate, rows_from_table
from mlukit.pretraining.data.row_limits import RowLimits
from mlukit.schemas.formats import format_names
from mlukit.schemas.manifest import dump_json
from mlukit.schemas.records import Example
from tests.pretraining.written_examples import (
    ENTITIES,
    PIECES,
    VOCABULARY,
    Written,
    in_order,
    invented_example,
    invented_shards,
    rows_of,
    write_shard,
    write_tokenizer,
    write_vocabulary,
)

CONFIG = DataConfig(micro_batch_tokens=128, max_tokens=40, max_entities=8, max_mention_tokens=38)
LIMITS = RowLimits(40, 8, 38, VOCABULARY, ENTITIES)
SHARDS = {"de": invented_shards("de", 20, 13), "en": invented_shards("en", 10)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Written(SHARDS).write(tmp_path)


def change_manifest(folder: Path, change: Callable[[dict[str, Any]], object], language: str = "de") -> None:
    path = folder / "examples" / language / "_manifest.json"
    manifest = json.loads(path.read_bytes())
    change(manifest)
    path.write_bytes(dump_json(manifest))


def refusal(folder: Path, config: DataConfig = CONFIG) -> str:
    with pytest.raises(ExamplesError) as caught:
        open_dataset(folder, config)
    return str(caught.value).replace(f"{folder}/", "")


def test_a_sound_folder(folder: Path) -> None:
    dataset = open_dataset(folder, CONFIG)
    assert dataset.languages == ("de", "en")
    assert dataset.train_examples == {"de": 27, "en": 8}
    assert dataset.validation_examples == {"de": 6, "en": 2}
    assert (dataset.vocabulary_size, dataset.entity_vocabulary_size) == (1000, 54)
    assert dataset.tokenizer == folder / "tokenizer/sentencepiece.bpe.model"
    assert dataset.fingerprints.keys() == {"entities", "tokenizer", "examples"}
    tokens = [len(example.token_ids) for example in SHARDS["en"][0]]
    entities = [len(example.entity_ids) for example in SHARDS["en"][0]]
    assert dataset.mean_lengths["en"] == MeanLengths(sum(tokens) / 10, sum(entities) / 10)
    groups = dataset.groups["de"]
    assert [(g.shard.path[-10:], g.number, g.first_row, g.rows) for g in groups] == [
        ("00.parquet", 0, 0, 8),
        ("00.parquet", 1, 8, 8),
        ("01.parquet", 0, 16, 8),
        ("01.parquet", 1, 24, 3),
        ("00.parquet", 0, 27, 4),
        ("01.parquet", 0, 31, 2),
    ]
    assert [g.split for g in groups] == ["train"] * 4 + ["validation"] * 2


def same(first: ExampleRows, second: ExampleRows) -> bool:
    names = [name for name in ExampleRows.__dataclass_fields__ if name != "keys"]
    return all(getattr(first, name).tolist() == getattr(second, name).tolist() for name in names)


@pytest.mark.parametrize("kind", format_names("examples"))
def test_rows_are_those_written(tmp_path: Path, kind: str) -> None:
    dataset = open_dataset(Written(SHARDS, [kind]).write(tmp_path), CONFIG)
    read = concatenate([dataset.read(group, LIMITS) for group in dataset.groups["de"]])
    assert same(read, rows_of(in_order(SHARDS["de"])))


def test_rows_are_taken_and_cut() -> None:
    examples = [invented_example("de", number) for number in range(9)]
    rows = rows_of(examples)
    assert same(rows.take(np.array([4, 4, 0])), rows_of([examples[4], examples[4], examples[0]]))
    assert same(rows.part(2, 5), rows_of(examples[2:5]))
    assert same(rows.part(7, 99), rows_of(examples[7:]))
    assert same(rows.take(np.empty(0, np.int64)), rows_of([]))
    assert rows.without_entities().entities.tolist() == [0] * 9


def test_the_fingerprint_is_that_of_the_shards(tmp_path: Path) -> None:
    first, same_again, different = (
        open_dataset(Written(shards).write(tmp_path / name), CONFIG).fingerprints["examples"]
        for name, shards in (("a", SHARDS), ("b", SHARDS), ("c", {"de": SHARDS["de"]}))
    )
    assert first == same_again != different


def test_no_examples(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "examples has no folder of a language: `mlukit examples` writes them"


def test_a_folder_that_is_not_finished(folder: Path) -> None:
    (folder / "examples/de/_manifest.json").unlink()
    assert refusal(folder) == "examples/de is not finished: it has no _manifest.json; run `mlukit examples` again"


def test_a_manifest_that_is_none(folder: Path) -> None:
    for text in ("{", "[]", "1", "\x00"):
        (folder / "examples/de/_manifest.json").write_text(text)
        assert refusal(folder).startswith("examples/de/_manifest.json is not a manifest: ")


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("kind", "articles", "kind is 'articles'; this version reads 'examples'"),
        ("language", "fr", "language is 'fr'; this version reads 'de'"),
        ("schema", {"text": "string"}, "schema is {'text': 'string'}; this version reads {'language': 'string'"),
    ],
)
def test_a_manifest_of_something_else(folder: Path, name: str, value: object, text: str) -> None:
    change_manifest(folder, lambda manifest: manifest.update({name: value}))
    assert refusal(folder).startswith(f"examples/de/_manifest.json: {text}")


def test_a_manifest_of_another_version(folder: Path) -> None:
    change_manifest(folder, lambda manifest: manifest.update(schema_version=0))
    assert refusal(folder).startswith(
        "examples/de/_manifest.json is from another version of mlukit: its schema_version is 0, and this mlukit reads "
        "1. Build the dumps again"
    )


@pytest.mark.parametrize(("name", "limit"), [("max_tokens", 39), ("max_entities", 7), ("max_mention_tokens", 29)])
def test_examples_larger_than_the_run_s(folder: Path, name: str, limit: int) -> None:
    assert refusal(folder, changed(CONFIG, {name: limit})) == (
        f"examples/de: the examples were made with {name} {limit + 1}, the run's {name} is {limit}; "
        f"raise the run's, or make the examples again with `mlukit examples --{name.replace('_', '-')} {limit}`"
    )


@pytest.mark.parametrize("name", ["entities", "tokenizer"])
def test_languages_that_do_not_belong_together(folder: Path, name: str) -> None:
    made = open_dataset(folder, CONFIG).fingerprints[name]
    change_manifest(folder, lambda manifest: manifest["inputs"].update({name: "f00"}), "en")
    assert refusal(folder) == (
        f"the examples of de were made with the {name} {made}, the examples of en with f00: "
        "make all examples with one vocabulary and one tokenizer"
    )


def test_a_vocabulary_that_is_another(folder: Path) -> None:
    made = open_dataset(folder, CONFIG).fingerprints["entities"]
    found = write_vocabulary(folder, ENTITIES + 1)
    assert refusal(folder) == (
        f"vocabulary/vocabulary.parquet has the fingerprint {found}, the examples were made with {made}"
    )


def test_a_tokenizer_that_is_another(folder: Path) -> None:
    made = open_dataset(folder, CONFIG).fingerprints["tokenizer"]
    found = write_tokenizer(folder, PIECES[1:])
    assert refusal(folder) == (
        f"tokenizer/sentencepiece.bpe.model has the fingerprint {found}, the examples were made with {made}"
    )


@pytest.mark.parametrize("path", ["vocabulary/vocabulary.parquet", "tokenizer/sentencepiece.bpe.model"])
def test_no_vocabulary_or_tokenizer(folder: Path, path: str) -> None:
    (folder / path).write_bytes(b"junk")
    assert refusal(folder).startswith(f"{path}: ")
    (folder / path).unlink()
    assert refusal(folder).startswith(f"{path} cannot be read: No such file")


def test_a_shard_of_another_size(folder: Path) -> None:
    path = folder / "examples/de/train-00001.parquet"
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-1])
    text = f"examples/de/train-00001.parquet: {size - 1:,} bytes, the manifest says {size:,}"
    assert refusal(folder) == text
    path.unlink()
    assert refusal(folder).startswith("examples/de/train-00001.parquet: [Errno 2] No such file")


def test_a_shard_that_is_damaged_at_its_end(folder: Path) -> None:
    path = folder / "examples/de/train-00001.parquet"
    path.write_bytes(path.read_bytes()[:-4] + b"junk")
    assert refusal(folder).startswith("examples/de/train-00001.parquet: ")


@pytest.mark.parametrize("kind", format_names("examples"))
def test_a_shard_that_is_damaged_is_not_trained_on(tmp_path: Path, kind: str) -> None:
    folder = Written(SHARDS, [kind]).write(tmp_path)
    dataset = open_dataset(folder, CONFIG)
    first, last = dataset.groups["de"][0], dataset.groups["de"][-1]
    data = bytearray((folder / first.shard.path).read_bytes())
    data[-len(data) // 2] ^= 1
    (folder / first.shard.path).write_bytes(data)
    assert len(dataset.read(last, LIMITS)) == last.rows
    with pytest.raises(
        ExamplesError, match=r"train-00000.*: SHA-256 \w{64}, the manifest says \w{64}; `mlukit verify`"
    ):
        dataset.read(first, LIMITS)


def shard(**changes: object) -> Callable[[dict[str, Any]], None]:
    return lambda manifest: manifest["shards"][0].update(changes)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (shard(rows=21), "examples/de/train-00000.parquet: 16 rows, the manifest says 21"),
        (shard(path="examples/de/../../x.parquet"), "is not in examples/de"),
        (shard(path="/etc/passwd"), "is not in examples/de"),
        (shard(path="examples/de/x.arrow"), "11 examples of the split 'train', the manifest says 27"),
        (lambda manifest: manifest["shards"][0].pop("sha256"), "the list of shards is wrong"),
        (lambda manifest: manifest.pop("shards"), "the list of shards is wrong"),
        (lambda manifest: manifest["options"].pop("max_tokens"), "does not say how examples were made"),
        (lambda manifest: manifest.pop("options"), "there is no options"),
        (lambda manifest: manifest.update(inputs=[], flows=1), "there is no inputs, flows"),
        (lambda manifest: manifest["inputs"].pop("entities"), "were made with the entities None"),
        (lambda manifest: manifest["summary"]["examples"].update(train=26), "27 examples of the split 'train', the"),
        (lambda manifest: manifest["flows"].pop("mentions"), "has no counts: KeyError('mentions')"),
        (lambda manifest: manifest["summary"].pop("examples"), "has no counts: KeyError('examples')"),
        (lambda manifest: manifest["summary"]["examples"].update(test=1), "unexpected keyword argument 'test'"),
        (lambda manifest: manifest.pop("summary"), "there is no summary"),
    ],
)
def test_manifests_that_are_wrong(folder: Path, change: Callable[[dict[str, Any]], object], text: str) -> None:
    change_manifest(folder, change)
    assert text in refusal(folder)


def test_nothing_to_train_on(tmp_path: Path) -> None:
    held_out = [example for example in SHARDS["de"][0] if example.split == "validation"]
    folder = Written({"de": [held_out], "en": [[]]}).write(tmp_path)
    assert refusal(folder).endswith("has no example of the split 'train'")


def test_a_language_without_examples(tmp_path: Path) -> None:
    dataset = open_dataset(Written({**SHARDS, "th": [], "tr": [[]]}).write(tmp_path), CONFIG)
    assert dataset.train_examples == {"de": 27, "en": 8, "th": 0, "tr": 0}


GOOD = Example("en", 1, 0, "train", (0, 5, 6, 7, 2), (7,), (1,), (3,), (), ())


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"token_ids": (0, *[5] * 39, 2)},
            "an example has 41, max_tokens is 40: raise max_tokens, or make shorter examples",
        ),
        ({"entity_ids": (7,) * 9, "entity_starts": (1,) * 9, "entity_ends": (2,) * 9}, "has 9, max_entities is 8"),
        ({"token_ids": (0,)}, "an example has 1 tokens; <s> and </s> are already two"),
        ({"token_ids": (5, 5, 6, 7, 2)}, "does not begin with <s>"),
        ({"token_ids": (0, 5, 6, 7, 7)}, "end with </s>"),
        ({"token_ids": (0, 5, VOCABULARY, 7, 2)}, "token id 1000 is not below the vocabulary's 1,000"),
        ({"token_ids": (0, 5, -1, 7, 2)}, "token id 4294967295"),
        ({"entity_ids": (0,)}, "entity id 0 is special"),
        ({"entity_ids": (2,)}, "entity id 2 is special"),
        ({"entity_ids": (-7,)}, "entity id -7 is special or not below"),
        ({"entity_ids": (ENTITIES,)}, "entity id 54 is special or not below the vocabulary's 54"),
        ({"entity_starts": (0,)}, "a mention of tokens 0 to 3 is empty, out of place"),
        ({"entity_starts": (3,)}, "a mention of tokens 3 to 3"),
        ({"entity_ends": (5,)}, "a mention of tokens 1 to 5"),
        ({"entity_ids": (7, 8), "entity_starts": (1, 2), "entity_ends": (3, 4)}, "a mention of tokens 2 to 4"),
    ],
)
def test_rows_beyond_the_limits(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text.replace("(", r"\(")):
        LIMITS.check(rows_of([GOOD, replace(GOOD, **changes)]))


def test_a_mention_of_too_many_tokens() -> None:
    with pytest.raises(ValueError, match="an example has 2, max_mention_tokens is 1"):
        replace(LIMITS, max_mention_tokens=1).check(rows_of([GOOD]))


@pytest.mark.parametrize("kind", format_names("examples"))
def test_a_row_of_another_split_than_the_file_s_is_not_trained_on(tmp_path: Path, kind: str) -> None:
    folder = Written({"de": [[GOOD]]}, [kind]).write(tmp_path)
    held_out = write_shard(folder, "examples/de/train-00000", kind, [replace(GOOD, split="validation")], 8)
    change_manifest(folder, lambda manifest: manifest.update(shards=[held_out.to_json()]))
    dataset = open_dataset(folder, CONFIG)
    with pytest.raises(ExamplesError, match="an example has the split 'validation', the file's name says 'train'"):
        dataset.read(dataset.groups["de"][0], LIMITS)


def test_a_file_whose_name_tells_no_split(tmp_path: Path) -> None:
    folder = Written({"de": [[GOOD]]}).write(tmp_path)
    shard = write_shard(folder, "examples/de/examples-00000", "parquet", [GOOD], 8)
    change_manifest(folder, lambda manifest: manifest.update(shards=[shard.to_json()]))
    assert "examples-00000.parquet: the name has no split; it must begin with train- or validation-" in refusal(folder)


def test_a_parquet_file_of_other_types() -> None:
    columns = {name: [[1]] for name in ("token_ids", "entity_ids", "entity_starts", "entity_ends")}
    with pytest.raises(ValueError, match="token_ids has the type list<item: int64>, not list<element: int32"):
        rows_from_table(pa.table({**columns, "split": ["train"]}), "train")


def test_rows_within_the_limits() -> None:
    LIMITS.check(rows_of([]))
    LIMITS.check(rows_of([GOOD, replace(GOOD, entity_ids=(1,), entity_ends=(4,)), *SHARDS["de"][0]]))


def test_rows_beyond_the_limits_are_not_trained_on(tmp_path: Path) -> None:
    folder = Written({"de": [[GOOD, replace(GOOD, token_ids=(0, 5, 6, 7, 1_000, 2))]]}).write(tmp_path)
    dataset = open_dataset(folder, CONFIG)
    with pytest.raises(ExamplesError, match=r"train-00000.parquet, rows from 0 on: token id 1000 is not below"):
        dataset.read(dataset.groups["de"][0], LIMITS)
