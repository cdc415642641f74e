"""Every format gives back what was written, and the same bytes each time; damage is told."""

import gzip
import io
from collections.abc import Sequence

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlukit.schemas.arrow import ARTICLE_ROWS, ARTICLES, EXAMPLE_ROWS, EXAMPLES
from mlukit.schemas.formats import FORMATS, JSON_LINES, READ_ERRORS, Format, format_names, format_of
from mlukit.schemas.records import Example, LinkedArticle, Mention, Section, Span

ARTICLE = LinkedArticle(
    "de",
    7,
    70,
    "Straße",
    None,
    "article",
    "train",
    'Ein "Weg"\n\u2028𝕭 nach Rom.',
    (Span(0, 9), Span(10, 22)),
    (Section(0, 22, 2, "Ein"),),
    (Mention(18, 21, "de", "Rom", "Rom", 220, "resolved"), Mention(0, 3, "de", "Eins", None, None, "red")),
)
ids = st.lists(st.integers(0, 2**31 - 1), max_size=5).map(tuple)
languages, splits = st.sampled_from(["en", "zh"]), st.sampled_from(["train", "validation"])
examples = st.builds(Example, languages, st.integers(1, 2**40), st.integers(0, 9), splits, *[ids] * 6)


def written(one: Format, schema: pa.Schema, batches: Sequence[pa.RecordBatch]) -> bytes:
    stream = io.BytesIO()
    with one.writer(stream, schema) as writer:
        for batch in batches:
            writer.write(batch)
    assert writer.rows == sum(batch.num_rows for batch in batches)
    return stream.getvalue()


@pytest.mark.parametrize("name", format_names("examples"))
@settings(deadline=None)
@given(rows=st.lists(st.lists(examples, max_size=4), max_size=3))
def test_examples_come_back(name: str, rows: list[list[Example]]) -> None:
    one, batches = FORMATS[name], [EXAMPLE_ROWS.to_batch(some) for some in rows]
    data = written(one, EXAMPLES, batches)
    assert data == written(one, EXAMPLES, batches)
    read = [row for batch in one.read(io.BytesIO(data), EXAMPLES, None) for row in EXAMPLE_ROWS.to_records(batch)]
    assert read == [row for some in rows for row in some]
    groups = one.row_groups(io.BytesIO(data))
    tables = [one.read_group(io.BytesIO(data), EXAMPLES, n, ["token_ids"]) for n in range(len(groups))]
    assert [table.num_rows for table in tables] == groups and sum(groups) == len(read)
    assert [ids for table in tables for ids in table["token_ids"].to_pylist()] == [list(row.token_ids) for row in read]


@pytest.mark.parametrize("name", format_names("articles"))
def test_articles_come_back_with_their_links(name: str) -> None:
    one = FORMATS[name]
    data = written(one, ARTICLES, [ARTICLE_ROWS.to_batch([ARTICLE]), ARTICLE_ROWS.to_batch([ARTICLE, ARTICLE])])
    read = [row for batch in one.read(io.BytesIO(data), ARTICLES, None) for row in ARTICLE_ROWS.to_records(batch)]
    assert read == [ARTICLE] * 3


def test_a_line_of_json_is_an_object_with_the_names_of_the_columns() -> None:
    data = written(JSON_LINES, ARTICLES, [ARTICLE_ROWS.to_batch([ARTICLE])])
    assert gzip.decompress(data).decode() == (
        '{"language":"de","page_id":7,"revision_id":70,"title":"Straße","qid":null,"kind":"article","split":"train",'
        '"text":"Ein \\"Weg\\"\\n\u2028𝕭 nach Rom.","paragraphs":[{"start":0,"end":9},{"start":10,"end":22}],'
        '"sections":[{"start":0,"end":22,"level":2,"heading":"Ein"}],"links":['
        '{"start":18,"end":21,"language":"de","target":"Rom","page":"Rom","qid":"Q220","status":"resolved"},'
        '{"start":0,"end":3,"language":"de","target":"Eins","page":null,"qid":null,"status":"red"}]}\n'
    )


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("kept", [0.0, 0.5, 0.95])
def test_a_file_that_is_cut_off_cannot_be_read(name: str, kept: float) -> None:
    one = FORMATS[name]
    rows = [Example("en", n, 0, "train", (n,) * 50, (), (), (), (), ()) for n in range(200)]
    data = written(one, EXAMPLES, [EXAMPLE_ROWS.to_batch(rows)])
    cut = data[: int(len(data) * kept)]
    if not kept and one.name in ("tfrecord", "jsonl"):  # nothing is a file without rows: its size tells
        assert one.row_groups(io.BytesIO(cut)) == [0]
        return
    with pytest.raises(READ_ERRORS):
        list(one.read(io.BytesIO(cut), EXAMPLES, None))
    with pytest.raises(READ_ERRORS):
        one.row_groups(io.BytesIO(cut))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{", "lines 1 to 1 cannot be read: "),
        (b"[1]", "lines 1 to 1 cannot be read: "),
        (b'{"page_id": "x"}', "lines 1 to 1 cannot be read: "),
        (b'{"page_id": 1}', "lines 1 to 1 cannot be read: "),
    ],
)
def test_a_line_that_is_no_row(line: bytes, said: str) -> None:
    with pytest.raises(READ_ERRORS, match=said):
        list(JSON_LINES.read(io.BytesIO(gzip.compress(line + b"\n", mtime=0)), EXAMPLES, None))


def test_the_ending_of_a_name_tells_the_format() -> None:
    assert {name: format_of(f"a/train-00000.{one.ending}") for name, one in FORMATS.items()} == FORMATS
    assert format_of("vocabulary.jsonl") is format_of("_manifest.json") is None


def test_parquet_is_read_where_there_is_a_choice() -> None:
    assert format_names("articles")[:2] == ("parquet", "jsonl")
    assert format_names("examples")[:3] == ("parquet", "tfrecord", "jsonl")
    assert "tfrecord" not in format_names("articles")
