"""Names by an output: of the article where it is there, else by the linker."""

from pathlib import Path

import pytest

from mlukit.evaluation.linking.article_names import ArticleInLanguage
from mlukit.evaluation.linking.found_names import FoundName, TextOfArticle
from mlukit.evaluation.linking.output_names import OutputNames
from mlukit.linker.output_files import LinkerError
from mlukit.schemas import layout
from tests.evaluation.linking.written_articles import write_output
from tests.written_mention_table import Anchor, write_dictionary

TEXT = "Berlin, Spree und Havel"


@pytest.fixture
def output(tmp_path: Path) -> Path:
    folder = write_output(tmp_path / "OUT")
    anchors = [Anchor("Berlin", 0.5, {821244: 6, 64: 4}), Anchor("Havel", 0.5, {1600: 2}), Anchor("und", 0.001, {7: 1})]
    write_dictionary(folder / layout.mention_dictionary("de"), "de", anchors)
    return folder


def test_the_article_goes_before_the_linker(output: Path) -> None:
    names = OutputNames.open(output, [ArticleInLanguage("en", title, "de") for title in ("Berlin", "Havel")])
    found = names.find(TextOfArticle(TEXT, "de", "Berlin", "en"))
    assert found == [FoundName(0, 6, "Q64"), FoundName(8, 13, "Q1585")]
    linked = [FoundName(0, 6, "Q821244"), FoundName(18, 23, "Q1600")]  # the most frequent item
    assert names.find(TextOfArticle(TEXT, "de", "Havel", "en")) == linked
    assert names.find(TextOfArticle(TEXT, "de")) == linked


def test_a_language_that_the_output_lacks(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = OutputNames.open(output, [ArticleInLanguage("en", "Havel", "el")])
    assert "does not have the language el: texts in it get no entities" in capsys.readouterr().err
    assert names.find(TextOfArticle(TEXT, "el", "Havel", "en")) == []


def test_an_output_without_dictionaries(output: Path, tmp_path: Path) -> None:
    with pytest.raises(LinkerError, match=r"has no link probabilities .* run mlukit mentions"):
        OutputNames.open(output, [ArticleInLanguage("en", "Havel", "en")])
    OutputNames.open(output, [ArticleInLanguage("en", "Berlin", "en")])  # its article needs no linker
    (tmp_path / "empty").mkdir()
    with pytest.raises(LinkerError, match="has no mention dictionary: name the output folder of mlukit build"):
        OutputNames.open(tmp_path / "empty", [])
