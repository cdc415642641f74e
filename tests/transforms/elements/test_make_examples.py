"""Examples of articles: those that fail, options of the output folder, and what is refused."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pytest

from mlukit.schemas.records import LinkedArticle
from mlukit.transforms.elements import MakeExamples
from mlukit.transforms.elements import make_examples as module
from tests.small_dumps import load, rows, shards
from tests.small_wikis import build as build_small_wikis
from tests.transforms.elements.collected import Ran, in_order, run_pipeline


def make(folder: Path, output: Path, articles: list[LinkedArticle], **options: Any) -> Ran:
    def build(pipeline: beam.Pipeline) -> dict[str, beam.PCollection]:
        examples, failures = pipeline | beam.Create(articles) | MakeExamples(str(output), **options)
        return {"examples": examples, "failures": failures}

    folder.mkdir(exist_ok=True)
    return run_pipeline(folder, build)


def test_one_article_that_fails(built: Path, ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really = module.make_examples

    def fails(articles: pa.RecordBatch, *rest: Any) -> Any:
        if "Germany" in articles.column("title").to_pylist():
            raise ZeroDivisionError("of this test")
        return really(articles, *rest)

    monkeypatch.setattr(module, "make_examples", fails)
    made = make(tmp_path / "ran", built, ran.elements["articles"])
    (failure,) = made.elements["failures"]
    place = (failure.stage, failure.reason, failure.language, failure.page_id, failure.title)
    assert place == ("examples", "example_error", "en", 20, "Germany")
    assert failure.detail.rstrip().endswith("ZeroDivisionError: of this test")
    assert made.rows("examples") == [
        row for row in ran.rows("examples") if (row["language"], row["page_id"]) != ("en", 20)
    ]
    assert made.counters["articles failed: example_error"] == 1
    left = sum(n for name, n in made.counters.items() if name.startswith(("articles failed", "articles skipped")))
    assert made.counters["articles in"] == left + made.counters["articles out"] == len(ran.elements["articles"])


def test_articles_twice_and_none(built: Path, ran: Ran, tmp_path: Path) -> None:
    twice = make(tmp_path / "twice", built, ran.elements["articles"] * 2, text_bytes=1000)
    assert in_order(twice.rows("examples")) == sorted(
        ran.rows("examples") * 2, key=lambda row: (row["language"], row["page_id"], row["index"])
    )
    others = [replace(article, kind="date") for article in ran.elements["articles"]]
    none = make(tmp_path / "none", built, others)
    assert none.elements == {"examples": [], "failures": []}
    assert none.counters == {"articles in": len(others), "articles skipped: kind date": len(others)}


def test_options_are_those_of_the_output(dumps: Path, ran: Ran, tmp_path: Path) -> None:
    flags = ("--max-tokens", 12, "--min-sentence-pieces", 1, "--keep-without-entities", "--kinds", "article")
    build_small_wikis(dumps, tmp_path / "OUT", *flags)
    made = make(tmp_path / "ran", tmp_path / "OUT", ran.elements["articles"])
    written = in_order(row for code in ("de", "en", "ja") for row in rows(*shards(tmp_path / "OUT/examples" / code)))
    assert made.rows("examples") == written != ran.rows("examples")


def test_an_output_without_a_finished_stage(built: Path, tmp_path: Path) -> None:
    shutil.copy(built / "link.json", tmp_path)
    with pytest.raises(ValueError, match=r"has no finished examples stage, which MakeExamples needs: .* mlukit exam"):
        MakeExamples(str(tmp_path))


def test_another_tokenizer_than_the_stage_had(built: Path, ran: Ran, tmp_path: Path) -> None:
    shutil.copytree(built, tmp_path / "OUT")
    record = load(tmp_path / "OUT/examples.json")
    path = tmp_path / "OUT/tokenizer/sentencepiece.bpe.model"
    path.write_bytes(path.read_bytes() + b"\x1a\x00")
    with pytest.raises(ValueError, match=f"but the run began with {record['fingerprints']['tokenizer']}"):
        make(tmp_path / "ran", tmp_path / "OUT", ran.elements["articles"])
