"""An article that no example can be made of."""

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlukit.corpus.examples.options import ExampleOptions
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.storage import Storage
from mlukit.transforms import make_examples
from mlukit.transforms.make_examples import ArticleShard, MakeExampleShards
from tests.workplaces import on_cluster


def test_it_is_a_failure_record_and_the_others_have_their_examples(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(built, tmp_path / "out")
    storage = Storage(str(tmp_path / "out"))
    shard = tmp_path / "out/articles/en/train-00000.parquet"
    pages = pq.read_table(shard, columns=["page_id", "title", "kind"]).to_pylist()
    broken = next(page for page in pages if page["kind"] == "article")
    really = make_examples.make_examples

    def fails(articles: pa.RecordBatch, *rest: Any) -> Any:
        if broken["page_id"] in articles.column("page_id").to_pylist():
            raise ZeroDivisionError("of this test")
        return really(articles, *rest)

    monkeypatch.setattr(make_examples, "make_examples", fails)
    kinds, made_of = frozenset({"article", "list"}), storage.read_json("examples.json")["fingerprints"]
    belongs_to = (made_of["tokenizer"], made_of["entities"])
    task = ArticleShard("en", 0, 1, (f"articles/en/{shard.name}",), *belongs_to)
    transform = MakeExampleShards(on_cluster(tmp_path / "out"), kinds, ("parquet",), ExampleOptions())
    result = transform.run(task, storage, Heartbeat(None, task.name))
    flow = result.flows["articles"]
    assert (flow.entered, dict(flow.failed), flow.unaccounted) == (len(pages), {"example_error": 1}, 0)
    (row,) = pq.read_table(tmp_path / "out/failures/en/examples-00000.parquet").to_pylist()
    assert row.pop("detail").rstrip().endswith("ZeroDivisionError: of this test")
    assert row == {
        "stage": "examples",
        "reason": "example_error",
        "language": "en",
        "page_id": broken["page_id"],
        "title": broken["title"],
    }


def test_a_shard_without_articles_of_the_kinds(built: Path, tmp_path: Path) -> None:
    shutil.copytree(built, tmp_path / "out")
    storage = Storage(str(tmp_path / "out"))
    made_of = storage.read_json("examples.json")["fingerprints"]
    shard = tmp_path / "out/articles/en/train-00000.parquet"
    belongs_to = (made_of["tokenizer"], made_of["entities"])
    formats = ("parquet", "tfrecord")
    task = ArticleShard("en", 0, 1, (f"articles/en/{shard.name}",), *belongs_to)
    transform = MakeExampleShards(on_cluster(tmp_path / "out"), frozenset(), formats, ExampleOptions())
    result = transform.run(task, storage, Heartbeat(None, task.name))
    flow = result.flows["articles"]
    assert flow.entered == sum(number for reason, number in flow.skipped.items() if reason.startswith("kind "))
    assert [made.rows for made in result.shards] == [0, 0]
