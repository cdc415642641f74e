"""What is written is read with what users have: TensorFlow, tfrecord, pyarrow, datasets, DuckDB.

The programs of docs/data.md run here, each in a process of its own, on a small output made by our own writers.
"""

import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from mlukit.corpus.entities.count_links import count_shard
from mlukit.corpus.entities.mention_dictionary import merge_mentions
from mlukit.corpus.entities.vocabulary import EntityNames, merge_entities, order_vocabulary
from mlukit.engine.split_shards import SplitShards
from mlukit.engine.storage import Storage
from mlukit.pipelines.reports.dataset_card import write_card
from mlukit.schemas import arrow, layout
from mlukit.schemas.arrow import ARTICLE_ROWS, EXAMPLE_ROWS, FAILURE_ROWS
from mlukit.schemas.manifest import MANIFEST, Shard, dump_json
from mlukit.schemas.records import (
    KINDS,
    LINK_STATUSES,
    Example,
    Failure,
    Kind,
    LinkedArticle,
    Mention,
    Section,
    Span,
    Split,
)
from mlukit.schemas.tf_example import decode_example
from mlukit.schemas.tfrecord import read_tfrecords

DOCS = (Path(__file__).parents[2] / "docs/data.md").read_text()
PROGRAMS = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", DOCS, re.DOTALL)

TITLES = {("de", 64): "Berlin", ("en", 64): "Berlin", ("de", 183): "Deutschland", ("en", 183): "Germany"}


def article(
    language: str, page_id: int, title: str, text: str, links: Sequence[tuple[str, int | None]], kind: Kind = "article"
) -> LinkedArticle:
    """An article with a heading, whose links are the first places of their anchors in the text."""
    starts = [(text.index(anchor), anchor, qid) for anchor, qid in links]
    mentions = tuple(
        Mention(at, at + len(anchor), language, anchor, anchor if qid else None, qid, "resolved" if qid else "red")
        for at, anchor, qid in starts
    )
    line = text.index("\n")
    paragraphs, sections = (Span(0, line), Span(line + 1, len(text))), (Section(0, len(text), 2, text[:line]),)
    split: Split = "validation" if title == "Bremen" else "train"
    return LinkedArticle(language, page_id, 9, title, page_id, kind, split, text, paragraphs, sections, mentions)


ARTICLES = {
    "de": [
        article(
            "de",
            1,
            "Spree",
            "Lauf\n𐍈 Die Spree fließt durch Berlin in Deutschland.",
            [("Berlin", 64), ("Deutschland", 183)],
        ),
        article(
            "de",
            2,
            "Bremen",
            "Lage\nBremen ist kleiner als Berlin, heißt es in Dibbersen.",
            [("Berlin", 64), ("Dibbersen", None)],
        ),
        article(
            "de",
            3,
            "Berlin (Begriffsklärung)",
            "Berlin\nBerlin ist ein Schiff.",
            [("Berlin", 821244)],
            "disambiguation",
        ),
    ],
    "en": [
        article(
            "en", 1, "Spree", "Course\nThe Spree flows through Berlin in Germany.", [("Berlin", 64), ("Germany", 183)]
        )
    ],
}
EXAMPLES = {
    "de": [
        Example("de", 1, 0, "train", (0, 622, 8, 7, 2), (4, 5), (1, 3), (2, 4), (5,), (51,)),
        Example("de", 2, 0, "validation", (0, 250001, 2), (), (), (), (5,), (57,)),
    ],
    "en": [Example("en", 1, 0, "train", (0, 35, 2), (4,), (1,), (2,), (7,), (49,))],
}
FAILED = Failure("link", "wikitext_limits", "de", 4, "Tabelle", "nesting of 1,000 braces, at most 100 are read")


def write_table(path: Path, batch: pa.RecordBatch) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_batches([batch]), path, compression="zstd")


def write_counted(out: Path) -> None:
    """The vocabulary and the mention dictionaries."""
    entities = []
    for language, articles in ARTICLES.items():
        counts = io.BytesIO(), io.BytesIO()
        count_shard([ARTICLE_ROWS.to_batch(articles)], frozenset({"article", "list"}), 1, *counts)
        entities.append((language, counts[0]))
        mentions = io.BytesIO()
        merge_mentions([counts[1]], 0, mentions)
        (out / "mentions" / language).mkdir(parents=True)
        (out / "mentions" / language / "mentions-00000.parquet").write_bytes(mentions.getvalue())
    merged = io.BytesIO()
    merge_entities(entities, 0, 2, 1, merged)
    (out / "vocabulary").mkdir()
    with (
        (out / "vocabulary/vocabulary.parquet").open("wb") as parquet,
        (out / "vocabulary/vocabulary.jsonl").open("wb") as jsonl,
    ):
        names = EntityNames(list(ARTICLES), lambda language, qids: [TITLES.get((language, qid)) for qid in qids])
        order_vocabulary([merged], names, 100, parquet, jsonl)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with OUT in it, of the layout that the pipelines write."""
    top = tmp_path_factory.mktemp("readers")
    out = top / "OUT"
    for language in ARTICLES:
        for name, table, batch, formats in (
            ("OUT", layout.ARTICLES, ARTICLE_ROWS.to_batch(ARTICLES[language]), ["parquet"]),
            ("OUT", layout.EXAMPLES, EXAMPLE_ROWS.to_batch(EXAMPLES[language]), ["parquet", "tfrecord"]),
            ("LINES", layout.ARTICLES, ARTICLE_ROWS.to_batch(ARTICLES[language]), ["jsonl"]),
            ("LINES", layout.EXAMPLES, EXAMPLE_ROWS.to_batch(EXAMPLES[language]), ["jsonl"]),
        ):
            storage = Storage(str(top / name))
            with SplitShards(storage, table, batch.schema, language=language, number=0, formats=formats) as shards:
                shards.write(batch)
    write_table(out / "failures/de/link-00000.parquet", FAILURE_ROWS.to_batch([FAILED]))
    write_counted(out)
    folders = sorted({path.parent for path in out.rglob("*.parquet")})
    for held in folders:
        paths = sorted(held.glob("*.parquet"))
        shards = [Shard(path.relative_to(out).as_posix(), pq.read_metadata(path).num_rows, 0, "") for path in paths]
        (held / MANIFEST).write_bytes(dump_json({"schema_version": 1, "shards": [shard.to_json() for shard in shards]}))
    names = [held.relative_to(out).as_posix() for held in folders]
    record = {"folders": names, "inputs": {"languages": list(ARTICLES)}, "sources": [], "damaged": []}
    (out / "link.json").write_bytes(dump_json(record))
    write_card(Storage(str(out)))
    shutil.rmtree(out / layout.WORK)
    return top


def run(program: str, folder: Path) -> str:
    """What a program prints, run in the folder."""
    quiet = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "cache"), "TF_CPP_MIN_LOG_LEVEL": "3"}
    quiet |= {"HF_DATASETS_DISABLE_PROGRESS_BARS": "1", "TF_ENABLE_ONEDNN_OPTS": "0", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=os.environ | quiet, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_has_a_program_for_each_reader() -> None:
    imported = [re.findall(r"^(?:from|import) (\w+)", program, re.MULTILINE)[-1] for program, _ in PROGRAMS]
    assert imported == ["pyarrow", "datasets", "datasets", "polars", "duckdb", "tensorflow", "tfrecord"]
    assert all(len(program.splitlines()) <= 10 for program, _ in PROGRAMS)


@pytest.mark.parametrize(("program", "output"), PROGRAMS)
def test_the_programs_of_the_page_print_what_it_says(program: str, output: str, folder: Path) -> None:
    assert [line.rstrip() for line in run(program, folder).splitlines()] == output.splitlines()


@pytest.mark.parametrize(("out", "kind", "ending"), [("OUT", "parquet", "parquet"), ("LINES", "json", "jsonl.gz")])
@pytest.mark.parametrize("table", ["articles", "examples"])
def test_datasets_loads_the_splits_by_a_pattern(folder: Path, table: str, out: str, kind: str, ending: str) -> None:
    program = f"""
from datasets import load_dataset
splits = load_dataset({kind!r}, data_files={{s: f"{out}/{table}/*/{{s}}-*.{ending}" for s in ("train", "validation")}})
print([(split, sorted(set(rows["split"])), len(rows)) for split, rows in splits.items()])
"""
    rows = [row.split for some in (ARTICLES if table == "articles" else EXAMPLES).values() for row in some]
    expected = [(split, [split], rows.count(split)) for split in ("train", "validation")]
    assert run(program, folder) == f"{expected}\n"


def test_datasets_finds_the_splits_of_a_language_by_itself(folder: Path) -> None:
    program = 'from datasets import load_dataset\nprint(list(load_dataset("OUT/articles/{code}")))'
    languages = {code: {row.split for row in some} for code, some in ARTICLES.items()}
    assert {frozenset(splits) for splits in languages.values()} == {
        frozenset({"train"}),
        frozenset({"train", "validation"}),
    }
    for code, splits in languages.items():
        assert run(program.format(code=code), folder) == f"{sorted(splits)}\n"


def documented(heading: str) -> list[tuple[str, str]]:
    """The columns of a section's table: name and type."""
    section = DOCS.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    table = section.split("| column | type |")[1].split("\n\n")[0]
    return re.findall(r"^\| `([\w.]+)` \| ([^|]+) \|", table, re.MULTILINE)


def described(field: pa.Field, prefix: str = "") -> list[tuple[str, str]]:
    """A column as the page writes it: its name and type, and those of its structs' fields."""
    name, kind = prefix + field.name, field.type
    if pa.types.is_list(kind) and pa.types.is_struct(kind.value_type):
        return [(name, "list")] + [row for part in kind.value_type for row in described(part, f"{name}.")]
    written = f"list<{kind.value_type}>" if pa.types.is_list(kind) else str(kind)
    return [(name, written + ", may be null" * field.nullable)]


@pytest.mark.parametrize("name", ["articles", "vocabulary", "mentions", "examples", "failures"])
def test_every_column_is_on_the_page(name: str) -> None:
    schema: pa.Schema = getattr(arrow, name.upper())
    assert documented(name) == [row for field in schema for row in described(field)]


def test_every_kind_and_status_is_on_the_page() -> None:
    statuses = re.findall(r"^\| `(\w+)` \| (?:yes|null) \| (.*) \|$", DOCS, re.MULTILINE)
    assert dict(statuses) == LINK_STATUSES
    assert re.search(r"^\| `kind` \| string \| (.*?) \|", DOCS, re.MULTILINE)[1] == (
        ", ".join(f"`{kind}`" for kind in KINDS[:-1]) + f" or `{KINDS[-1]}`"
    )


def test_tensorflow_parses_our_bytes_and_writes_the_same(folder: Path) -> None:
    program = """
import glob, hashlib
import tensorflow as tf
from mlukit.schemas.tf_example import decode_example  # its descriptors and TensorFlow's live in one process
for path in sorted(glob.glob("OUT/examples/*/*.tfrecord.gz")):
    for record in tf.data.TFRecordDataset(path, compression_type="GZIP").as_numpy_iterator():
        assert tf.train.Example.FromString(record).SerializeToString(deterministic=True) == record
        print(decode_example(record).page_id)
"""
    root = Path(__file__).parents[2]
    assert run(f"import sys; sys.path.insert(0, {str(root)!r})\n{program}", folder) == "1\n2\n1\n"


def test_what_tensorflow_writes_is_read(folder: Path) -> None:
    program = """
import tensorflow as tf
def ints(*values): return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
def text(value): return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
features = dict(language=text("zh"), split=text("train"), page_id=ints(7), index=ints(0), token_ids=ints(0, 5, 2))
for name in ("entity_ids", "entity_starts", "entity_ends"): features[name] = tf.train.Feature()
for name in ("sentence_starts", "sentence_ends"): features[name] = ints(3)
example = tf.train.Example(features=tf.train.Features(feature=features))
with tf.io.TFRecordWriter("written.tfrecord.gz", "GZIP") as writer:
    writer.write(example.SerializeToString())
"""
    run(program, folder)
    with (folder / "written.tfrecord.gz").open("rb") as file:
        read = [decode_example(record) for record in read_tfrecords(file)]
    assert read == [Example("zh", 7, 0, "train", (0, 5, 2), (), (), (), (3,), (3,))]


def test_our_own_reader(folder: Path) -> None:
    for language, examples in EXAMPLES.items():
        for split in {example.split for example in examples}:
            with (folder / f"OUT/examples/{language}/{split}-00000.tfrecord.gz").open("rb") as file:
                found = [decode_example(record) for record in read_tfrecords(file)]
            assert found == [example for example in examples if example.split == split]


@pytest.mark.parametrize("name", ["articles", "mentions", "failures"])
def test_pyarrow_reads_a_folder_of_all_languages(name: str, folder: Path) -> None:
    dataset = ds.dataset(folder / "OUT" / name, format="parquet")
    # pyarrow drops "not null" of columns and keeps everything else
    assert [(field.name, field.type) for field in dataset.schema] == [
        (field.name, field.type) for field in getattr(arrow, name.upper())
    ]
    assert dataset.count_rows() == {"articles": 4, "mentions": 4, "failures": 1}[name]


def test_datasets_reads_only_the_parquet_of_a_folder(folder: Path) -> None:
    program = """
from datasets import load_dataset
print(load_dataset("OUT/articles/de")["train"]["title"][:])
print(load_dataset("parquet", data_files="OUT/articles/*/*.parquet", split="train", streaming=True).column_names[:3])
"""
    titles = [article.title for article in ARTICLES["de"] if article.split == "train"]
    assert run(program, folder) == f"{titles}\n['language', 'page_id', 'revision_id']\n"
