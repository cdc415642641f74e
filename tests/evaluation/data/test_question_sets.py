"""The files of SQuAD, XQuAD and MLQA: what is read, and what is wrong with files."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from mlukit.evaluation.data.official_files import OfficialFileError, official_set
from mlukit.evaluation.data.question_sets import read_question_sets, set_of
from mlukit.evaluation.data.squad_files import read_questions
from mlukit.evaluation.errors import EvaluationError
from mlukit.evaluation.evaluate import main
from tests.evaluation.small_questions import write_questions, write_squad_file

REAL = Path(__file__).resolve().parents[4] / "shared/data/evaluation"
CONTEXT = "Ada founded Acme in 1871."


def question(name: str, *answers: tuple[str, int]) -> dict[str, Any]:
    found = [{"text": text, "answer_start": start} for text, start in answers]
    return {"id": name, "question": "Who founded Acme?", "answers": found}


def squad(*questions: dict[str, Any], title: str = "Acme_(company)") -> dict[str, Any]:
    return {"version": "1.1", "data": [{"title": title, "paragraphs": [{"context": CONTEXT, "qas": list(questions)}]}]}


def write(file: Path, content: object) -> Path:
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def test_questions(tmp_path: Path) -> None:
    good, empty = question("a", ("Ada", 0), ("Ada L.", 7)), question("b")
    wrong = [question("c", ("Ada", 1)), question("d", ("Acme", -13)), question("e", ("", 0))]
    file = write(tmp_path / "test-context-de-question-es.json", squad(good, empty, *wrong))
    found = read_questions(official_set("mlqa"), file, "de", "es", "de")
    first = found.questions[0]
    assert (first.id, first.text, first.language, first.answers) == ("a", "Who founded Acme?", "es", ("Ada", "Ada L."))
    assert (first.start, first.span) == (0, (0, 3))
    paragraph = first.paragraph
    assert (paragraph.context, paragraph.language, paragraph.title) == (CONTEXT, "de", "Acme (company)")
    assert (found.unanswered, found.misplaced) == (["b"], ["c", "d", "e"])
    assert all(one.paragraph is paragraph and one.span is None for one in found.questions[1:])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([], "it cannot be read"),
        ({"data": [{"paragraphs": [{"context": "a"}]}]}, "it cannot be read"),
        ({"data": ["a"]}, "it cannot be read"),
        ({"data": []}, "it has no question"),
        (squad(question("a"), question("a")), "it has two questions with the id 'a'"),
    ],
)
def test_files_in_another_form(content: object, said: str, tmp_path: Path) -> None:
    file = write(tmp_path / "xquad.en.json", content)
    with pytest.raises(OfficialFileError, match=said) as caught:
        read_questions(official_set("xquad"), file, "en", "en", "en")
    assert "\n" not in str(caught.value) and "It should be a file of XQuAD (https://" in str(caught.value)


def test_the_tests_of_each_set(tmp_path: Path) -> None:
    folder = write_questions(tmp_path)
    xquad, mlqa, pairs = ["xquad-en", "xquad-de", "xquad-zh"], ["mlqa-en", "mlqa-de"], ["mlqa-de-es"]
    for sets, tests in {
        "xquad,mlqa": [*xquad, *mlqa],
        "mlqa-pairs": pairs,
        "all": [*xquad, *mlqa, *pairs],
    }.items():
        found = read_question_sets(folder, "squad", sets)
        assert list(found.tests) == tests
        assert (len(found.train), len(found.dev)) == (320, 32)
        assert [file.name for file in found.files[:2]] == ["train-v1.1.json", "dev-v1.1.json"]
    (one, *_) = found.tests["mlqa-de-es"]
    assert (one.paragraph.language, one.language, one.paragraph.title_language) == ("de", "es", "de")
    (one, *_) = found.tests["xquad-de"]
    assert (one.paragraph.language, one.language, one.paragraph.title_language) == ("de", "de", "en")
    assert [set_of(name) for name in ("dev", "xquad-de", "mlqa-de-es")] == ["squad", "xquad", "mlqa"]


def test_training_on_xquad(tmp_path: Path) -> None:
    for language in ("en", "de"):
        write_squad_file(tmp_path / f"xquad.{language}.json", 48, 1)
    found = read_question_sets(tmp_path, "xquad", "xquad")
    assert [one.id for one in found.train] == [f"xquad.en-{number}-0" for number in range(36)]
    assert [one.id for one in found.dev] == [f"xquad.en-{number}-0" for number in range(36, 40)]
    for language in ("en", "de"):
        expected = [f"xquad.{language}-{number}-0" for number in range(40, 48)]
        assert [one.id for one in found.tests[f"xquad-{language}"]] == expected


@pytest.mark.parametrize(
    ("training", "sets", "said"),
    [
        ("squad", "xquad", "has no train-v1.1.json, a file of SQuAD 1.1 (https://rajpurkar.github.io/SQuAD-explorer)"),
        ("none", "xquad", "--sets xquad: --data FOLDER has no xquad.en.json, a file of XQuAD"),
        ("none", "xquad,mlqa-pairs", "has no xquad.en.json, a file of XQuAD"),
        ("none", "mlqa", "has no test-context-en-question-en.json, a file of MLQA (https://dl.fbaipublicfiles.com"),
        ("none", "mlqa-pairs", "has no test-context-en-question-ar.json, a file of MLQA"),
        ("none", "all", "has no xquad.en.json, a file of XQuAD"),
        ("none", "", "has no xquad.en.json, a file of XQuAD"),
    ],
)
def test_files_that_are_missing(training: str, sets: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(EvaluationError) as caught:
        read_question_sets(tmp_path, training, sets)
    assert said in str(caught.value).replace(str(tmp_path), "FOLDER")


def test_faults_are_named_and_scored_as_the_official_scripts_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "xquad.de.json", squad(question("a", ("Ada", 3)), question("b"), question("c", ("Acme", 12))))
    file = write(tmp_path / "answers.json", {"a": "ada", "b": "Acme"})
    arguments = ["--data", str(tmp_path), "--predictions", str(file), "--test", "xquad-de"]
    assert main(["score", "qa", *arguments]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("xquad-de: F1 0.3333, exact match 0.3333, ")
    assert "1 row with a question without an answer, scored as wrong: xquad.de.json b" in printed.err
    assert "1 answer not at answer_start; tests score the text: xquad.de.json a" in printed.err


def test_training_leaves_out_questions_without_a_place(tmp_path: Path) -> None:
    write(tmp_path / "train-v1.1.json", squad(question("a", ("Ada", 3)), question("b"), question("c", ("Acme", 12))))
    write(tmp_path / "dev-v1.1.json", squad(question("d", ("Ada", 0))))
    (tmp_path / "xquad.de.json.gz").write_bytes(gzip.compress((tmp_path / "dev-v1.1.json").read_bytes()))
    found = read_question_sets(tmp_path, "squad", "xquad")
    assert ([one.id for one in found.train], found.untrained) == (["c"], ["a", "b"])


@pytest.mark.skipif(not (REAL / "xquad").is_dir(), reason="needs ../shared/data/evaluation/xquad")
def test_real_xquad() -> None:
    found = read_question_sets(REAL, "xquad", "xquad")
    assert (len(found.train), len(found.dev), found.misplaced, found.unanswered) == (925, 88, [], [])
    assert {name: len(questions) for name, questions in found.tests.items()} == {
        f"xquad-{language}": 177 for language in ("en", "ar", "de", "es", "hi", "th", "zh")
    }
