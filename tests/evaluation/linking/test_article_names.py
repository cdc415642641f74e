"""The names of an article, in its language and in others."""

from pathlib import Path

import pytest

from mlukit.corpus.linking.title_index import Found, TitleIndex
from mlukit.evaluation.linking import article_names as module
from mlukit.evaluation.linking.article_names import ArticleInLanguage, article_names
from mlukit.linker.output_files import LinkerError
from mlukit.schemas import layout
from tests.evaluation.linking.written_articles import write_output

WANTED = [ArticleInLanguage("en", "Berlin", language) for language in ("en", "de", "zh", "fr")]
ENGLISH = {"Berlin": "Q64", "Spree": "Q1585", "Berlin Wall": "Q5086"}  # only anchors of the article itself
GERMAN = {"Berlin": "Q64", "Spree": "Q1585", "Berliner Mauer": "Q5086", "Quecksilber": "Q925"}


def test_with_link_probabilities(tmp_path: Path) -> None:
    missing = ArticleInLanguage("en", "Rome", "en"), ArticleInLanguage("de", "Berlin", "de")
    found = article_names(write_output(tmp_path / "OUT"), [*WANTED, *missing])
    assert {one.language: dict(names.entities) for one, names in found.items()} == {
        "en": ENGLISH,
        "de": GERMAN,
        "zh": {"柏林": "Q64", "柏林墙": "Q5086", "林": "Q9", "1871": "Q308"},
        "fr": {},  # no dictionary of this language
    }


def test_without_link_probabilities(tmp_path: Path) -> None:
    found = article_names(write_output(tmp_path / "OUT", with_probabilities=False), WANTED)
    assert {one.language: dict(names.entities) for one, names in found.items()} == {
        "en": {**ENGLISH, "far": "Q9"},
        "de": {**GERMAN, "weit": "Q9", "Merkur": "Q308"},  # one link to the other item does not count
        "zh": {"柏林": "Q64", "柏林墙": "Q5086"},  # two letters, and two links
        "fr": {},
    }


def test_redirects_are_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = write_output(tmp_path / "OUT")
    (output / layout.title_index("en")).mkdir(parents=True)

    class Index:
        def find(self, titles: list[str]) -> list[Found]:
            return [Found("Berlin" if title == "Berlin, Germany" else None, None, "red", False) for title in titles]

    monkeypatch.setattr(TitleIndex, "open", lambda place: Index())
    one = ArticleInLanguage("en", "Berlin, Germany", "en")
    assert {asked: dict(names.entities) for asked, names in article_names(output, [one]).items()} == {one: ENGLISH}


def test_articles_that_cannot_be_read(tmp_path: Path) -> None:
    output = write_output(tmp_path / "OUT")
    (file,) = (output / "articles/en").glob("*.parquet")
    file.write_bytes(b"PAR1")
    with pytest.raises(LinkerError, match="cannot be read, run mlukit verify"):
        article_names(output, WANTED)
    file.rename(file.with_suffix(".jsonl.gz").with_name("train-00000.jsonl.gz"))
    with pytest.raises(LinkerError, match="has no Parquet files: build with --articles-format parquet,jsonl"):
        article_names(output, WANTED)
    assert module.LEAST_LINKS == 2
