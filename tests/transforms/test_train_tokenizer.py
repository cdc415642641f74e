"""The sample that a tokenizer is trained on."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.parquet_shards import write_records
from mlukit.engine.storage import Storage
from mlukit.schemas.arrow import ARTICLE_ROWS
from mlukit.schemas.records import LinkedArticle, Span, Split
from mlukit.transforms import train_tokenizer
from mlukit.transforms.train_tokenizer import TrainingText, TrainTokenizer, sample_sizes
from tests.workplaces import on_cluster


def test_languages_give_by_their_size_to_the_power_of_seven_tenths() -> None:
    sizes = sample_sizes({"en": 1_000_000, "sw": 1_000}, 10_000)
    assert sizes == {"en": 9922, "sw": 79}  # 1000 ** 0.7 = 125.9 to 1
    assert sample_sizes({"en": 5, "sw": 0}, 100) == {"en": 100, "sw": 0}
    assert sample_sizes({"en": 0}, 100) == {"en": 0}


def write_shard(storage: Storage, path: str, texts: list[tuple[Split, str]]) -> None:
    with storage.write(path) as stream, write_records(stream, ARTICLE_ROWS) as writer:
        for number, (split, text) in enumerate(texts):
            spans = (Span(0, len(text)),)
            writer.write(LinkedArticle("en", number, 1, "T", None, "article", split, text, spans, (), ()))


def test_the_sample_is_no_longer_than_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = Storage(str(tmp_path))
    paths = tuple(f"articles/en/train-{n:05}.parquet" for n in range(8))
    for n, path in enumerate(paths):
        write_shard(storage, path, [("train", f"shard {n}\nbig"), ("train", "z" * 50)])
    monkeypatch.setattr(train_tokenizer, "SAMPLE_CHARACTERS", 100)
    monkeypatch.setattr(train_tokenizer, "CHARACTERS_A_PIECE", 0)
    task = TrainingText("all", 0, 1, (("en", paths),), (("en", 8 * 61),))
    transform = TrainTokenizer(on_cluster(tmp_path), 300)
    sample = list(transform._paragraphs(task, storage, Heartbeat(None, task.name)))
    assert Counter(line[:5] for line in sample) == {"shard": 2, "big": 2, "zzzzz": 2}  # two shards are enough
    assert sample[0] != "shard 0"  # shards in an order of their own, not the dump's
    again = replace(task, shards=(("en", tuple(reversed(paths))),))
    assert list(transform._paragraphs(again, storage, Heartbeat(None, task.name))) == sample
