"""SQuAD, XQuAD and MLQA in small: the answer is a river, and rivers have the same names in all languages."""

import json
import random
from pathlib import Path
from typing import Any

RIVERS, WORDS = 6, 20
MLQA_TESTS = [("en", "en"), ("de", "de"), ("de", "es")]
XQUAD_TESTS = ["en", "de", "zh"]


def words() -> list[str]:
    """Every word of the texts."""
    return ["which", "river", *(f"river{number}" for number in range(RIVERS)), *(f"w{one}" for one in range(WORDS))]


def article(chance: random.Random, name: str, paragraphs: int, length: int = 9) -> dict[str, Any]:
    """An article; each paragraph has one question, whose answer has one or two words."""
    made = []
    for row in range(paragraphs):
        text = [f"w{chance.randrange(WORDS)}" for _ in range(length)]
        place = chance.randrange(length)
        answer = " ".join(f"river{chance.randrange(RIVERS)}" for _ in range(chance.choice([1, 2])))
        context = " ".join([*text[:place], answer, *text[place:]]) + "."
        answers = [{"text": answer, "answer_start": context.index("river")}]
        made.append(
            {"context": context, "qas": [{"id": f"{name}-{row}", "question": "which river", "answers": answers}]}
        )
    return {"title": f"Rivers_{name}", "paragraphs": made}


def write_squad_file(file: Path, articles: int, paragraphs: int, length: int = 9) -> None:
    """Writes a file in SQuAD's form; the same name has the same content."""
    chance = random.Random(file.name)
    data = [article(chance, f"{file.stem}-{number}", paragraphs, length) for number in range(articles)]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"version": "1.1", "data": data}), encoding="utf-8")


def write_questions(folder: Path) -> Path:
    """Writes all official files; the contexts of "xquad-zh" are longer than the small model."""
    write_squad_file(folder / "train-v1.1.json", 20, 16)
    write_squad_file(folder / "squad/dev-v1.1.json", 4, 8)
    for language in XQUAD_TESTS:
        write_squad_file(folder / f"xquad/xquad.{language}.json", 4, 6, 9 if language != "zh" else 70)
    for context, question in MLQA_TESTS:
        write_squad_file(folder / f"mlqa/test-context-{context}-question-{question}.json", 4, 6)
    return folder


def write_candidates(folder: Path) -> Path:
    """Writes candidate files: in each article, river0 is the entity "River"."""
    titles = {name: [f"Rivers {name}-{number}" for number in range(20)] for name in ("train-v1.1", "dev-v1.1")}
    squad = {title: {"river0": "River"} for found in titles.values() for title in found}
    _write(folder / "squad/train-dev-v1.1.json", squad)
    for language in XQUAD_TESTS:
        found = {f"Rivers xquad.{language}-{number}": {"river0": "River", "w1": "Absent"} for number in range(4)}
        _write(folder / f"xquad/dev-v1.1.{language}.json", found)
    for context, question in MLQA_TESTS:
        name = f"test-context-{context}-question-{question}"
        found = {f"Rivers {name}-{number}": {"river0": "River"} for number in range(4)}
        _write(folder / f"mlqa/{name}.{'json' if context == question else 'trans.json'}", found)
    _write(folder / "mlqa/test-context-de-question-de.json", _of_german())
    return folder


def _of_german() -> dict[str, dict[str, str]]:
    """The contexts of the pair de-es have articles of their own here."""
    names = ["test-context-de-question-de", "test-context-de-question-es"]
    return {f"Rivers {name}-{number}": {"river0": "River"} for name in names for number in range(4)}


def _write(file: Path, content: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")
