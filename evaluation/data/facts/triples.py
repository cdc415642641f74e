"""One's own facts, as CSV with a header or as JSON lines; both forms have the same columns.

| file | columns |
| --- | --- |
| templates | language, relation, template |
| triples | language, relation, subject, object; subject_qid and object_qid if known |
| candidates, if there is one | language, relation, object; object_qid if known |
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlukit.corpus.languages.load import check_code
from mlukit.evaluation.data.facts.questions import (
    Item,
    Question,
    QuestionData,
    Relation,
    candidates,
    fault_of_template,
    qid_of,
)
from mlukit.evaluation.errors import EvaluationError

_COLUMNS = {
    "templates": ("language", "relation", "template"),
    "triples": ("language", "relation", "subject", "object"),
    "candidates": ("language", "relation", "object"),
}
_QIDS = ("subject_qid", "object_qid")
_Key = tuple[str, str]  # language and relation


def read_triples(folder: Path, languages: Sequence[str] = ()) -> QuestionData:
    """Reads the questions of a folder: the triples with the same subject and relation are one question.

    The candidates of a relation are the objects of all its triples in the language, unless the file of candidates has
    candidates for it.

    Raises:
        EvaluationError: a file is missing or has another form; the message names the line.
    """
    found = QuestionData()
    templates = _templates(found, _file(folder, "templates"))
    triples = _by_relation(found, _file(folder, "triples"), "triples")
    others = _file(folder, "candidates", optional=True)
    listed = _by_relation(found, others, "candidates") if others else {}
    if missing := [code for code in languages if all(language != code for language, _ in triples)]:
        available = ", ".join(sorted({language for language, _ in triples}))
        raise EvaluationError(f"--languages {missing[0]}: the triples of {folder} are in {available}")
    for key in sorted(triples):
        if languages and key[0] not in languages:
            continue
        if key not in templates:
            found.left_out.setdefault("the relation has no template in the language", []).append(" ".join(key))
            continue
        rows = triples[key]
        items = [_item(row, "object") for row in (*listed.get(key, ()), *rows)]
        labels = [row["object"] for row in listed.get(key, rows)]
        relation = Relation(*key, templates[key], candidates(labels, items))
        found.add(relation, list(_questions(relation, rows)))
    return found


def _questions(relation: Relation, rows: Sequence[Mapping[str, Any]]) -> Iterator[Question]:
    """One question for each subject; its id has the QID if there is one, which is the same in all languages."""
    objects: dict[Item, dict[Item, None]] = {}
    for row in rows:
        objects.setdefault(_item(row, "subject"), {})[_item(row, "object")] = None
    for subject, right in objects.items():
        name = f"{subject.label} ({subject.qid})" if subject.qid else subject.label
        yield Question(f"{relation.name}: {name}", relation, subject, tuple(right))


def _item(row: Mapping[str, Any], column: str) -> Item:
    return Item(row[column].strip(), qid_of(row.get(f"{column}_qid")))


def _templates(found: QuestionData, file: Path) -> dict[_Key, str]:
    templates: dict[_Key, str] = {}
    for place, row in _rows(file, "templates"):
        key = row["language"], row["relation"]
        if fault := fault_of_template(row["template"]):
            raise EvaluationError(f"{place}: in the template {row['template']!r}, {fault}")
        if key in templates:
            raise EvaluationError(f"{place}: {' '.join(key)} has a template already; accepted: one")
        templates[key] = row["template"]
    found.files.append(file)
    return templates


def _by_relation(found: QuestionData, file: Path, kind: str) -> dict[_Key, list[Mapping[str, Any]]]:
    rows: dict[_Key, list[Mapping[str, Any]]] = {}
    for place, row in _rows(file, kind):
        for column in _QIDS:
            if row.get(column) and not qid_of(row[column]):
                raise EvaluationError(f"{place}: {column} is {row[column]!r}; accepted: a QID such as Q64, or nothing")
        rows.setdefault((row["language"], row["relation"]), []).append(row)
    if not rows:
        raise EvaluationError(f"{file} has no rows; accepted: the columns {', '.join(_COLUMNS[kind])}")
    found.files.append(file)
    return rows


def _file(folder: Path, kind: str, *, optional: bool = False) -> Any:
    names = [f"{kind}.csv", f"{kind}.jsonl"]
    present = [folder / name for name in names if (folder / name).is_file()]
    if len(present) == 1 or (optional and not present):
        return present[0] if present else None
    problem = "has both" if present else "has neither" if folder.is_dir() else "is not a folder with"
    joined = (" and " if present else " nor ").join(names)
    raise EvaluationError(
        f"--data {folder} {problem} {joined}; accepted: one of the two, "
        f"with {', '.join(_COLUMNS[kind])} (docs/evaluation-cloze.md)"
    )


def _rows(file: Path, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The rows of a file, each with its place for messages; each has a text in the columns of its kind."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        raise EvaluationError(f"{file} cannot be read ({error}); accepted: UTF-8") from error
    read = _csv_rows if file.suffix == ".csv" else _json_rows
    for number, row in read(file, text):
        place = f"{file} line {number}"
        for column in _COLUMNS[kind]:
            value = row.get(column)
            if not isinstance(value, str) or not value.strip():
                raise EvaluationError(f"{place}: {column} is {value!r}; accepted: a text")
        try:
            check_code(row["language"])
        except ValueError as error:
            raise EvaluationError(f"{place}: {error}") from error
        yield place, row


def _csv_rows(file: Path, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            if None in row:
                raise EvaluationError(f"{file} line {reader.line_num} has more cells than the header")
            yield reader.line_num, row
    except csv.Error as error:
        raise EvaluationError(f"{file} line {reader.line_num} is not CSV ({error})") from error


def _json_rows(file: Path, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            raise EvaluationError(f"{file} line {number} is not JSON ({error})") from error
        if not isinstance(value, dict):
            raise EvaluationError(f"{file} line {number} is {line[:60]!r}; accepted: an object such as {{…}}")
        yield number, value
