"""Given candidate files, in the form of LUKE's code."""

import json
from pathlib import Path

import pytest

from mlukit.evaluation.errors import EvaluationError
from mlukit.evaluation.linking.article_names import ArticleInLanguage
from mlukit.evaluation.linking.candidate_files import CandidateFiles
from mlukit.evaluation.linking.found_names import FoundName, TextOfArticle

ENGLISH, GERMAN = (ArticleInLanguage("en", "Super Bowl 50", language) for language in ("en", "de"))
OF_MLQA = [ArticleInLanguage("de", "Berlin", language) for language in ("de", "es")]


def write(folder: Path, name: str, content: object) -> None:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")


def test_the_files_of_each_set(tmp_path: Path) -> None:
    write(tmp_path, "squad/train-dev-v1.1.json", {"Super Bowl 50": {"NFL": "National Football League"}})
    write(tmp_path, "dev-v1.1.de.json", {"Super Bowl 50": {"NFL": "NFL (Liga)"}})
    write(tmp_path, "mlqa/test-context-de-question-de.json", {"Berlin": {"Spree": "Spree"}})
    write(tmp_path, "mlqa/test-context-de-question-es.trans.json", {"Berlin": {"Espree": "Río Espree"}})
    wanted = {"squad": [ENGLISH], "xquad": [ENGLISH, GERMAN], "mlqa": OF_MLQA}
    names = CandidateFiles.open(tmp_path, wanted)
    asked = [
        TextOfArticle("the NFL", "en", "Super Bowl 50", "en"),
        TextOfArticle("die NFL", "de", "Super Bowl 50", "en"),
        TextOfArticle("die Spree", "de", "Berlin", "de"),
        TextOfArticle("el Espree", "es", "Berlin", "de"),
        TextOfArticle("the NFL", "en"),
    ]
    assert [names.find(one) for one in asked] == [
        [FoundName(4, 7, "en:National Football League")],
        [FoundName(4, 7, "de:NFL (Liga)")],
        [FoundName(4, 9, "de:Spree")],
        [FoundName(3, 9, "es:Río Espree")],
        [],
    ]


def test_an_article_without_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "dev-v1.1.de.json", {})
    CandidateFiles.open(tmp_path, {"xquad": [GERMAN]})
    assert "has no names for 1 article, whose texts get no entities: Super Bowl 50" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "wanted", "said"),
    [
        ("xquad", [ENGLISH], "has no xquad/dev-v1.1.en.json or squad/train-dev-v1.1.json: a file like"),
        ("mlqa", OF_MLQA[1:], "has no mlqa/test-context-de-question-es.trans.json"),
    ],
)
def test_files_that_are_missing(name: str, wanted: list[ArticleInLanguage], said: str, tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=said):
        CandidateFiles.open(tmp_path, {name: wanted})


@pytest.mark.parametrize("content", [[], {"Super Bowl 50": ["NFL"]}])
def test_files_in_another_form(content: object, tmp_path: Path) -> None:
    write(tmp_path, "dev-v1.1.de.json", content)
    with pytest.raises(EvaluationError, match=r"dev-v1.1.de.json cannot be read .* it should be like"):
        CandidateFiles.open(tmp_path, {"xquad": [GERMAN]})
