"""The batches of a run, from files to tensors."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mlukit.pretraining.config import ConfigError, DataConfig
from mlukit.pretraining.data import dataset as dataset_module
from mlukit.pretraining.data.batch import Batch
from mlukit.pretraining.data.batches import BatchSource, prefetch, validation_batches
from mlukit.pretraining.data.dataset import ExampleDataset, ExamplesError, open_dataset
from mlukit.schemas.manifest import Shard
from tests.pretraining.written_examples import Seen, Written, in_order, invented_example, invented_shards, taken_apart

CONFIG = DataConfig(batch_size=24, micro_batch_tokens=128, max_tokens=40, max_entities=8, max_mention_tokens=38)
SHARDS = {"de": invented_shards("de", 30, 21), "en": invented_shards("en", 90), "th": invented_shards("th", 3)}
WORD_TARGETS = ("token_ids", "masked_ids", "word_targets")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> ExampleDataset:
    return open_dataset(Written(SHARDS).write(tmp_path_factory.mktemp("examples")), CONFIG)


def seen(batches: list[Batch]) -> list[Seen]:
    return sorted(example for batch in batches for example in taken_apart(batch))


def equal(first: list[Batch], second: list[Batch]) -> bool:
    """Whether batches are the same, bit for bit."""
    return len(first) == len(second) and all(
        torch.equal(a, b) if torch.is_tensor(a := getattr(batch, name)) else a == getattr(expected, name)
        for batch, expected in zip(first, second, strict=True)
        for name in Batch.__dataclass_fields__
        if (b := getattr(expected, name)) is not None
    )


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**63), st.integers(0, 10**6), st.integers(1, 5), st.booleans())
def test_ranks_share_the_step(dataset: ExampleDataset, seed: int, step: int, world: int, mention_words: bool) -> None:
    source = BatchSource(dataset, replace(CONFIG, seed=seed, mask_mention_words=mention_words), 2)
    whole = seen(source.step(step))
    shares = [seen(source.step(step, rank, world)) for rank in range(world)]
    assert sorted(example for share in shares for example in share) == whole
    assert len(whole) == 24 and {len(share) for share in shares} <= {24 // world, 24 // world + 1}


def test_a_step_does_not_depend_on_those_before(dataset: ExampleDataset) -> None:
    forwards, source = BatchSource(dataset, CONFIG, 2), BatchSource(dataset, CONFIG, 2)
    steps = [forwards.step(step) for step in range(30)]
    for step in (29, 3, 17, 3, 0):
        assert equal(source.step(step), steps[step])
        assert equal(BatchSource(dataset, CONFIG, 2).step(step), steps[step])
    assert not equal(steps[0], steps[1])


def test_every_train_example_once_an_epoch_and_none_that_is_held_out(dataset: ExampleDataset) -> None:
    source, counts = BatchSource(dataset, CONFIG, 2), Counter[tuple[int, ...]]()
    for step in range(60):
        counts.update(example.token_ids for example in seen(source.step(step)))
    expected = {e.token_ids for shards in SHARDS.values() for shard in shards for e in shard if e.split == "train"}
    assert set(counts) == expected
    by_language = {
        language: {counts[e.token_ids] for shard in shards for e in shard if e.split == "train"}
        for language, shards in SHARDS.items()
    }
    for passes in by_language.values():
        assert max(passes) - min(passes) <= 1
    assert dataset.train_examples == {"de": 41, "en": 72, "th": 3}


def test_languages_are_drawn_by_their_examples_to_a_power(dataset: ExampleDataset) -> None:
    drawn = Counter[str]()
    languages = {e.token_ids: e.language for shards in SHARDS.values() for shard in shards for e in shard}
    for step in range(2):
        batches = BatchSource(dataset, replace(CONFIG, batch_size=1024, language_exponent=0.5), 2).step(step)
        drawn.update(languages[example.token_ids] for example in seen(batches))
    weights = {"de": 41**0.5, "en": 72**0.5, "th": 3**0.5}
    for language, weight in weights.items():
        assert drawn[language] / 2048 == pytest.approx(weight / sum(weights.values()), abs=0.03)


def test_every_pass_draws_other_masks(dataset: ExampleDataset) -> None:
    source = BatchSource(dataset, replace(CONFIG, batch_size=512), 2)
    masks: dict[tuple[int, ...], set[tuple[int, ...]]] = {}
    for example in seen(source.step(0)):
        masks.setdefault(example.token_ids, set()).add(example.word_targets)
    assert len(masks[invented_example("th", 0).token_ids]) > 5


def test_another_seed_gives_other_examples_and_other_masks(dataset: ExampleDataset) -> None:
    sources = [BatchSource(dataset, replace(CONFIG, seed=seed), 2) for seed in (1, 2)]
    first, second = (seen([*source.step(0), *source.step(1)]) for source in sources)
    assert {e.token_ids for e in first} != {e.token_ids for e in second}
    masks = {e.token_ids: e.word_targets for e in second}
    both = [e for e in first if e.token_ids in masks]
    assert len(both) > 3 and any(e.word_targets != masks[e.token_ids] for e in both)


def test_a_step_says_which_examples_it_has(dataset: ExampleDataset) -> None:
    source = BatchSource(dataset, CONFIG, 2)
    rows = {language: in_order(shards) for language, shards in SHARDS.items()}
    for rank in range(2):
        named = source.examples(3, rank, 2)
        step = [taken_apart(batch) for batch in source.step(3, rank, 2)]
        assert [[rows[language][number].token_ids for language, number in batch] for batch in named] == [
            [example.token_ids for example in batch] for batch in step
        ]


def test_shapes_stay_the_same(dataset: ExampleDataset) -> None:
    source = BatchSource(dataset, CONFIG, 2)
    shapes = {
        tuple(len(value) for name in Batch.__dataclass_fields__ if torch.is_tensor(value := getattr(batch, name)))
        for step in range(20)
        for rank in range(3)
        for batch in source.step(step, rank, 3)
    }
    assert len(shapes) == 1


def test_parquet_and_tfrecord_give_the_same_batches(tmp_path: Path) -> None:
    shards = {"de": invented_shards("de", 30, 21), "en": invented_shards("en", 40, 40)}
    sources = []
    for formats in (["parquet"], ["tfrecord"], ["parquet", "tfrecord"]):
        folder = Written(shards, formats, group_rows=64).write(tmp_path / "-".join(formats))
        sources.append(BatchSource(open_dataset(folder, CONFIG), CONFIG, 2))
    for step in range(12):
        parquet, tfrecord, both = (source.step(step) for source in sources)
        assert equal(parquet, tfrecord) and equal(parquet, both)


def test_text_alone_has_the_same_examples_and_words_masked(dataset: ExampleDataset) -> None:
    config = replace(CONFIG, objective="words")
    alone, whole = BatchSource(dataset, config, 2).step(5), BatchSource(dataset, CONFIG, 2).step(5)
    assert [[getattr(e, name) for name in WORD_TARGETS] for e in seen(alone)] == [
        [getattr(e, name) for name in WORD_TARGETS] for e in seen(whole)
    ]
    for batch in alone:
        assert (batch.entities, batch.entity_targets, batch.longest) == (0, 0, 40)
        assert [len(batch.entity_ids_E), len(batch.mention_positions_M), len(batch.masked_entities_PE)] == [0, 0, 0]


def test_fewer_examples_than_ranks(dataset: ExampleDataset) -> None:
    with pytest.raises(ConfigError, match="batch_size 24 is less than the 25 ranks"):
        BatchSource(dataset, CONFIG, 2).step(0, 0, 25)


def test_held_out_examples(dataset: ExampleDataset) -> None:
    first = list(validation_batches(dataset, CONFIG, "en", 100))
    assert equal(first, list(validation_batches(dataset, CONFIG, "en", 100)))
    held_out = [e.token_ids for shard in SHARDS["en"] for e in shard if e.split == "validation"]
    assert sorted(example.token_ids for example in seen(first)) == sorted(held_out)
    assert sum(batch.entity_targets for batch in first) > 10
    some = seen(list(validation_batches(dataset, CONFIG, "en", 7)))
    assert len(some) == 7 and set(some) <= set(seen(first))
    assert list(validation_batches(dataset, CONFIG, "th", 7)) == []
    assert list(validation_batches(dataset, CONFIG, "en", 0)) == []


def test_read_ahead(dataset: ExampleDataset) -> None:
    source = BatchSource(dataset, CONFIG, 2)
    ahead = list(prefetch(BatchSource(dataset, CONFIG, 2), 7, 5, 1, 2))
    assert [step for step, _ in ahead] == [7, 8, 9, 10, 11]
    assert all(equal(batches, source.step(step, 1, 2)) for step, batches in ahead)
    assert threads() == []
    assert list(prefetch(source, 3, 0)) == []


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "batches"]


def test_reading_ahead_stops_when_it_is_closed(dataset: ExampleDataset) -> None:
    ahead = prefetch(BatchSource(dataset, CONFIG, 2), 0, 10**9)
    assert next(ahead)[0] == 0
    assert len(threads()) == 1
    ahead.close()  # type: ignore[attr-defined]
    assert threads() == []


def test_no_more_than_some_steps_are_read_ahead(dataset: ExampleDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def step(self: BatchSource, number: int, rank: int, world: int) -> list[Batch]:
        made.append(number)
        return []

    monkeypatch.setattr(BatchSource, "step", step)
    ahead = prefetch(BatchSource(dataset, CONFIG, 2), 0, 10**9)
    next(ahead)
    time.sleep(0.3)
    assert made == [0, 1, 2, 3]  # taken, two that wait, and one in the hand
    ahead.close()  # type: ignore[attr-defined]


def test_an_error_in_the_thread_is_raised_where_batches_are_taken(tmp_path: Path) -> None:
    folder = Written({"en": invented_shards("en", 40, 40)}).write(tmp_path)
    dataset = open_dataset(folder, CONFIG)
    shard = folder / next(g.shard.path for g in reversed(dataset.groups["en"]) if g.split == "train")
    data = bytearray(shard.read_bytes())
    data[100] ^= 1
    shard.write_bytes(data)
    with pytest.raises(ExamplesError, match=r"train-00001\.parquet: SHA-256 .*, the manifest says"):
        consume(prefetch(BatchSource(dataset, CONFIG, 2), 0, 100))
    assert threads() == []


def consume(ahead: Iterator[tuple[int, list[Batch]]]) -> None:
    for _ in ahead:
        pass


def test_a_shard_s_checksum_is_compared_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = open_dataset(Written({"en": invented_shards("en", 40)}).write(tmp_path), CONFIG)
    compared: list[Path] = []
    check = dataset_module._check_sum

    def checking(path: Path, shard: Shard) -> None:
        compared.append(path)
        check(path, shard)

    monkeypatch.setattr(dataset_module, "_check_sum", checking)
    for _ in range(2):
        source = BatchSource(dataset, CONFIG, 2)
        for step in range(9):
            source.step(step)
    assert compared == [tmp_path / "examples/en/train-00000.parquet"]
