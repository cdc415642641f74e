"""One's own triples, as CSV and as JSON lines."""

import csv
import json
from pathlib import Path

import pytest

from mlukit.evaluation.data.facts.questions import Item
from mlukit.evaluation.data.facts.triples import read_triples
from mlukit.evaluation.errors import EvaluationError

TEMPLATES = "language,relation,template\nde,language,[X]: [Y].\nen,language,[Y]: [X].\n"
TRIPLES = """language,relation,subject,object,subject_qid,object_qid
de,language,Schweiz,Deutsch,Q39,Q188
de,language,Schweiz,Französisch,Q39,Q150
de,language,"Kongo, Republik",Französisch,,
en,language,Switzerland,German,Q39,
en,border,Switzerland,Italy,Q39,Q38
"""


def write(folder: Path, form: str, templates: str = TEMPLATES, triples: str = TRIPLES, candidates: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in (("templates", templates), ("triples", triples), ("candidates", candidates)):
        if text:
            rows = list(csv.DictReader(text.splitlines()))
            content = text if form == "csv" else "".join(json.dumps(row) + "\n" for row in rows)
            (folder / f"{name}.{form}").write_text(content)
    return folder


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_rows_with_the_same_subject_are_one_question(tmp_path: Path, form: str) -> None:
    found = read_triples(write(tmp_path / "data", form))
    swiss, congo = found.questions["de"]
    assert (swiss.id, congo.id) == ("language: Schweiz (Q39)", "language: Kongo, Republik")
    assert swiss.objects == (Item("Deutsch", "Q188"), Item("Französisch", "Q150"))
    assert congo.subject == Item("Kongo, Republik") and congo.right_items == (Item("Französisch", "Q150"),)
    assert swiss.relation.template == "[X]: [Y]." and swiss.relation is congo.relation
    assert swiss.relation.labels == ("Deutsch", "Französisch")
    assert found.questions["en"][0].objects[0].title("en") == "en:German"
    assert found.left_out == {"the relation has no template in the language": ["en border"]}
    assert [file.name for file in found.files] == [f"templates.{form}", f"triples.{form}"]
    assert list(read_triples(tmp_path / "data", ["en"]).questions) == ["en"]


def test_candidates_of_a_file(tmp_path: Path) -> None:
    candidates = "language,relation,object,object_qid\nde,language,Deutsch,\nde,language,Italienisch,Q652\n"
    found = read_triples(write(tmp_path / "data", "csv", candidates=candidates))
    swiss, _ = found.questions["de"]
    assert swiss.relation.items == (Item("Deutsch", "Q188"), Item("Italienisch", "Q652"))
    assert found.faults == {
        "without a right object among the candidates": ["de language: Kongo, Republik ('Französisch')"]
    }


@pytest.mark.parametrize(
    ("templates", "triples", "message"),
    [
        ("", TRIPLES, "has neither templates.csv nor templates.jsonl; accepted: one of the two"),
        (TEMPLATES, "", "has neither triples.csv nor triples.jsonl"),
        ("language,relation,template\nde,language,[X] ist da.\n", TRIPLES, "[Y] is there 0 times; accepted: [X] once"),
        (f"{TEMPLATES}de,language,[X] [Y]\n", TRIPLES, "templates.csv line 4: de language has a template already"),
        (
            TEMPLATES,
            "language,relation,subject\nde,language,A\n",
            "triples.csv line 2: object is None; accepted: a text",
        ),
        (TEMPLATES, TRIPLES.replace("Q188", "188"), "triples.csv line 2: object_qid is '188'; accepted: a QID"),
        (TEMPLATES, f"{TRIPLES}de,a,b,c,,,d\n", "triples.csv line 7 has more cells than the header"),
        (TEMPLATES, TRIPLES.replace("de,", "xxx,"), "triples.csv line 2: "),
        (TEMPLATES, TRIPLES.splitlines()[0], "triples.csv has no rows"),
    ],
)
def test_wrong_files(tmp_path: Path, templates: str, triples: str, message: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        read_triples(write(tmp_path / "data", "csv", templates, triples))
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_both_forms_or_no_such_language(tmp_path: Path) -> None:
    folder = write(tmp_path / "data", "csv")
    with pytest.raises(EvaluationError, match=r"--languages fr: the triples of .* are in de, en"):
        read_triples(folder, ["fr"])
    with pytest.raises(EvaluationError, match=r"has both templates.csv and templates.jsonl"):
        read_triples(write(folder, "jsonl"))


def test_json_lines_that_are_no_objects(tmp_path: Path) -> None:
    folder = write(tmp_path / "data", "jsonl")
    (folder / "triples.jsonl").write_text('["de"]\n')
    with pytest.raises(EvaluationError, match=r"triples.jsonl line 1 is '\[\"de\"\]'; accepted: an object"):
        read_triples(folder)
