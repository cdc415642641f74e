"""mLAMA 1.1 [Kassner, Dufter and Schütze 2021]: facts of T-REx and Google-RE in 53 languages.

The folder of a language has a file of templates and a file of triples for each relation. The candidates are in other
files: for each relation, the labels of its objects. Candidates have no QIDs: they take the QIDs of the triples.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlukit.evaluation.data.facts.questions import (
    Item,
    Question,
    QuestionData,
    Relation,
    candidates,
    fault_of_template,
    qid_of,
)
from mlukit.evaluation.data.official_files import OfficialSet, official_set
from mlukit.evaluation.errors import EvaluationError

PARTS = {"trex": "TREx_multilingual_objects", "googlere": "GoogleRE_objects"}
_FOLDER, _TEMPLATES = "mlama1.1", "templates.jsonl"
_LABELS = ("sub_label", "obj_label")


def read_mlama(folder: Path, part: str, languages: Sequence[str] = ()) -> QuestionData:
    """Reads the questions of T-REx or of Google-RE.

    Args:
        folder: with `mlama1.1` and the folders of candidates.
        part: a key of PARTS.
        languages: codes; none for all that have templates and candidates.

    Raises:
        OfficialFileError: a file is missing, or is not what it should be.
    """
    official, found = official_set("mlama"), QuestionData()
    for language in languages or _languages(official, folder, part):
        _read_language(official, folder, part, language, found)
    return found


def _languages(official: OfficialSet, folder: Path, part: str) -> list[str]:
    roots = [folder / _FOLDER, folder / official.name / _FOLDER]
    places = [place for root in roots if root.is_dir() for place in sorted(root.iterdir()) if place.is_dir()]
    found = [place.name for place in places if official.find_if_there(folder, f"{PARTS[part]}/{place.name}.json")]
    if not found:
        official.find(folder, f"{_FOLDER}/en/{_TEMPLATES}")
        official.find(folder, f"{PARTS[part]}/en.json")
        raise EvaluationError(f"--data {folder} has no language with both {_FOLDER} and {PARTS[part]}")
    return found


def _read_language(official: OfficialSet, folder: Path, part: str, language: str, found: QuestionData) -> None:
    file = official.find(folder, f"{_FOLDER}/{language}/{_TEMPLATES}")
    objects = official.find(folder, f"{PARTS[part]}/{language}.json")
    templates = {line["relation"]: line["template"] for _, line in _lines(official, file, ("relation", "template"))}
    labels = _labels(official, objects)
    found.files.extend((file, objects))
    for name in labels:
        triples = official.find_if_there(folder, f"{_FOLDER}/{language}/{name}.jsonl")
        if reason := _unusable(labels[name], templates.get(name), triples):
            found.left_out.setdefault(reason, []).append(f"{language} {name}")
        elif triples:
            found.files.append(triples)
            _read_relation(official, triples, Relation(language, name, templates[name], ()), labels[name], found)


def _unusable(labels: Sequence[str], template: str | None, triples: Path | None) -> str:
    """Why a relation of a language gives no questions; "" if it does."""
    if triples is None:
        return "the relation has no file of triples"
    if not labels:
        return "the relation has no candidates"
    return "the relation has no template with [X] and [Y]" if fault_of_template(template or "") else ""


def _read_relation(
    official: OfficialSet, file: Path, relation: Relation, labels: Sequence[str], found: QuestionData
) -> None:
    lines = list(_lines(official, file, _LABELS))
    objects = [Item(line["obj_label"], qid_of(line.get("obj_uri"))) for _, line in lines]
    full = Relation(relation.language, relation.name, relation.template, candidates(labels, objects))
    questions, places = [], dict[str, int]()
    for (number, line), right in zip(lines, objects, strict=True):
        name = f"{relation.name} {line.get('lineid', number)}"
        if (first := places.setdefault(name, number)) != number:
            raise official.wrong(file, f"lines {first} and {number} have the same lineid, {line['lineid']!r}")
        subject = Item(line["sub_label"], qid_of(line.get("sub_uri")))
        questions.append(Question(name, full, subject, (right,)))
    found.add(full, questions)


def _lines(official: OfficialSet, file: Path, texts: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The lines of a file with their numbers; each has these texts."""
    for number, line in enumerate(official.read_text(file).split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            raise official.wrong(file, f"line {number} is not JSON ({error})") from error
        for key in texts:
            text = value.get(key) if isinstance(value, dict) else None
            if not isinstance(text, str) or not text.strip():
                raise official.wrong(file, f"line {number}: {key!r} is {text!r}, and should be a text")
        yield number, value


def _labels(official: OfficialSet, file: Path) -> Mapping[str, list[str]]:
    """The labels of the candidates of each relation."""
    try:
        found = {name: value["objects"] for name, value in json.loads(official.read_text(file)).items()}
        if all(isinstance(label, str) for labels in found.values() for label in labels):
            return found
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise official.wrong(file, f"it cannot be read ({error!r})") from error
    raise official.wrong(file, "an object is not a text")
