from inspect import signature

import pyarrow as pa
import pytest

from mlukit.schemas import arrow
from mlukit.schemas.arrow import (
    ARTICLE_ROWS,
    ARTICLES,
    EXAMPLE_ROWS,
    FAILURE_ROWS,
    PAGE_TITLE_ROWS,
    PARSED_ARTICLE_ROWS,
    VOCABULARY_ROWS,
    as_row,
)
from mlukit.schemas.records import (
    Article,
    Entity,
    Example,
    Failure,
    Link,
    LinkedArticle,
    Mention,
    PageTitle,
    Section,
    Span,
    qid_number,
)

ARTICLE = LinkedArticle(
    language="de",
    page_id=3354,
    revision_id=77,
    title="Berlin",
    qid=64,
    kind="article",
    split="train",
    text="Geschichte\n𐍈 Spree fließt.",
    paragraphs=(Span(0, 10), Span(11, 26)),
    sections=(Section(0, 26, 2, "Geschichte"),),
    links=(
        Mention(13, 18, "de", "Spree", "Spree", 1684, "resolved"),
        Mention(19, 25, "fr", "X", None, None, "unknown_wiki"),
    ),
)


def test_an_article_is_written_out_literally() -> None:
    assert ARTICLE_ROWS.to_batch([ARTICLE]).to_pylist() == [
        {
            "language": "de",
            "page_id": 3354,
            "revision_id": 77,
            "title": "Berlin",
            "qid": "Q64",
            "kind": "article",
            "split": "train",
            "text": "Geschichte\n𐍈 Spree fließt.",
            "paragraphs": [{"start": 0, "end": 10}, {"start": 11, "end": 26}],
            "sections": [{"start": 0, "end": 26, "level": 2, "heading": "Geschichte"}],
            "links": [
                {
                    "start": 13,
                    "end": 18,
                    "language": "de",
                    "target": "Spree",
                    "page": "Spree",
                    "qid": "Q1684",
                    "status": "resolved",
                },
                {
                    "start": 19,
                    "end": 25,
                    "language": "fr",
                    "target": "X",
                    "page": None,
                    "qid": None,
                    "status": "unknown_wiki",
                },
            ],
        }
    ]


@pytest.mark.parametrize(
    ("codec", "records"),
    [
        (ARTICLE_ROWS, [ARTICLE, ARTICLE]),
        (
            PARSED_ARTICLE_ROWS,
            [
                Article(
                    "en",
                    1,
                    2,
                    "A",
                    "list",
                    "a b",
                    (Span(0, 3),),
                    (),
                    (Link(0, 1, "en", "B"),),
                    (("fr", "Ä"), ("de", "Z")),
                ),
                Article("en", 2, 3, "B", "article", "", (), (), (), ()),
            ],
        ),
        (PAGE_TITLE_ROWS, [PageTitle(1, "A", None, (("fr", "B"),), 9, 0), PageTitle(2, "C", "A")]),
        (
            VOCABULARY_ROWS,
            [
                Entity(0, "[PAD]", None, 0, (), (), ()),
                Entity(4, "Q64", 64, 3, (("de", 1), ("en", 2)), (("de", "B"),), ()),
            ],
        ),
        (
            EXAMPLE_ROWS,
            [
                Example("en", 1, 0, "validation", (0, 5, 2), (4,), (1,), (2,), (0,), (3,)),
                Example("en", 1, 1, "train", (0, 2), (), (), (), (), ()),
            ],
        ),
        (FAILURE_ROWS, [Failure("link", "malformed_xml", "en", None, None, "no element found")]),
        (ARTICLE_ROWS, []),
    ],
)
def test_records_come_back_from_a_batch(codec, records) -> None:  # type: ignore[no-untyped-def]
    assert codec.to_records(codec.to_batch(records)) == records


def test_a_record_as_a_row() -> None:
    row = as_row(ARTICLE)
    assert [row] == ARTICLE_ROWS.to_batch([ARTICLE]).to_pylist()
    assert row["qid"] == f"Q{ARTICLE.qid}"
    assert as_row(PageTitle(1, "A", None, (("fr", "B"),), 7, (2 << 32) + 3)) == {
        "page_id": 1,
        "title": "A",
        "redirect": None,
        "interlanguage": [{"language": "fr", "title": "B"}],
        "revision_id": 7,
        "place": 8589934595,
    }
    with pytest.raises(TypeError, match="no table holds records of Span; accepted: Article, "):
        as_row(Span(0, 1))  # type: ignore[arg-type]


def test_columns_may_stand_in_any_order_and_beside_others() -> None:
    batch = ARTICLE_ROWS.to_batch([ARTICLE])
    names = [*reversed(ARTICLES.names), "more"]
    turned = pa.RecordBatch.from_arrays([batch.column(n) for n in names[:-1]] + [pa.array([1])], names=names)
    assert ARTICLE_ROWS.to_records(turned) == [ARTICLE]


@pytest.mark.parametrize("name", ["64", "q64", "Q", "Q6x", "P31", "Q²"])
def test_what_is_no_qid_is_shown(name: str) -> None:
    with pytest.raises(ValueError, match="such as Q64") as error:
        qid_number(name)
    assert repr(name) in str(error.value)


@pytest.mark.parametrize("codec", [value for value in vars(arrow).values() if isinstance(value, arrow.RecordCodec)])
def test_fields_and_columns_have_the_same_names_in_the_same_order(codec: arrow.RecordCodec[object]) -> None:
    assert list(signature(codec.record).parameters) == codec.schema.names
    for column, make in codec.nested.items():
        struct = codec.schema.field(column).type.value_type
        assert make is tuple or list(signature(make).parameters) == [field.name for field in struct]
