"""Links resolved against an output folder: batches, time and windows, and what is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.transforms.window import FixedWindows, TimestampedValue

from mlukit.schemas.records import Article, Link, LinkedArticle
from mlukit.transforms.elements import ResolveLinks
from tests.small_dumps import IN_MEMORY, SmallPage, run, write_dump
from tests.transforms.elements.collected import Ran, run_pipeline


def article(page_id: int, language: str = "en") -> Article:
    links = (Link(0, 4, "en", "Berlin"), Link(5, 9, "en", "Nothing"))
    return Article(language, page_id, 1, f"Title {page_id}", "article", "Text text", (), (), links, ())


def resolve(folder: Path, output: Path, articles: list[Article], **options: Any) -> Ran:
    def build(pipeline: beam.Pipeline) -> dict[str, beam.PCollection]:
        return {"articles": pipeline | beam.Create(articles) | ResolveLinks(str(output), **options)}

    return run_pipeline(folder, build)


@pytest.mark.parametrize("text_bytes", [1, 600, 1 << 20])
def test_batches_of_any_size_give_the_same(built: Path, tmp_path: Path, text_bytes: int) -> None:
    ran = resolve(tmp_path, built, list(map(article, range(1, 8))), text_bytes=text_bytes)
    assert sorted(one.page_id for one in ran.elements["articles"]) == list(range(1, 8))
    for one in ran.elements["articles"]:
        assert isinstance(one, LinkedArticle)
        assert [(link.qid, link.status) for link in one.links] == [(64, "resolved"), (None, "red")]
    assert ran.counters == {
        "articles without item": 7,
        "links with item in": 14,
        "links with item out": 7,
        "links with item skipped: red": 7,
    }


def test_earlier_revisions_of_a_page_are_left_out(tmp_path: Path) -> None:
    copies = [SmallPage(7, "Title 7", "Text", revision_id=revision) for revision in (1, 3, 2)]
    write_dump(tmp_path, "en", [*copies, SmallPage(8, "Title 8", "Text")])
    ran = run("link", "--dumps", tmp_path, "--output", tmp_path / "OUT", "--allow-unresolved", IN_MEMORY)
    assert ran.status == 0, ran.err
    articles = [replace(article(page_id), revision_id=revision) for page_id, revision in ((7, 1), (7, 3), (8, 5))]
    resolved = resolve(tmp_path, tmp_path / "OUT", articles)
    assert sorted((one.page_id, one.revision_id) for one in resolved.elements["articles"]) == [(7, 3), (8, 5)]
    counters = {name: n for name, n in resolved.counters.items() if name.startswith(("pages", "links out", "links s"))}
    assert counters == {
        **{"pages out": -1, "pages skipped: repeated_page": 1},
        **{"links out": -2, "links skipped: repeated_page": 2},
    }


class _Place(beam.DoFn):
    def process(
        self, article: LinkedArticle, timestamp: Any = beam.DoFn.TimestampParam, window: Any = beam.DoFn.WindowParam
    ) -> Any:
        yield article.page_id, float(timestamp), float(window.start), float(window.end)


def test_articles_keep_their_time_and_window(built: Path, tmp_path: Path) -> None:
    def build(pipeline: beam.Pipeline) -> dict[str, beam.PCollection]:
        stamped = beam.Map(lambda one: TimestampedValue(one, one.page_id)).with_output_types(Article)
        articles = (
            pipeline | beam.Create(list(map(article, range(1, 30)))) | stamped | beam.WindowInto(FixedWindows(10))
        )
        return {"places": articles | ResolveLinks(str(built), text_bytes=1000) | beam.ParDo(_Place())}

    places = run_pipeline(tmp_path, build).elements["places"]
    assert sorted(places) == [(n, n, n // 10 * 10, n // 10 * 10 + 10) for n in range(1, 30)]


def test_an_article_in_a_language_that_was_not_built(built: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"an article is in 'fr', but .* only has de, en, ja"):
        resolve(tmp_path, built, [article(1), article(2, "fr")])


def test_an_output_without_a_finished_stage(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no finished link stage, which ResolveLinks needs: .* mlukit link"):
        ResolveLinks(str(tmp_path))


def test_a_batch_of_no_bytes(built: Path) -> None:
    with pytest.raises(ValueError, match="text_bytes is 0"):
        ResolveLinks(str(built), text_bytes=0)
