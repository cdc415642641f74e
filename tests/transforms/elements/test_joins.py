"""What is joined wrongly is refused while the pipeline is made, before anything runs."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.typehints.decorators import TypeCheckError

from mlukit.schemas.records import Article, Failure, LinkedArticle, Page
from mlukit.transforms.elements import MakeExamples, ParsePages, ReadPages, ResolveLinks

KINDS = {"pages": Page, "articles": Article, "linked": LinkedArticle, "failures": Failure}
TAKES = {"ParsePages": "pages", "ResolveLinks": "articles", "MakeExamples": "linked"}


@pytest.fixture
def transforms(built: Path) -> Mapping[str, Callable[[], beam.PTransform]]:
    return {
        "ParsePages": lambda: ParsePages("en"),
        "ResolveLinks": lambda: ResolveLinks(str(built)),
        "MakeExamples": lambda: MakeExamples(str(built)),
    }


def collection(pipeline: beam.Pipeline, kind: str) -> Any:
    return pipeline | beam.Create([]).with_output_types(KINDS[kind])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", TAKES)
def test_each_takes_one_class_of_records(
    transforms: Mapping[str, Callable[[], beam.PTransform]], name: str, kind: str
) -> None:
    elements = collection(beam.Pipeline(), kind)
    if TAKES[name] == kind:
        elements | transforms[name]()
        return
    with pytest.raises(
        TypeCheckError, match=rf"{name}: expected .*{KINDS[TAKES[name]].__name__}.*, got .*{KINDS[kind].__name__}"
    ):
        elements | transforms[name]()


@pytest.mark.parametrize("name", TAKES)
def test_none_of_them_begins_a_pipeline(transforms: Mapping[str, Callable[[], beam.PTransform]], name: str) -> None:
    with pytest.raises(TypeError, match=f"{name} is applied to PBegin.*; accepted: a PCollection"):
        beam.Pipeline() | transforms[name]()


def test_reading_begins_a_pipeline(dumps: Path) -> None:
    reading = ReadPages(str(dumps / "enwiki-*.xml.bz2"), "en")
    with pytest.raises(TypeError, match=r"ReadPages is applied to PCollection.*; accepted: the pipeline itself"):
        collection(beam.Pipeline(), "pages") | reading


def test_two_outputs_at_once(dumps: Path) -> None:
    reading = ReadPages(str(dumps / "enwiki-*.xml.bz2"), "en")
    with pytest.raises(TypeCheckError, match=r"ParsePages: expected .*Page.*, got .*PCollection"):
        beam.Pipeline() | reading | ParsePages("en")


def test_outputs_have_types(dumps: Path, transforms: Mapping[str, Callable[[], beam.PTransform]]) -> None:
    pipeline = beam.Pipeline()
    read = pipeline | ReadPages(str(dumps / "enwiki-*.xml.bz2"), "en")
    parsed = read.pages | transforms["ParsePages"]()
    linked = parsed.articles | transforms["ResolveLinks"]()
    made = linked | transforms["MakeExamples"]()
    found = [read.pages, parsed.articles, linked, made.examples, read.failures, parsed.failures, made.failures]
    assert [one.element_type.__name__ for one in found] == [
        *("Page", "Article", "LinkedArticle", "Example"),
        *["Failure"] * 3,
    ]
